"""Finds the figures behind a no, and what would help."""

from jeroboam.quota import helps
from jeroboam.quota.counters import bound, taken
from jeroboam.quota.decision import Request
from jeroboam.quota.deserved import deserved
from jeroboam.quota.policy import Effective
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.tree import Node, Tree
from jeroboam.quota.trial import Short


def bad_request(tree: Tree, node: Node, request: Request, rules: Effective) -> Reason | None:
    """What is wrong with a request whatever the others hold."""
    for resource, asked in request.amounts.items():
        if resource not in node.limits and not node.knows(resource):
            return Reason(
                "unknown_resource",
                node.id,
                resource,
                rule="some node on the path has a limit for it",
                helps=(Help("set_limit", tree.root.id),),
            )
        if asked < 0:
            return Reason("negative_amount", node.id, resource, {"asked": asked}, "amount >= 0")
    if request.priority is not None and request.priority > rules.max_priority:
        most = {"asked": request.priority, "maximum": rules.max_priority}
        return Reason(
            "priority_above_max", node.id, None, most, "priority <= max_priority", (Help("lower_priority", None, most),)
        )
    if request.reservation is not None:
        return bad_draw(tree, request, request.reservation)
    return None


def bad_draw(tree: Tree, request: Request, reservation_id: str) -> Reason | None:
    """Why the reservation does not cover the request."""
    reservation = tree.reservations.get(reservation_id)
    if reservation is None or reservation.node_id != request.node_id:
        return Reason("unknown_reservation", request.node_id, rule="a reservation of the same node")
    for resource, asked in request.amounts.items():
        left = reservation.amounts.get(resource, 0)
        if asked > left:
            figures = {"asked": asked, "available": left}
            helps = (Help("smaller", None, figures),)
            return Reason("reservation_short", request.node_id, resource, figures, "amount <= what is left", helps)
    return None


def headroom(node: Node, resource: str) -> int | None:
    """The largest single request that fits with nobody evicted; None: nothing bounds it. Never below 0."""
    most = bound(node, resource)
    held = taken(node, resource)
    here = None if most is None else max(0, most - held)
    if node.parent is None:
        return here
    above = headroom(node.parent, resource)
    if above is not None:
        above += max(0, node.limit(resource).private - held)
    return above if here is None else here if above is None else min(here, above)


def refusal(
    tree: Tree, request: Request, present: list[Short], shorts: list[Short], unfair: bool, possible: helps.Possible
) -> Reason:
    """Why a request neither fits nor may take from others."""
    short = next((s for s in shorts if not s.soft), shorts[0])
    node = tree.nodes[request.node_id]
    limit = short.node.limit(short.resource)
    part = deserved(node, short.resource)
    figures = {
        "requested": request.amounts[short.resource],
        "asked": short.asked,
        "taken": short.taken,
        "ceiling": short.ceiling,
        "available": max(0, short.ceiling - short.taken),
        "missing": short.missing,
        "hard_limit": limit.hard,
        "borrow_limit": -1 if limit.borrow is None else limit.borrow,
    }
    if part is not None:
        figures["deserved"] = part
    code = "limit_reached" if short.node is node else "share_reached" if unfair else "ancestor_full"
    if not any(s.node is short.node and s.resource == short.resource for s in present):
        code = "pledged"
    room = headroom(node, short.resource)
    what_helps = helps.when_short(tree, request, short, room, possible)
    return Reason(code, short.node.id, short.resource, figures, "U + R + asked <= H + BL", what_helps)


def not_owned(tree: Tree, request: Request, lack: helps.Lack, possible: helps.Possible) -> Reason:
    """A claim that opts out of being reclaimed, or a reservation, beyond what its node owns."""
    figures = {"asked": lack.asked, "taken": lack.held, "ceiling": lack.room}
    figures |= {"available": max(0, lack.room - lack.held), "missing": lack.missing}
    rule = "what may not be reclaimed may not be borrowed for"
    what_helps = helps.when_not_owned(tree, request, lack, possible)
    return Reason("not_reclaimable", lack.owner.id, lack.resource, figures, rule, what_helps)
