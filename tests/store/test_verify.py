"""The books against the claims: what was damaged is found, exactly that, and mended."""

import pytest
from sqlalchemy import text

from jeroboam.quota.tree import ROOT, ClaimState, Limit
from jeroboam.store import audit, ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger import changes
from jeroboam.store.ledger.changes import Touched
from tests.store.cloud import ADMIN, HALVES, a_cloud, ask, used

Wanted = list[tuple[str, str, int, int]]

DAMAGES: list[tuple[str, Wanted]] = [
    ("used = used + 3 WHERE node_id = 'team1'", [("team1", "used", 5, 2)]),
    ("used = 0, subtree = -1 WHERE node_id = 'team1'", [("team1", "used", 0, 2), ("team1", "subtree", -1, 2)]),
    ("reserved = 1 WHERE node_id = 'team2'", [("team2", "reserved", 1, 0)]),
    ("subtree = 7 WHERE node_id IN ('org', 'cloud')", [(ROOT, "subtree", 7, 2), ("Org", "subtree", 7, 2)]),
]


@pytest.mark.parametrize(("damage", "wanted"), DAMAGES, ids=[damage for damage, _ in DAMAGES])
def test_what_was_damaged_is_found_and_mended(
    db: Database, damage: str, wanted: list[tuple[str, str, int, int]]
) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES)
        ask(tx, "team1", 2)
        assert ledger.differences(tx) == []
        tx.execute(text(f"UPDATE quota_limits SET {damage}"))
    with db.read() as tx:
        found = ledger.differences(tx)
    assert [(d.node, d.counter, d.stored, d.should_be) for d in found] == wanted
    assert {d.resource for d in found} == {"containers"}
    with db.write() as tx:
        assert ledger.repair(tx, ADMIN, 9.0) == found
    with db.read() as tx:
        assert ledger.differences(tx) == []
        entries = [e for e in audit.listing(tx, None) if e.action == "repair"]
        assert {e.node_id for e in entries} == {d.node_id for d in found}
        was = {key: value for entry in entries for key, value in entry.before.items()}
        became = {key: value for entry in entries for key, value in entry.after.items()}
        assert was == {f"{counter}.containers": stored for _, counter, stored, _ in wanted}
        assert became == {f"{counter}.containers": right for _, counter, _, right in wanted}
        assert {(e.actor, e.at) for e in entries} == {(ADMIN, 9.0)}


def test_a_row_that_was_lost_is_made_again(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(0, None, None)})
        ask(tx, "team1", 2)
        tx.execute(text("DELETE FROM quota_limits WHERE node_id = 'default'"))
        assert [(d.node_id, d.stored, d.should_be) for d in ledger.differences(tx)] == [("default", 0, 2)]
        ledger.repair(tx, ADMIN, 9.0)
        assert ledger.differences(tx) == []


@pytest.mark.parametrize("noted", ["in_debt = true", "in_debt = false", "parent_id = NULL", "parent_id = 'team2'"])
def test_what_is_noted_wrongly_beside_limits_is_found_and_mended(db: Database, noted: str) -> None:
    with db.write() as tx:
        a_cloud(tx, HALVES)
        ask(tx, "team1", 2)
        ledger.set_node(tx, ADMIN, "team1", {"containers": Limit(1, None, 0)}, 2.0, force=True)
        said = ledger.verify(tx)
        tx.execute(text(f"UPDATE quota_limits SET {noted}"))
        assert "noted wrongly" in ledger.verify(tx)[0]
        assert ledger.repair(tx, ADMIN, 9.0) == []
        assert ledger.verify(tx) == said
        assert tx.execute(text("SELECT node_id FROM quota_limits WHERE in_debt")).scalars().all() == ["team1"]


def test_nothing_to_mend_leaves_no_trace(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)
        before = audit.listing(tx, None)
        assert ledger.repair(tx, ADMIN, 9.0) == []
        assert audit.listing(tx, None) == before


def test_who_waited_for_units_that_nobody_held_gets_them(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(4, None, 0)})
        tx.execute(text("UPDATE quota_limits SET used = 4, subtree = 4 WHERE node_id = 'team1'"))
        changes.note(tx, Touched(nodes={"team1"}))
        ident, decision = ask(tx, "team1", 3, shortage="wait")
        assert decision.outcome == "waiting"
        ledger.repair(tx, ADMIN, 9.0)
        assert ledger.claim(tx, ident).state is ClaimState.ADMITTED
        assert used(tx, "team1") == [3]
        assert ledger.differences(tx) == []
