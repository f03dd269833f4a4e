"""Finds the figures behind a no, and what would help."""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from jeroboam.quota import helps
from jeroboam.quota.counters import owned, taken
from jeroboam.quota.decision import Request
from jeroboam.quota.deserved import deserved
from jeroboam.quota.fairness import demand, fair_now
from jeroboam.quota.helps import Lack
from jeroboam.quota.looks import Look
from jeroboam.quota.policy import Effective
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.shares import Shares
from jeroboam.quota.tree import PENDING, Node, Tree
from jeroboam.quota.trial import Short, Trial, pledged

Part = Callable[[str], int | None]
"""What the requester deserves of a resource, or could have now; None: nothing bounds it."""


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


def refusal(look: Look, present: list[Short], shorts: list[Short], *, unfair: bool) -> Reason:
    """Why a request neither fits nor may take from others. `shorts`: what nobody may leave for."""
    node, never = look.node, {s.resource for s in look.never()}
    part: Part = cache(lambda resource: deserved(node, resource))
    now: Part = cache(lambda resource: fair_now(node, resource, _wanted(look)))
    beyond = _beyond_fair(look, part) if unfair else []
    decides = beyond[0] if beyond else None
    firm = [s for s in shorts if not s.soft] or shorts
    told = [s for s in (*firm, *present) if s.resource in never] or [s for s in firm if s.resource == decides] or firm
    short = told[0]
    code = "limit_reached" if short.node is node else "share_reached" if unfair else "ancestor_full"
    if not any(s.node is short.node and s.resource == short.resource for s in present):
        code = "pledged"
    decides = decides if code == "share_reached" else None
    figures = _figures(look.request, short)
    fair = part(decides or short.resource)
    if fair is not None:
        figures["deserved"] = fair
    if decides is not None:
        figures |= _fair_figures(look, decides, now)
    others = any(r != short.resource for r in beyond)  # less of one resource alone would not make it fair
    parts = () if others else (part, now) if unfair else (part,)
    owed = _owed(look, short.resource, parts) if parts else []
    what_helps = tuple(helps.when_short(look, short, firm, owed, ever=not never))
    rule = "U + R + asked <= H + BL"
    return Reason(code, short.node.id, short.resource, figures, rule, what_helps, decides, never=bool(never))


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


def _fair_figures(look: Look, decides: str, now: Part) -> dict[str, int]:
    """What it has, waits for, and asks for; what it could have now, where all that is more."""
    held, asks = taken(look.node, decides), look.request.amounts.get(decides, 0)
    promised = pledged(look.tree).taken(look.node, decides)
    figures, most = {"has": held, "asks": asks}, now(decides)
    if promised > held:
        figures["waits"] = promised - held
    if most is not None and promised + asks > most:
        figures["fair_now"] = most
    return figures


def _wanted(look: Look) -> Trial:
    """The tree as if all that is queued or promised were admitted, and the request as well."""
    trial = demand(look.tree)
    trial.add(look.node, look.request.amounts)
    return trial


def _beyond_fair(look: Look, part: Part) -> list[str]:
    """What the requester would then have more of than it deserves, that by which its share is greatest first."""
    node, trial = look.node, pledged(look.tree)
    trial.add(node, look.request.amounts)
    over = [r for r in {**look.request.amounts, **node.subtree} if trial.over(node, r)]
    return Shares(trial).ranked(node, [r for r in over if _less(part(r), trial.taken(node, r))])


def _less(part: int | None, held: int) -> bool:
    return part is not None and part < held


def _owed(look: Look, resource: str, parts: Iterable[Part]) -> list[int]:
    """What others may have to leave for: as much as is owned on the path, or a fair part, and not held yet."""
    node, future = look.node, pledged(look.tree)
    owed = [owned(n, resource) - future.taken(n, resource) for n in node.path() if n.parent is not None]
    fair = [part(resource) for part in parts]
    return owed + [units - future.taken(node, resource) for units in fair if units is not None]


def not_owned(look: Look, lacks: Sequence[Lack]) -> Reason:
    """A claim that opts out of being reclaimed, or a reservation, beyond what its node owns."""
    never = [one for one in lacks if one.asked > one.room]
    lack = (never or lacks)[0]
    figures = {"asked": lack.asked, "taken": lack.held, "ceiling": lack.room}
    figures |= {"available": max(0, lack.room - lack.held), "missing": lack.missing}
    rule = "what may not be reclaimed may not be borrowed for"
    what_helps = tuple(helps.when_not_owned(look, lack, lacks))
    return Reason("not_reclaimable", lack.owner.id, lack.resource, figures, rule, what_helps, never=bool(never))
