"""Admissions a second into the ledger, in units of the fewest commits that could be: updates of a single row.

Each admission charges three resources on four levels and writes the claim that pays for it, durably, with a verdict of
its own (store/admissions.py, as the API calls it). The floor is a bare `UPDATE ... WHERE id = ...` with its commit:
every client a row of its own ("different rows"), or all of them the same one. Both sides run in this process, with as
many threads, and take turns.
"""

import sqlite3
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import psycopg
import uuid_utils
from sqlalchemy import Connection
from tests import postgres as servers
from tests.store.build import an_event, an_object

from bench.clients import per_second
from bench.forest import AMOUNTS, choose, plant
from bench.result import Result
from jeroboam.quota.decision import Decision, Request
from jeroboam.store import actions, events, objects
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked

SECONDS = 2.0
PLAIN, ROOT_BOUND, SOME = 0.0, 1.0, 0.2
"""How many of the requests reach the root."""
Act = Callable[[int], Callable[[int], object]]


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement: so many clients, in a tree of so many projects, of whose requests a part reaches the root."""

    clients: int
    projects: int
    reach: float

    def __str__(self) -> str:
        return f"{self.clients} clients, {self.projects:,} projects, p = {self.reach:g}"


def on_postgres(quick: bool) -> list[Result]:
    rounds = 1 if quick else 3
    small, large = (1000, 10_000) if quick else (1000, 100_000)
    with _postgres() as server:
        rows, same = _floors(server)
        found = [
            _ratio(server, Cell(16, small, PLAIN), rows, "different rows", 0.8, rounds),
            _ratio(server, Cell(16, small, SOME), rows, "different rows", 0.8, rounds),
            _ratio(server, Cell(16, small, ROOT_BOUND), same, "the same row", 1.0, rounds),
            _ratio(server, Cell(64, small, ROOT_BOUND), same, "the same row", 1.5, rounds),
        ]
        found.append(_large(server, small, large, rounds))
        if not quick:
            floors = {"different rows": rows, "same row": same}
            found[0].detail["matrix"] = _matrix(partial(_forest, server), floors)
    return found


def on_sqlite(quick: bool) -> list[Result]:
    rounds = 1 if quick else 3
    with tempfile.TemporaryDirectory(prefix="jeroboam-bench-") as folder:
        url = f"sqlite:///{folder}/ledger.sqlite"
        floor = _sqlite_floor(Path(folder) / "floor.sqlite")
        cell = Cell(16, 1000, ROOT_BOUND)
        with _planted(url, cell.projects) as act_on:
            turns = _turns(cell, floor, act_on(cell), rounds)
        found = _result(f"SQLite, {cell}: to one row", turns, 1.5)
        if not quick:
            forest = partial(_file, Path(folder))
            found.detail["matrix"] = _matrix(forest, {"one row": floor})
    return [found]


@contextmanager
def _postgres() -> Iterator[str]:
    """A durable server of our own, as Debian's package makes it; the URL of its database."""
    folder = Path(tempfile.mkdtemp(prefix="jeroboam-bench-postgres-"))
    try:
        folder.chmod(0o755)
        servers.start(folder, fsync="on", full_page_writes="on", autovacuum="on", shared_buffers="128MB")
        yield servers.url_of(folder).render_as_string(hide_password=False)
    finally:
        servers.end(folder)


def _floors(url: str) -> tuple[Act, Act]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE floor (id int PRIMARY KEY, n bigint)")
        connection.execute("INSERT INTO floor SELECT g, 0 FROM generate_series(0, 999) AS g")

    def updating(row_of: Callable[[int], int]) -> Act:
        def act(client: int) -> Callable[[int], object]:
            connection = psycopg.connect(url, autocommit=True, prepare_threshold=0)
            return lambda _: connection.execute("UPDATE floor SET n = n + 1 WHERE id = %s", [row_of(client)])

        return act

    return updating(lambda client: client), updating(lambda client: 0)


def _sqlite_floor(file: Path) -> Act:
    """One connection behind a lock: nobody loses time to SQLite's own waiting."""
    connection, turn = sqlite3.connect(file, isolation_level=None, check_same_thread=False), threading.Lock()
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"):
        connection.execute(statement)
    connection.execute("CREATE TABLE floor (id INTEGER PRIMARY KEY, n INTEGER)")
    connection.execute("INSERT INTO floor VALUES (0, 0)")

    def update(_: int) -> None:
        with turn:
            connection.execute("UPDATE floor SET n = n + 1 WHERE id = 0")

    return lambda client: update


@contextmanager
def _planted(url: str, projects: int) -> Iterator[Callable[..., Act]]:
    with closing(Database(url)) as database:
        database.migrate()
        plant(database, projects)
        admissions = Admissions(database)
        _admitting(admissions, Cell(1, projects, PLAIN))(0)(0)  # whoever comes first may have to read the tree
        yield partial(_admitting, admissions)


def _verdict(_: str, __: str, ___: Connection, decision: Decision) -> str:
    return decision.outcome


def _stored(project: str, claim: str, tx: Connection, decision: Decision) -> str:
    """With what the API writes beside it, in the same transaction."""
    obj = an_object(project=project)
    objects.insert(tx, obj, claim)
    actions.append(tx, obj.id, "create", "req-bench", "user", project, 1.0)
    events.append(tx, an_event(object_id=obj.id, project=project))
    return decision.outcome


def _admitting(admissions: Admissions, cell: Cell, then: Callable[..., str] = _verdict) -> Act:
    def act(client: int) -> Callable[[int], object]:
        def once(number: int) -> None:
            ident = str(uuid_utils.uuid7())
            project = choose(number * cell.clients + client, cell.projects, cell.reach)
            asked = Asked(Request(ident, project, dict(AMOUNTS)), ident)
            outcome = admissions.submit(asked, 1.0, partial(then, project, ident))
            assert outcome == "admitted"

        return once

    return act


def _measure(cell: Cell, act: Act, seconds: float = SECONDS) -> float:
    return per_second(cell.clients, seconds, act)


@contextmanager
def _file(folder: Path, projects: int) -> Iterator[Callable[..., Act]]:
    with _planted(f"sqlite:///{folder}/forest{projects}.sqlite", projects) as act_on:
        yield act_on


@contextmanager
def _forest(server: str, projects: int) -> Iterator[Callable[..., Act]]:
    """A database of its own for each size."""
    name = f"forest{projects}"
    with psycopg.connect(server, autocommit=True) as connection:
        there = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not there:
            connection.execute(f"CREATE DATABASE {name}")  # type: ignore[call-overload]
    url = server.replace("/postgres?", f"/{name}?")
    if there:
        with closing(Database(url)) as database:
            admissions = Admissions(database)
            yield partial(_admitting, admissions)
    else:
        with _planted(url, projects) as act_on:
            with psycopg.connect(url, autocommit=True) as connection:
                connection.execute("VACUUM ANALYZE")
            yield act_on


def _ratio(server: str, cell: Cell, floor: Act, of: str, target: float, rounds: int) -> Result:
    with _forest(server, cell.projects) as act_on:
        turns = _turns(cell, floor, act_on(cell), rounds)
    return _result(f"PostgreSQL, {cell}: to {of}", turns, target)


def _turns(cell: Cell, floor: Act, ours: Act, rounds: int) -> list[tuple[float, float]]:
    """The first half second, of connections and plans that are made, counts for neither."""
    for act in (floor, ours):
        _measure(cell, act, SECONDS / 4)
    return [(_measure(cell, floor), _measure(cell, ours)) for _ in range(rounds)]


def _result(figure: str, turns: list[tuple[float, float]], target: float) -> Result:
    ratios = [ours / floor for floor, ours in turns]
    detail = {"floor_per_second": [round(f) for f, _ in turns], "admissions_per_second": [round(o) for _, o in turns]}
    return Result(figure, statistics.median(ratios), target, at_least=True, detail=detail)


def _large(server: str, small: int, large: int, rounds: int) -> Result:
    """Within 20 %: the size of the tree is no matter."""
    few, many = Cell(16, small, SOME), Cell(16, large, SOME)
    with _forest(server, small) as on_few, _forest(server, large) as on_many:
        turns = _turns(few, on_few(few), on_many(many), rounds)
    return _result(f"PostgreSQL, 16 clients, p = {SOME:g}: {large:,} projects to {small:,}", turns, 0.8)


def _matrix(
    forest: Callable[[int], AbstractContextManager[Callable[..., Act]]], floors: dict[str, Act]
) -> dict[str, dict[str, int]]:
    """Everything else that was asked: one turn each, as so many a second, beside the floors."""
    found = {}
    for projects in (10, 1000, 100_000):
        with forest(projects) as act_on:
            for clients in (1, 4, 16, 64):
                beside = {what: _measure(Cell(clients, 0, 0), floor, SECONDS / 2) for what, floor in floors.items()}
                for reach in (PLAIN, SOME, ROOT_BOUND):
                    cell = Cell(clients, projects, reach)
                    ours = {"admissions": _measure(cell, act_on(cell), SECONDS / 2)}
                    if reach == SOME:
                        ours["with object and event"] = _measure(cell, act_on(cell, _stored), SECONDS / 2)
                    found[str(cell)] = {what: round(rate) for what, rate in {**ours, **beside}.items()}
    return found
