"""Finds the figures behind a no, and what would help."""

from collections.abc import Callable
from functools import cache

from jeroboam.quota import helps
from jeroboam.quota.counters import bound, owned, taken
from jeroboam.quota.decision import Request
from jeroboam.quota.deserved import deserved
from jeroboam.quota.policy import Effective
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.shares import Shares
from jeroboam.quota.tree import PENDING, Node, Tree
from jeroboam.quota.trial import Short, pledged

Part = Callable[[str], int | None]
"""What the requester deserves of a resource; None: nothing bounds it."""


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
        rule, what_helps = "a reservation of the same node", (Help("list_reservations", request.node_id),)
        return Reason("unknown_reservation", request.node_id, rule=rule, helps=what_helps, reservation=reservation_id)
    name = reservation.name or reservation.id
    making = tree.claims.get(reservation_id)
    if making is not None and making.state in PENDING:
        row = tree.reclaims.get(reservation_id)
        soon = () if row is None else (Help("draw_later", None, {}, row.deadline),)
        return Reason("reservation_pending", request.node_id, helps=soon, reservation=name)
    for resource, asked in request.amounts.items():
        left = reservation.amounts.get(resource, 0)
        if asked > left:
            figures = {"asked": asked, "available": left}
            helps = (Help("smaller", None, figures),) if left else ()
            rule = "amount <= what is left"
            return Reason("reservation_short", request.node_id, resource, figures, rule, helps, reservation=name)
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
    """Why a request neither fits nor may take from others. `shorts`: what nobody may leave for."""
    node = tree.nodes[request.node_id]
    part: Part = cache(lambda resource: deserved(node, resource))
    beyond = _beyond_fair(tree, request, part) if unfair else []
    decides = beyond[0] if beyond else None
    firm = [s for s in shorts if not s.soft] or shorts
    short = next((s for s in firm if s.resource == decides), firm[0])
    code = "limit_reached" if short.node is node else "share_reached" if unfair else "ancestor_full"
    if not any(s.node is short.node and s.resource == short.resource for s in present):
        code = "pledged"
    decides = decides if code == "share_reached" else None
    figures = _figures(request, short)
    fair = part(decides or short.resource)
    if fair is not None:
        figures["deserved"] = fair
    if decides is not None:
        figures |= {"has": taken(node, decides), "asks": request.amounts.get(decides, 0)}
    others = any(r != short.resource for r in beyond)  # less of one resource alone would not make it fair
    owed = [] if others else _owed(node, short.resource, part)
    what_helps = helps.when_short(tree, request, short, headroom(node, short.resource), owed, possible)
    rule = "U + R + asked <= H + BL"
    return Reason(code, short.node.id, short.resource, figures, rule, what_helps, decides)


def _figures(request: Request, short: Short) -> dict[str, int]:
    limit = short.node.limit(short.resource)
    return {
        "requested": request.amounts[short.resource],
        "asked": short.asked,
        "taken": short.taken,
        "ceiling": short.ceiling,
        "available": max(0, short.ceiling - short.taken),
        "missing": short.missing,
        "hard_limit": limit.hard,
        "borrow_limit": -1 if limit.borrow is None else limit.borrow,
    }


def _beyond_fair(tree: Tree, request: Request, part: Part) -> list[str]:
    """What the requester would then have more of than it deserves, that by which its share is greatest first."""
    node, trial = tree.nodes[request.node_id], pledged(tree)
    trial.add(node, request.amounts)
    over = [r for r in {**request.amounts, **node.subtree} if trial.over(node, r)]
    return Shares(trial).ranked(node, [r for r in over if _less(part(r), trial.taken(node, r))])


def _less(part: int | None, held: int) -> bool:
    return part is not None and part < held


def _owed(node: Node, resource: str, part: Part) -> list[int]:
    """What others may have to leave for: as much as is owned on the path, or deserved, and not held yet."""
    owed = [owned(n, resource) - taken(n, resource) for n in node.path() if n.parent is not None]
    fair = part(resource)
    return owed if fair is None else [*owed, fair - taken(node, resource)]


def not_owned(tree: Tree, request: Request, lack: helps.Lack, possible: helps.Possible) -> Reason:
    """A claim that opts out of being reclaimed, or a reservation, beyond what its node owns."""
    figures = {"asked": lack.asked, "taken": lack.held, "ceiling": lack.room}
    figures |= {"available": max(0, lack.room - lack.held), "missing": lack.missing}
    rule = "what may not be reclaimed may not be borrowed for"
    what_helps = helps.when_not_owned(tree, request, lack, possible)
    return Reason("not_reclaimable", lack.owner.id, lack.resource, figures, rule, what_helps)
