"""The ledger in memory is the ledger in the database: whoever wrote last, and whatever was rolled back."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from jeroboam.model.errors import Conflict
from jeroboam.quota.decision import Request
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import Limit
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked, changes, load, resident
from jeroboam.store.migrations import METADATA
from jeroboam.store.schema import installation
from tests.store.cloud import ADMIN, a_cloud, ask, ask_many
from tests.store.test_ledger_random import LEAVES, Both, amounts, state, step
from tests.store.test_plain import alone

Two = tuple[Database, Database]


@contextmanager
def two_of(url: str) -> Iterator[Two]:
    """Two processes' views of one database that holds nothing yet."""
    first, second = Database(url), Database(url)
    first.migrate()
    with first.write() as tx:
        for table in reversed(METADATA.sorted_tables):
            if table is not installation:
                tx.execute(table.delete())
    yield first, second
    second.close()
    first.close()


@pytest.fixture
def two(url: str) -> Iterator[Two]:
    with two_of(url) as both:
        yield both


def agree(tx: Connection) -> None:
    books, stored = resident.books(tx), load.whole(tx)
    assert state(books.tree) == state(stored.tree)
    assert {k: v for k, v in books.objects.items() if v} == {k: v for k, v in stored.objects.items() if v}
    assert books.tree.claims.keys() == stored.tree.claims.keys()
    assert books.tree.waiting.keys() == stored.tree.waiting.keys()
    for ident, node in books.tree.nodes.items():
        assert node.claims.keys() == stored.tree.nodes[ident].claims.keys()


def plain(tx: Connection, both: Both, node: str, asked: dict[str, int]) -> None:
    request = Request(f"p{both.now:+03.0f}", node, asked, 50)
    expected = not both.tree.reclaims and alone(both.tree, request)
    assert ledger.admit_plain(tx, [Asked(request, f"object-{request.id}")], both.now) == [expected]
    if expected:
        both.made.append(request)


def broken_off(database: Database, both: Both, node: str, asked: dict[str, int]) -> None:
    """It takes what it can get, changes a limit, and then it cannot be after all."""
    with suppress(Conflict), database.write() as tx:
        for nth in range(3):
            ledger.admit(tx, Request(f"x{nth}", node, asked, 60, "wait"), "object", both.now)
        with suppress(QuotaConflict):
            ledger.set_node(tx, ADMIN, node, {"containers": Limit(9, None, None)}, both.now, force=True)
        raise Conflict("after all")


turn = st.tuples(
    st.booleans(),
    st.one_of(
        step,
        step,
        st.tuples(st.just("plain"), st.sampled_from(LEAVES), amounts),
        st.tuples(st.just("broken off"), st.sampled_from(LEAVES), amounts),
    ),
)


def test_two_processes_take_turns(url: str) -> None:
    seen: Counter[str] = Counter()

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(turn, min_size=5, max_size=30))
    def run(history: list[tuple[bool, tuple[object, ...]]]) -> None:
        with two_of(url) as two:
            take_turns(two, history)

    def take_turns(two: Two, history: list[tuple[bool, tuple[object, ...]]]) -> None:
        with two[0].write() as tx:
            both = Both(tx)
        for now, (which, (verb, *given_)) in enumerate(history, start=1):
            both.now = float(now)
            if verb == "broken off":
                broken_off(two[which], both, *given_)  # type: ignore[arg-type]
            elif verb == "plain":
                with two[which].admit() as tx:
                    plain(tx, both, *given_)  # type: ignore[arg-type]
            else:
                with two[which].write() as both.tx:
                    getattr(both, str(verb))(*given_)
                    agree(both.tx)
            with two[which].write() as both.tx:
                agree(both.tx)
                both.compare()
            seen.update(both.reached())

    run()
    assert min(seen[what] for what in ("waiting", "reclaim", "reservation", "evicted")) >= 10, seen


def test_it_is_read_once_and_then_what_has_changed(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    with two[0].write() as tx:
        a_cloud(tx)
        ask_many(tx, "team1", 3)
    for database in two:
        with database.write() as tx:
            agree(tx)
    monkeypatch.setattr(load, "whole", None)
    for database in (*two, *two):
        with database.write() as tx:
            claim, decision = ask(tx, "team1", 1)
        assert decision.outcome == "admitted"
        with suppress(Conflict), database.write() as tx:
            ledger.release(tx, claim, 2.0)
            raise Conflict("after all")
        with database.write() as tx:
            assert claim in resident.books(tx).tree.claims
            assert ask(tx, "team2", 17)[1].outcome == "refused"
            ledger.release(tx, claim, 2.0)
            assert resident.books(tx).tree.nodes["org"].subtree == {"containers": 3}


def test_whoever_is_far_behind_reads_everything(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "KEPT", 10)
    monkeypatch.setattr(changes, "_EVERY", 5)
    with two[0].write() as tx:
        a_cloud(tx)
    with two[1].write() as tx:
        agree(tx)
    for _ in range(20):
        with two[0].write() as tx:
            claim, _ = ask(tx, "team1", 1)
            ledger.release(tx, claim, 2.0)
    with two[1].write() as tx:
        assert changes.since(tx, 1) is None
        ask(tx, "team1", 1)
        agree(tx)


def test_nobody_uses_it_while_another_does(tmp_path: Path) -> None:
    """Not even between the end of a transaction and what is remembered of it."""
    books = resident.Resident()
    with books.lent() as loan:
        books.take()
        loan.taken = True
        other = threading.Thread(target=books.take)
        other.start()
        other.join(0.05)
        assert other.is_alive()
    other.join(5)
    assert not other.is_alive()


def test_what_is_renamed_or_new_is_known_to_the_other(two: Two) -> None:
    with two[0].write() as tx:
        a_cloud(tx)
    with two[1].write() as tx:
        agree(tx)
    with two[0].write() as tx:
        path = [("team3", "team3", "project"), ("org", "Renamed", "project"), ("default", "Default", "domain")]
        ledger.ensure_path(tx, path)
        agree(tx)
    for database in two:
        with database.write() as tx:
            assert resident.books(tx).tree.nodes["org"].name == "Renamed"
            assert "team3" in resident.books(tx).tree.nodes
            agree(tx)
