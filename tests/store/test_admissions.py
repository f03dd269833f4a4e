"""Requests that share a commit: each has its own verdict, and none is lost with another."""

import threading
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from jeroboam.model.errors import Conflict, Unavailable
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.tree import Limit
from jeroboam.store import events, ledger
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from tests.engine import wait_until
from tests.store.build import an_event
from tests.store.cloud import a_cloud, used
from tests.store.test_concurrency import at_once


def asked(ident: str, team: str = "team1", containers: int = 1) -> Asked:
    return Asked(Request(ident, team, {"containers": containers}), f"object-{ident}")


def outcome(_: Connection, decision: Decision) -> str:
    return decision.outcome


def refuse(tx: Connection, decision: Decision) -> str:
    """As the API does: what is refused leaves nothing."""
    if decision.outcome == "refused":
        raise Conflict("refused")
    events.append(tx, an_event())
    return decision.outcome


@pytest.fixture
def admissions(db: Database) -> Admissions:
    with db.write() as tx:
        a_cloud(tx)
    return Admissions(db)


class Gate:
    """Holds the first that comes in its transaction, until all others queue."""

    def __init__(self, admissions: Admissions, others: int, meanwhile: Callable[[], None]) -> None:
        self.admissions, self.others, self.meanwhile = admissions, others, meanwhile
        self.entered = threading.Event()

    def __call__(self, tx: Connection, decision: Decision) -> str:
        self.entered.set()
        wait_until(lambda: len(self.admissions._queue) == self.others, "the others queue")
        self.meanwhile()
        return decision.outcome


def behind_a_gate(
    admissions: Admissions, acts: list[Callable[[], Any]], meanwhile: Callable[[], None] = lambda: None
) -> list[Any]:
    """What each of `acts` gave or raised, all of them waiting for one commit to end and then for the next."""
    gate, results = Gate(admissions, len(acts), meanwhile), [None] * len(acts)

    def run(place: int) -> None:
        gate.entered.wait()
        try:
            results[place] = acts[place]()
        except Exception as error:
            results[place] = error

    threads = [threading.Thread(target=run, args=(place,)) for place in range(len(acts))]
    for thread in threads:
        thread.start()
    admissions.submit(asked("first"), 1.0, gate)
    for thread in threads:
        thread.join()
    return results


def test_one_alone_goes_straight_through(db: Database, admissions: Admissions) -> None:
    assert admissions.submit(asked("a"), 1.0, outcome) == "admitted"
    with db.read() as tx:
        assert used(tx, "team1") == [1]


def test_those_that_queue_share_a_commit(db: Database, admissions: Admissions) -> None:
    commits: list[int] = []
    leave = db.signal.subscribe(lambda: commits.append(1))
    teams = ("team1", "team2")
    acts = [lambda n=n: admissions.submit(asked(f"c{n}", teams[n % 2]), 1.0, outcome) for n in range(14)]
    assert behind_a_gate(admissions, acts) == ["admitted"] * 14
    leave()
    with db.read() as tx:
        assert used(tx, "team1", "team2") == [8, 7]
        assert {claim.object_id for claim in ledger.claims(tx, None)} == {f"object-c{n}" for n in range(14)} | {
            "object-first"
        }
    assert len(commits) <= 4  # the first, the others, and what a server tells of when it is first listened to


def test_who_came_meanwhile_waits_for_who_was_just_answered(
    admissions: Admissions, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or one of several would always be a batch behind the others, and have a commit of its own."""
    batches, admit_plain = list[int](), ledger.admit_plain

    def counted(tx: Connection, together: Sequence[Asked], now: float) -> list[bool]:
        batches.append(len(together))
        return admit_plain(tx, together, now)

    monkeypatch.setattr(ledger, "admit_plain", counted)
    monkeypatch.setattr("jeroboam.store.admissions.GATHER_SECONDS", 30)
    gate = Gate(admissions, 1, lambda: None)
    meanwhile = threading.Thread(
        target=lambda: gate.entered.wait() and admissions.submit(asked("b"), 1.0, outcome), daemon=True
    )
    meanwhile.start()
    admissions.submit(asked("a"), 1.0, gate)
    wait_until(lambda: admissions._expected == 2, "who came meanwhile waits for another")
    assert admissions.submit(asked("again"), 1.0, outcome) == "admitted"
    meanwhile.join()
    assert batches == [1, 2]


def test_each_has_a_verdict_of_its_own(db: Database, admissions: Admissions) -> None:
    """15 of 16 are left: of 20 that ask for one at once, 5 are too many, and only those are told so."""
    acts = [lambda n=n: admissions.submit(asked(f"c{n}", "team2"), 1.0, refuse) for n in range(20)]
    results = behind_a_gate(admissions, acts)
    assert [str(r) for r in results].count("admitted") == 15
    assert sum(isinstance(r, Conflict) for r in results) == 5
    with db.read() as tx:
        assert used(tx, "team1", "team2") == [1, 15]
        assert len(events.since(tx, 0, ["p1"], 100)) == 15


def test_one_that_cannot_be_is_told_alone(db: Database, admissions: Admissions) -> None:
    def fail(tx: Connection, decision: Decision) -> str:
        raise Conflict(f"cannot: {decision.outcome}")

    thens = [refuse, fail, refuse, fail, refuse]
    acts = [lambda n=n, t=t: admissions.submit(asked(f"c{n}"), 1.0, t) for n, t in enumerate(thens)]
    results = behind_a_gate(admissions, acts)
    assert [str(r) for r in results] == ["admitted", "cannot: admitted", "admitted", "cannot: admitted", "admitted"]
    with db.read() as tx:
        assert used(tx, "team1") == [4]
        assert {claim.id for claim in ledger.claims(tx, None)} == {"first", "c0", "c2", "c4"}


def test_one_that_there_is_already_is_as_it_stands_and_the_others_are_admitted(
    db: Database, admissions: Admissions
) -> None:
    idents = ["c0", "first", "c1", "c2"]
    acts = [lambda ident=ident: admissions.submit(asked(ident), 1.0, outcome) for ident in idents]
    assert behind_a_gate(admissions, acts) == ["admitted"] * 4
    with db.read() as tx:
        assert used(tx, "team1") == [4]
        assert ledger.differences(tx) == []


def test_those_that_cannot_be_do_not_take_the_others_commit_apart(db: Database, admissions: Admissions) -> None:
    def fail(tx: Connection, decision: Decision) -> str:
        raise Conflict("cannot")

    def clash(tx: Connection, decision: Decision) -> str:
        """What two at once may do, and one alone may not: the database minds."""
        tx.exec_driver_sql("INSERT INTO installation (id) SELECT id FROM installation")
        return decision.outcome

    commits: list[int] = []
    leave = db.signal.subscribe(lambda: commits.append(1))
    thens = [fail, *[outcome] * 5, fail, *[outcome] * 6]
    acts = [lambda n=n, t=t: admissions.submit(asked(f"c{n}", f"team{1 + n % 2}"), 1.0, t) for n, t in enumerate(thens)]
    results = [str(result) for result in behind_a_gate(admissions, acts)]
    leave()
    assert results == ["cannot", *["admitted"] * 5, "cannot", *["admitted"] * 6]
    assert len(commits) <= 4
    with pytest.raises(IntegrityError):
        admissions.submit(asked("clash"), 1.0, clash)
    with db.read() as tx:
        assert used(tx, "team1", "team2") == [6, 6]


def test_the_same_request_many_times_is_one_claim(db: Database, admissions: Admissions) -> None:
    acts = [lambda: admissions.submit(asked("same"), 1.0, outcome)] * 6
    assert behind_a_gate(admissions, acts) == ["admitted"] * 6
    with db.read() as tx:
        assert used(tx, "team1") == [2]


def test_what_takes_from_others_is_decided_like_everything_else(db: Database, admissions: Admissions) -> None:
    assert at_once(15, lambda n: admissions.submit(asked(f"b{n}", "team2"), 1.0, outcome)) == ["admitted"] * 15
    acts = [lambda n=n: admissions.submit(asked(f"c{n}"), 1.0, outcome) for n in range(4)]
    assert behind_a_gate(admissions, acts) == ["reclaiming"] * 4
    with db.read() as tx:
        assert len({victim.claim_id for row in ledger.reclaims(tx, None) for victim in row.victims}) == 4


def test_alone_is_alone(db: Database, admissions: Admissions) -> None:
    assert admissions.submit(asked("a"), 1.0, outcome, alone=True) == "admitted"
    with pytest.raises(Conflict):
        admissions.submit(asked("b", containers=100), 1.0, refuse, alone=True)


def test_a_database_that_is_gone_is_told_to_everybody_and_nobody_hangs(
    db: Database, admissions: Admissions, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone() -> None:
        raise Unavailable("gone")

    acts = [lambda n=n: admissions.submit(asked(f"c{n}"), 1.0, outcome) for n in range(5)]
    with monkeypatch.context() as patch:
        results = behind_a_gate(admissions, acts, lambda: patch.setattr(db, "admit", gone))
    assert {type(result) for result in results} == {Unavailable}
    assert admissions.submit(asked("later"), 1.0, outcome) == "admitted"


def test_more_than_fit_into_one_commit_take_several(
    db: Database, admissions: Admissions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jeroboam.store.admissions.MOST", 3)
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(40, None, None), "team2": Limit(8)}, org=50)
    acts = [lambda n=n: admissions.submit(asked(f"c{n}"), 1.0, outcome) for n in range(10)]
    assert behind_a_gate(admissions, acts) == ["admitted"] * 10
    with db.read() as tx:
        assert used(tx, "team1") == [11]
