"""What a store relies on: a tree can be made from rows, and the dirty sets name all that has changed."""

from jeroboam.quota.admission import Request, admit, decide, evicted
from jeroboam.quota.counters import attach
from jeroboam.quota.invariants import check
from jeroboam.quota.limits import reserve, set_limits
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ROOT, Claim, Limit, Node, Reclaim, Reservation, Tree
from tests.quota.builders import ask_each, cloud, project


def test_a_private_part_needs_nothing_above() -> None:
    tree = cloud(u=16)
    project(tree, "T1", u=8, lend=0)
    tree.forget_changes()
    assert admit(tree, Request("a", "T1", {"u": 4}), 0).outcome == "admitted"
    assert (tree.dirty_nodes, tree.dirty_claims) == ({"T1"}, {"a"})


def test_a_tree_loaded_from_rows_is_the_tree_that_was_stored() -> None:
    stored = cloud(u=16)
    project(stored, "T1", u=8)
    project(stored, "T2", u=8)
    ask_each(stored, "T2", 12)
    reserve(stored, "held", "T1", {"u": 2}, 0)
    stored.root.policy = Policy(grace_seconds=60)
    admit(stored, Request("back", "T1", {"u": 4}, order=99), 0)
    loaded = Tree({"u": stored.root.limits["u"]}, stored.root.policy)
    loaded.root.subtree = dict(stored.root.subtree)
    for node in list(stored.nodes.values())[1:]:
        copy = Node(node.id, node.name, limits=dict(node.limits), weight=node.weight)
        copy.used, copy.reserved, copy.subtree = dict(node.used), dict(node.reserved), dict(node.subtree)
        attach(loaded, copy, ROOT)
    for c in stored.claims.values():
        loaded.record(Claim(c.id, c.node_id, dict(c.amounts), c.priority, c.order, c.state, leaving=c.leaving))
    for r in stored.reservations.values():
        loaded.reservations[r.id] = Reservation(r.id, r.node_id, dict(r.amounts), r.until)
    for row in stored.reclaims.values():
        loaded.reclaims[row.id] = Reclaim(row.id, row.claim_id, row.victims, row.deadline)
    assert check(loaded) == []
    probe = Request("probe", "T1", {"u": 2})
    assert decide(loaded, probe, 1) == decide(stored, probe, 1)


def test_the_dirty_sets_name_all_that_a_reclaim_changes() -> None:
    tree = cloud(u=4)
    project(tree, "T1", u=2)
    project(tree, "T2", u=2)
    ask_each(tree, "T2", 4)
    tree.forget_changes()
    decision = admit(tree, Request("back", "T1", {"u": 1}, order=99), 0)
    assert decision.outcome == "reclaiming"
    assert tree.dirty_claims == {"back", *decision.victims}
    assert (tree.dirty_reclaims, tree.dirty_nodes) == ({"back"}, set())
    tree.forget_changes()
    assert evicted(tree, decision.victims[0], 0).admitted == ("back",)
    assert tree.dirty_claims == {"back", *decision.victims}
    assert tree.dirty_nodes == {"T1", "T2", ROOT}
    assert "back" not in tree.reclaims
    tree.forget_changes()
    set_limits(tree, "T1", {"u": Limit(1)})
    assert tree.dirty_nodes == {"T1"}
