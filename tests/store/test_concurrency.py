"""Many at once, from threads and from processes, some of them killed: what was answered is what the ledger holds."""

import multiprocessing
import os
import threading
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe
from typing import Any

from jeroboam.quota.decision import Request
from jeroboam.quota.tree import ClaimState, Limit
from jeroboam.store import ledger, objects, work
from jeroboam.store.database import Database
from tests.store.build import an_object
from tests.store.cloud import SHARED, a_cloud, ask, used

spawn = multiprocessing.get_context("spawn")


def at_once(count: int, act: Callable[[int], Any]) -> list[Any]:
    """Runs act(0) ... act(count - 1) in threads that start together; their results. Raises what one of them does."""
    gate = threading.Barrier(count)

    def run(number: int) -> Any:
        gate.wait()
        return act(number)

    with ThreadPoolExecutor(count) as pool:
        return list(pool.map(run, range(count)))


def create(db: Database, team: str, ident: str | None = None) -> str:
    """What the API does for a container: charge, object and all, in one transaction; the outcome."""
    obj = an_object(team, project=team, id=ident or str(uuid.uuid4()))
    with db.write() as tx:
        decision = ledger.admit(tx, Request(obj.id, team, {"containers": 1}), obj.id, 1.0)
        if decision.outcome != "refused" and objects.find(tx, obj.id) is None:
            objects.insert(tx, obj, obj.id)
    return decision.outcome


def test_32_at_once_and_one_slot_left(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(4, None, 0)})
    for _ in range(3):
        create(db, "team1")
    outcomes = at_once(32, lambda _: create(db, "team1"))
    assert sorted(outcomes) == ["admitted"] + ["refused"] * 31
    with db.read() as tx:
        assert used(tx, "team1") == [4]
        assert ledger.verify(tx) == []


def test_one_request_sent_many_times_at_once_is_one_claim(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
    ident = str(uuid.uuid4())
    assert set(at_once(16, lambda _: create(db, "team1", ident))) == {"admitted"}

    def release(_: int) -> None:
        with db.write() as tx:
            ledger.release(tx, ident, 2.0)

    with db.read() as tx:
        assert used(tx, "team1") == [1]
    at_once(16, release)
    with db.read() as tx:
        assert used(tx, "team1") == [0]


def test_two_teams_borrow_the_same_units_while_the_owner_takes_them_back(db: Database) -> None:
    teams = {"team1": Limit(8, None, None), "team2": Limit(4, None, None), "team3": Limit(4, None, None)}
    with db.write() as tx:
        a_cloud(tx, teams)
    at_once(24, lambda number: create(db, ("team2", "team3")[number % 2]))
    with db.read() as tx:
        assert sum(used(tx, "team2", "team3")) == 16
    outcomes = at_once(12, lambda number: create(db, ("team1", "team2", "team3")[number % 3]))
    assert outcomes.count("reclaiming") + outcomes.count("admitted") >= 4
    with db.write() as tx:
        for reclaim in ledger.reclaims(tx, None):
            for victim in reclaim.victims:
                ledger.evicted(tx, victim.claim_id, 2.0)
        assert used(tx, "team1") == [4]
        assert sum(used(tx, "team1", "team2", "team3")) == 16
        assert ledger.reclaims(tx, None) == []
        assert ledger.verify(tx) == []


def test_every_due_object_is_taken_by_exactly_one(db: Database) -> None:
    many = [an_object(at=float(number)) for number in range(60)]
    with db.write() as tx:
        for obj in many:
            objects.insert(tx, obj, None)

    def drain(number: int) -> list[str]:
        found: list[str] = []
        while taken := work.take(db, f"conductor-{number}", 3, 100.0, 1000.0):
            found += [item.object.id for item in taken]
        return found

    shares = at_once(8, drain)
    assert sorted(ident for share in shares for ident in share) == sorted(obj.id for obj in many)


# processes


def _create_and_delete(url: str, team: str, say: Pipe) -> None:
    """Creates and deletes without end, and says each thing after it was committed."""
    db = Database(url)
    say.send(("ready", ""))
    held: list[str] = []
    while True:
        ident = str(uuid.uuid4())
        if create(db, team, ident) == "refused":
            with db.write() as tx:
                ledger.release(tx, held[0], 2.0)
                objects.remove(tx, held[0])
            say.send(("deleted", held.pop(0)))
        else:
            held.append(ident)
            say.send(("created", ident))


def test_a_process_killed_in_the_middle_leaves_the_ledger_true(db: Database, url: str) -> None:
    with db.write() as tx:
        a_cloud(tx, {team: Limit(5, None, 0) for team in SHARED}, org=10)
    workers = []
    for team in SHARED:
        hear, say = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_create_and_delete, args=(url, team, say))
        process.start()
        say.close()
        workers.append((process, hear))
    said: set[str] = set()
    for rounds, (process, hear) in ((60, workers[0]), (120, workers[1])):
        for _ in range(rounds):
            _note(said, *hear.recv())
        assert process.pid is not None
        os.kill(process.pid, 9)  # wherever it is just now
        process.join()
        with suppress(EOFError):
            while True:
                _note(said, *hear.recv())
    with db.write() as tx:
        assert ledger.verify(tx) == []
        there = {obj.id for obj in objects.listing(tx, "container", None)}
        # Each killed process may have committed one thing more than it said.
        assert len(said ^ there) <= 2
        holders = [claim.node_id for claim in ledger.claims(tx, None) if claim.state is ClaimState.ADMITTED]
        assert used(tx, "team1", "team2") == [holders.count(team) for team in SHARED]
        for ident in there:
            ledger.release(tx, ident, 3.0)
        assert used(tx, "team1", "team2") == [0, 0]
        assert ask(tx, "team1", 5)[1].outcome == "admitted"


def _note(said: set[str], what: str, ident: str) -> None:
    if what == "created":
        said.add(ident)
    elif what == "deleted":
        said.remove(ident)


def _admit_some(url: str, count: int, say: Pipe) -> None:
    db = Database(url)
    say.send([create(db, "team1") for _ in range(count)].count("admitted"))


def test_several_processes_share_the_last_slots(db: Database, url: str) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(13, None, 0)})
    pipes, processes = [], []
    for _ in range(3):
        hear, say = spawn.Pipe(duplex=False)
        process = spawn.Process(target=_admit_some, args=(url, 8, say))
        process.start()
        pipes.append(hear)
        processes.append(process)
    assert sum(hear.recv() for hear in pipes) == 13
    for process in processes:
        process.join()
    with db.read() as tx:
        assert used(tx, "team1") == [13]
        assert ledger.verify(tx) == []
