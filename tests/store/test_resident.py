"""The ledger in memory is the ledger in the database: whoever wrote last, and whatever was rolled back."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import DatabaseError

from jeroboam.model.errors import Conflict
from jeroboam.quota.counters import debt
from jeroboam.quota.decision import Request
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.sample import sample
from jeroboam.quota.tree import Limit
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked, changes, load, resident
from jeroboam.store.ledger.changes import Touched
from jeroboam.store.ledger_schema import changes as changes_table
from jeroboam.store.ledger_schema import limits
from jeroboam.store.migrations import METADATA
from jeroboam.store.schema import installation
from tests.store.cloud import ADMIN, a_cloud, ask, ask_many
from tests.store.test_ledger_random import LEAVES, Both, amounts, state, step
from tests.store.test_plain import alone

Two = tuple[Database, Database]
ABOVE = [("org", "Org", "project"), ("default", "Default", "domain")]


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
    for node_id, resource, in_debt in tx.execute(select(limits.c.node_id, limits.c.resource, limits.c.in_debt)):
        assert in_debt == (debt(stored.tree.nodes[node_id], resource) > 0)
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
    with two[0].write() as tx:
        a_cloud(tx)
    with two[1].write() as tx:
        agree(tx)
    for _ in range(20):
        with two[0].write() as tx:
            claim, _ = ask(tx, "team1", 1)
            ledger.release(tx, claim, 2.0)
    with two[0].write() as tx:
        ledger.prune_changes(tx)
        assert len(tx.execute(select(changes_table)).all()) == 10
    with two[1].write() as tx:
        ask(tx, "team1", 1)
        agree(tx)


def test_nobody_uses_it_while_another_does() -> None:
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


def a_new_node_and_its_first_claim(two: Two) -> None:
    """As the API does both, while a conductor that knows the tree looks only afterwards."""
    with two[0].write() as tx:
        a_cloud(tx)
        ledger.set_node(tx, ADMIN, "org", {}, 0.0, child_defaults={"containers": Limit(0, None, None)})
    with two[1].write() as tx:
        agree(tx)
    with two[0].write() as tx:
        ledger.ensure_path(tx, [("new", "new", "project"), *ABOVE])
    with two[0].admit() as tx:
        assert ledger.admit_plain(tx, [Asked(Request("first", "new", {"containers": 5}), "o")], 1.0) == [True]


def test_what_reaches_the_ancestors_of_a_new_node_is_known(two: Two) -> None:
    a_new_node_and_its_first_claim(two)
    with two[1].write() as tx:
        agree(tx)


def test_what_reaches_the_ancestors_of_a_new_node_is_not_overwritten(two: Two) -> None:
    a_new_node_and_its_first_claim(two)
    with two[1].write() as tx:
        ask(tx, "team1", 1)
    with two[0].read() as tx:
        assert ledger.differences(tx) == []


def test_remainders_fall_to_the_same_whoever_looks(two: Two) -> None:
    """What was learnt last comes last in memory, but not in the database."""
    shared = {team: Limit(4, None, None) for team in ("team1", "team2")}
    with two[0].write() as tx:
        a_cloud(tx, {**shared, "team9": Limit(0, None, None)}, org=12)
    for database in two:
        with database.quota() as books:
            assert len(books.tree.nodes) == 6
    with two[0].write() as tx:
        ledger.ensure_path(tx, [("team0", "team0", "project"), *ABOVE])
        ledger.set_node(tx, ADMIN, "team0", {"containers": Limit(4, None, None)}, 0.0)
        ask_many(tx, "team9", 4)
        ours = sample(resident.books(tx).tree)
        assert ours == sample(load.whole(tx).tree)
    for database in two:
        with database.quota() as books:
            assert sample(books.tree) == ours


def test_a_number_that_was_lost_and_given_again_is_another_version(two: Two) -> None:
    with two[0].write() as tx:
        a_cloud(tx)
        ask(tx, "team1", 1)
    with two[1].write() as tx:
        seen = changes.newest(tx)
        assert changes.since(tx, seen) == Touched()
    with two[0].write() as tx:
        tx.execute(update(changes_table).where(changes_table.c.version == seen.number).values(token=seen.token + 1))
    with two[1].write() as tx:
        assert changes.since(tx, seen) is None
        agree(tx)


def test_a_repair_makes_everybody_read_again(two: Two) -> None:
    with two[0].write() as tx:
        a_cloud(tx)
        resident.books(tx).tree.nodes["org"].subtree["containers"] = 7
    with two[1].write() as tx:
        ledger.repair(tx, ADMIN, 9.0)
    with two[0].write() as tx:
        agree(tx)


def test_who_looks_at_the_tree_holds_nobody_up(two: Two) -> None:
    with two[0].write() as tx:
        a_cloud(tx)
    for database in two:
        with two[0].quota() as books, database.write() as tx:
            ask(tx, "team1", 1)
            assert books.tree.nodes["team1"].used.get("containers", 0) == (0 if database is two[0] else 1)


def test_a_version_that_notes_nothing_cannot_use_the_ledger(two: Two) -> None:
    """Versions before 0006 load `generation` of every node."""
    with two[0].write() as tx, pytest.raises(DatabaseError):
        tx.execute(text("SELECT generation FROM quota_nodes"))
