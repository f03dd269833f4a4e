"""New nodes: what they get of their parent's child_defaults."""

from jeroboam.quota.invariants import check
from jeroboam.quota.limits import add_node, set_limits
from jeroboam.quota.tree import ROOT, UNLIMITED, Limit
from tests.quota.builders import cloud


def test_child_defaults_below_a_parent_without_a_bound_come_out_of_the_nearest_bounded_ancestor() -> None:
    tree = cloud(u=10)
    add_node(tree, "domain", "domain", ROOT)
    defaults = {"u": Limit(4, None, 0)}
    set_limits(tree, "domain", {"u": Limit(UNLIMITED, None, None)}, child_defaults=defaults)
    got = [add_node(tree, f"p{i}", f"p{i}", "domain").limit("u").hard for i in range(4)]
    assert got == [4, 4, 0, 0]
    assert check(tree) == []
