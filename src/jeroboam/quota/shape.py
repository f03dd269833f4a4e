"""Nodes come, go, and move."""

from dataclasses import replace

from jeroboam.quota.counters import attach, drawn, free, give, lift, owned
from jeroboam.quota.decision import Request, Settled
from jeroboam.quota.flows import flow
from jeroboam.quota.helps import raise_limits
from jeroboam.quota.looks import Look
from jeroboam.quota.reasons import Help, QuotaConflict, Reason
from jeroboam.quota.settling import settle
from jeroboam.quota.tree import LIVE, Node, Tree
from jeroboam.quota.trial import Trial

DRAIN = (Help("drain"),)


def add_node(tree: Tree, node_id: str, name: str, parent_id: str) -> Node:
    """A new project below `parent_id`, with the parent's child_defaults as far as its free covers them."""
    if node_id in tree.nodes:
        raise QuotaConflict(Reason("exists", node_id))
    if parent_id not in tree.nodes:
        raise QuotaConflict(Reason("unknown_parent", parent_id))
    parent = tree.nodes[parent_id]
    node = Node(node_id, name)
    for resource, limit in (parent.child_defaults or {}).items():
        owner = parent.bounded(resource)
        if limit.hard <= 0 or owner is None or free(owner, resource) >= limit.hard:
            node.limits[resource] = limit
    attach(tree, node, parent_id)
    for resource, limit in node.limits.items():
        lift(tree, node, resource, limit.private)
    tree.dirty_nodes.add(node_id)
    return node


def remove(tree: Tree, node_id: str, now: float = 0.0) -> Settled:
    """Forget a node without children, claims, reservations and open reclaims that lends nothing, and its ended claims.
    Its hard_limit is free in its parent again. Raises QuotaConflict.
    """
    node = _below_root(tree, node_id)
    if node.children:
        raise QuotaConflict(Reason("has_children", node_id, None, {"count": len(node.children)}, helps=DRAIN))
    _refuse_reclaims(tree, {node_id})
    claims = [c for c in tree.claims.values() if c.node_id == node_id]
    held = sum(c.state in LIVE for c in claims)
    if held:
        raise QuotaConflict(Reason("has_claims", node_id, None, {"count": held}, helps=DRAIN))
    for resource in {**node.limits, **node.reserved}:
        if node.reserved.get(resource):
            count = {"count": node.reserved[resource]}
            raise QuotaConflict(Reason("has_reservations", node_id, resource, count, helps=DRAIN))
        lent = flow(node, resource).lent
        if lent:
            helps = (Help("release_first", node_id),)
            raise QuotaConflict(Reason("has_lent", node_id, resource, {"count": lent}, helps=helps))
    for claim in claims:
        del tree.claims[claim.id]
        tree.dirty_claims.add(claim.id)
    for reservation in [r for r in tree.reservations.values() if r.node_id == node_id]:  # nothing is left in them
        del tree.reservations[reservation.id]
        tree.dirty_reservations.add(reservation.id)
    forget(tree, node)
    return settle(tree, now)


def forget(tree: Tree, node: Node) -> None:
    """As if it had never been made: it holds nothing, and has no children."""
    _detach(tree, node)
    del tree.nodes[node.id]
    tree.dirty_nodes.add(node.id)


def move(tree: Tree, node_id: str, parent_id: str, now: float = 0.0) -> Settled:
    """Put a node, with all below it, under another parent: what it owns must be free there, and what it holds must fit.
    Raises QuotaConflict, and nothing has moved.
    """
    node = _below_root(tree, node_id)
    if parent_id not in tree.nodes:
        raise QuotaConflict(Reason("unknown_parent", parent_id))
    parent, former = tree.nodes[parent_id], node.parent
    below = {n.id for n in node.walk()}
    if parent_id in below:
        raise QuotaConflict(Reason("below_itself", node_id))
    _refuse_reclaims(tree, below)
    assert former is not None
    _detach(tree, node)
    reason = _lacking(node, parent)
    _attach(tree, node, former if reason else parent)
    if reason:
        raise QuotaConflict(_helped(tree, node, parent, reason))
    node.generation += 1
    tree.dirty_nodes.add(node_id)
    return settle(tree, now)


def _helped(tree: Tree, node: Node, parent: Node, reason: Reason) -> Reason:
    """With what would let the node move, from where it is."""
    former = node.parent
    if reason.code != "move_short" or reason.node is None or reason.resource is None or former is None:
        return reason

    def fits(_tree: Tree, _request: Request) -> bool:
        dirty = set(tree.dirty_nodes)
        _detach(tree, node)
        lacking = _lacking(node, parent)
        _attach(tree, node, former)
        tree.dirty_nodes = dirty
        return lacking is None

    look = Look(tree, Request("", node.id, {}), fits)
    missing = {reason.resource: reason.figures["missing"]}
    back = Help("release_there", node.id, {"missing": reason.figures["missing"]}) if look.releasing(missing) else None
    found = (back, raise_limits(look, tree.nodes[reason.node], missing))
    return replace(reason, helps=tuple(help_ for help_ in found if help_ is not None))


def _lacking(node: Node, parent: Node) -> Reason | None:
    for resource in {**node.limits, **node.subtree, **node.reserved}:
        owner = parent.bounded(resource)
        owns = owned(node, resource)
        if owner is not None and owns > free(owner, resource):
            room = free(owner, resource)
            helps = (Help("raise_parent", owner.id, {"missing": owns - max(0, room)}),)
            figures = {"asked": owns, "available": room}
            return Reason("parent_free_short", owner.id, resource, figures, "hard_limit <= free", helps, about=node.id)
        for short in Trial().shortages(parent, {resource: drawn(node, resource)}):
            if not short.soft:
                figures = {
                    "asked": short.asked,
                    "taken": short.taken,
                    "ceiling": short.ceiling,
                    "available": max(0, short.ceiling - short.taken),
                    "missing": short.missing,
                }
                return Reason("move_short", short.node.id, resource, figures, "U + R + asked <= H + BL")
    return None


def _detach(tree: Tree, node: Node) -> None:
    """Take the node out of its parent's children and of all counters above."""
    assert node.parent is not None
    for resource in {**node.limits, **node.subtree, **node.reserved}:
        lift(tree, node, resource, -drawn(node, resource))
    give(node, -1)
    del node.parent.children[node.id]
    tree.dirty_nodes.add(node.parent.id)
    node.parent = None


def _attach(tree: Tree, node: Node, parent: Node) -> None:
    attach(tree, node, parent.id)
    for resource in {**node.limits, **node.subtree, **node.reserved}:
        lift(tree, node, resource, drawn(node, resource))


def _below_root(tree: Tree, node_id: str) -> Node:
    if node_id not in tree.nodes:
        raise QuotaConflict(Reason("unknown_node", node_id))
    node = tree.nodes[node_id]
    if node.parent is None:
        raise QuotaConflict(Reason("is_root", node_id))
    return node


def _refuse_reclaims(tree: Tree, node_ids: set[str]) -> None:
    """Neither beneficiaries nor victims of an open reclaim may be in these nodes."""
    for row in tree.reclaims.values():
        for claim_id in (row.claim_id, *row.victims):
            if tree.claims[claim_id].node_id in node_ids:
                raise QuotaConflict(Reason("has_reclaims", tree.claims[claim_id].node_id, helps=DRAIN))
