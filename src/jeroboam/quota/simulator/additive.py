"""The additive reading, for the simulator: a node's written hard_limit is a pool beside what its children own.

The engine knows containment only (a hard_limit includes the children's), so the written limits are added up along the
path whenever one changes.
"""

from collections.abc import Mapping
from dataclasses import replace

from jeroboam.quota.counters import owned
from jeroboam.quota.limits import KEEP, LimitChange, put_limit, shrink_conflict
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.shape import move as move_node
from jeroboam.quota.tree import Amounts, Node, Tree

Own = dict[str, Amounts]
"""Written hard_limits by node id."""


def set_own(
    tree: Tree, own: Own, node: Node, changes: Mapping[str, LimitChange], force: bool
) -> dict[str, LimitChange]:
    """Write new hard_limits down and restate the path. Answers what is left to set on the node itself."""
    left = {}
    for resource, change in changes.items():
        if isinstance(change.hard, int):
            own[node.id][resource] = change.hard
        left[resource] = replace(change, hard=KEEP)
    restate(tree, own, node, force)
    return left


def move(tree: Tree, own: Own, node_id: str, parent_id: str, now: float) -> None:
    """Move a node with all that it owns: the new ancestors grow by it first, the former ones shrink afterwards."""
    node, parent = tree.nodes[node_id], tree.nodes[parent_id]
    former = node.parent
    for resource in node.limits:
        more = owned(node, resource)
        for ancestor in parent.path():
            limit = ancestor.limit(resource)
            if limit.hard >= 0:
                put_limit(tree, ancestor, resource, replace(limit, hard=limit.hard + more))
    move_node(tree, node_id, parent_id, now)
    if former is not None:
        restate(tree, own, former, force=False)
    restate(tree, own, parent, force=False)


def restate(tree: Tree, own: Own, node: Node, force: bool) -> None:
    """Add up the hard_limits from `node` to the root. Raises QuotaConflict if what is held does not fit any more."""
    for at in node.path():
        for resource in {**own[at.id], **at.allocated}:
            pool = own[at.id].get(resource, 0)
            below = sum(owned(c, resource) for c in at.children.values())
            new = replace(at.limit(resource), hard=pool + below if pool >= 0 else pool)
            if new == at.limit(resource):
                continue
            reason = shrink_conflict(at, resource, new, force)
            if reason is not None:
                raise QuotaConflict(reason)
            put_limit(tree, at, resource, new)
