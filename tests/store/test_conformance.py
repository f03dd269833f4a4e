"""Scenarios that need many at once: L1 and L7 of tests/quota/test_conformance.py."""

from jeroboam.model.errors import Problem
from jeroboam.quota.tree import Limit
from jeroboam.store import ledger
from jeroboam.store.database import Database
from tests.store.cloud import ADMIN, a_cloud, change, used
from tests.store.test_concurrency import at_once, create


def test_64_at_once_and_ten_slots(db: Database) -> None:
    """L1"""
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(10, None, 0)})
    outcomes = at_once(64, lambda _: create(db, "team1"))
    assert (outcomes.count("admitted"), outcomes.count("refused")) == (10, 54)
    with db.read() as tx:
        assert used(tx, "team1") == [10]
        assert ledger.verify(tx) == []


def test_a_limit_is_cut_while_others_borrow(db: Database) -> None:
    """L7: the cut, or the claims that were there first; never more than the limit in force at a commit."""
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(8, None, 0), "team2": Limit(8, None, 8)})

    def act(number: int) -> str:
        if number % 8:
            return create(db, "team2")
        try:
            with db.write() as tx:
                ledger.set_node(tx, ADMIN, "team2", change(borrow=number // 4), 2.0)
        except Problem:
            return "kept"
        return "cut"

    outcomes = at_once(32, act)
    with db.read() as tx:
        [held] = used(tx, "team2")
        limit = ledger.tree(tx).nodes["team2"].limits["containers"]
        assert held == outcomes.count("admitted") <= limit.hard + (limit.borrow or 0)
        assert ledger.verify(tx) == []
