"""A whole store from one kind of database to the other, and back."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from jeroboam.model.container import PortSpec
from jeroboam.model.errors import Conflict, Unavailable
from jeroboam.store import (
    actions,
    copying,
    events,
    history_schema,
    ledger,
    networks,
    objects,
    ports,
    postgres,
    registries,
    volumes,
)
from jeroboam.store.database import Database
from jeroboam.store.migrations import METADATA
from jeroboam.store.registries import Registry
from tests import postgres as servers
from tests.store.build import an_event, an_object
from tests.store.cloud import ADMIN, a_cloud, ask, change
from tests.store.conftest import sqlite_url


@pytest.fixture
def other(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """Of the other kind than `db`, and empty."""
    if url.startswith("sqlite"):
        with servers.a_database(request.getfixturevalue("postgres_server"), servers.TEMPLATE) as made:
            yield from _opened(made)
    else:
        yield from _opened(sqlite_url(tmp_path / "other"))


def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()


def fill(tx: Connection) -> None:
    """Something in every table: a reclaim, a reservation, a private image, a binary secret."""
    a_cloud(tx, grace=60.0)
    ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 2}, None, 1.0)
    for number in range(12):
        obj = an_object(f"c{number}", project="team2")
        ask(tx, "team2", object_id=obj.id, id=obj.id)
        objects.insert(tx, obj, obj.id)
        actions.append(tx, obj.id, "create", "req-1", "u1", "team2", 1.0)
        if number == 0:
            ports.allocate(tx, obj.id, "team2", [PortSpec(80, "tcp")], 20000, 20010)
    waiting = an_object("w", project="team1")
    ask(tx, "team1", 6, object_id=waiting.id, id=waiting.id)
    objects.insert(tx, waiting, waiting.id)
    ledger.set_node(tx, ADMIN, "team1", change(lend=7), 2.0)
    events.append_all(tx, [an_event(message=f"é {number}") for number in range(2 * copying.CHUNK + 1)])
    volumes.ensure(tx, "team2", "data")
    tx.execute(history_schema.series.insert(), {"id": 7, "node_id": "team1", "resource": "containers"})
    registries.insert(tx, Registry("reg1", "team2", "reg", "example.org", "me", b"\x00\xff"))


def contents(tx: Connection) -> dict[str, list[tuple[Any, ...]]]:
    return {t.name: sorted((tuple(r) for r in tx.execute(select(t))), key=repr) for t in METADATA.sorted_tables}


def test_everything_arrives_and_goes_on(db: Database, other: Database) -> None:
    with db.write() as tx:
        fill(tx)
        before = contents(tx)
    told: dict[str, int] = {}
    copying.copy(db, other, told.__setitem__)
    with other.read() as tx:
        assert contents(tx) == before
        last = events.latest(tx)
    assert told == {table: len(rows) for table, rows in before.items()}
    assert {t for t, rows in before.items() if rows} >= {"quota_reclaims", "quota_victims", "quota_audit", "ports"}
    assert other.installation == db.installation
    with other.write() as tx:
        events.append(tx, an_event())
        assert events.latest(tx) == last + 1
        assert ask(tx, "team1", 100)[1].outcome == "refused"
        added = tx.execute(history_schema.series.insert(), {"node_id": "team2", "resource": "containers"})
        assert added.inserted_primary_key == (8,)


def test_a_number_is_not_given_again_even_where_its_row_is_gone(db: Database, other: Database) -> None:
    with db.write() as tx:
        events.append_all(tx, [an_event(at=1.0)] * 5)
        events.prune(tx, 2.0)
    copying.copy(db, other, lambda table, rows: None)
    with other.write() as tx:
        events.append(tx, an_event())
        assert events.latest(tx) == 6


def test_what_holds_something_is_left_alone(db: Database, other: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
    with other.write() as tx:
        networks.ensure(tx, "p", "n", IPv4Network("10.0.0.0/8"), 24)
    with pytest.raises(Conflict, match=r"holds something already \(networks\)"):
        copying.copy(db, other, lambda table, rows: None)
    with other.read() as tx:
        assert not ledger.has_projects(tx)


def test_nothing_arrives_where_something_does_not_add_up(db: Database, other: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        tx.exec_driver_sql("UPDATE quota_limits SET used = 3 WHERE node_id = 'team1'")
    with pytest.raises(Conflict, match="does not add up"):
        copying.copy(db, other, lambda table, rows: None)
    with other.read() as tx:
        assert not ledger.has_projects(tx)


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Servers that soon lose patience with whoever rests in the middle of a transaction."""
    monkeypatch.setattr(postgres, "_OPTIONS", ("-c idle_in_transaction_session_timeout=50",))


def test_either_may_rest_while_the_other_works(hurried: None, db: Database, other: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
    copying.copy(db, other, lambda table, rows: _rest(table))
    with other.read() as tx:
        assert ledger.has_projects(tx)


def _rest(table: str) -> None:
    if table == "quota_limits":
        threading.Event().wait(0.2)


def test_nothing_arrives_where_the_source_fails_at_its_end(
    db: Database, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    with db.write() as tx:
        a_cloud(tx)
    write = db.write

    @contextmanager
    def failing(**options: bool) -> Iterator[Connection]:
        with write(**options) as tx:
            yield tx
        raise Unavailable("gone at its commit")

    monkeypatch.setattr(db, "write", failing)
    with pytest.raises(Unavailable, match="gone at its commit"):
        copying.copy(db, other, lambda table, rows: None)
    with other.read() as tx:
        assert not ledger.has_projects(tx)
