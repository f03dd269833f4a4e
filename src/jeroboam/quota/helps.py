"""What would help: all is tried on the tree before it is said. `possible` tells if a request would be accepted."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter

from jeroboam.quota.counters import change, free, put_limit, taken
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import Shortage
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.tree import NOTHING, Limit, Node, Tree
from jeroboam.quota.trial import Short, Trial, pledged

Possible = Callable[[Tree, Request], bool]
TRIED = 2
"""Of the amounts that others would leave for, the largest: each is a search of its own."""


@dataclass(frozen=True, slots=True)
class Lack:
    """`owner` has `room` of `resource` for work that may not be reclaimed, which holds `held` of it."""

    owner: Node
    resource: str
    asked: int
    held: int
    room: int

    @property
    def missing(self) -> int:
        return self.asked + self.held - self.room


def when_short(
    tree: Tree, request: Request, short: Short, room: int | None, owed: Sequence[int], possible: Possible
) -> tuple[Help, ...]:
    """`room`: the most of what is short that would fit. `owed`: amounts that others may have to leave for."""
    node, resource = tree.nodes[request.node_id], short.resource
    found = []
    less = _most(tree, request, resource, 0 if tree.reclaims else room or 0, owed, possible)
    if less is not None:
        found.append(Help("smaller", node.id, {"available": less}))
    back = _least_release(tree, request, short, less, possible)
    if back is not None:
        found.append(Help("release", node.id, {"missing": back}))
    limit = _raise_hard(tree, request, short.node, resource, short.missing, possible) or _raise_borrow(
        tree, request, short, possible
    )
    found += [help_ for help_ in (limit, _reservation_ends(tree, request, resource)) if help_ is not None]
    if Shortage(request.shortage or node.rules().shortage) is Shortage.REFUSE and _fits_when_empty(tree, request):
        found.append(Help("wait"))
    return tuple(found)


def when_not_owned(tree: Tree, request: Request, lack: Lack, possible: Possible) -> tuple[Help, ...]:
    found = []
    left = lack.room - lack.held
    if left > 0 and possible(tree, _smaller(request, lack.resource, left)):
        found.append(Help("smaller", lack.owner.id, {"available": left}))
    softer = tree.nodes[request.node_id].rules().reclaimable and not request.reclaimable
    if softer and possible(tree, replace(request, reclaimable=True)):
        found.append(Help("mark_reclaimable"))
    limit = _raise_hard(tree, request, lack.owner, lack.resource, lack.missing, possible)
    if limit is not None:
        found.append(limit)
    return tuple(found)


def for_growth(tree: Tree, request: Request, reason: Reason) -> tuple[Help, ...]:
    """Of what helps a request, what helps a claim to grow by it: that takes from nobody, and does not wait."""
    return tuple(h for h in reason.helps if h.code != "wait" and _fits_after(tree, request, reason, h))


def _fits_after(tree: Tree, request: Request, reason: Reason, help_: Help) -> bool:
    node, resource, figures = tree.nodes[request.node_id], reason.resource or "", help_.figures
    if help_.code == "smaller":
        return _fits(pledged(tree), _smaller(request, resource, figures["available"]), node)
    if help_.code == "release":
        trial = pledged(tree)
        trial.add(node, {resource: figures["missing"]}, -1)
        return _fits(trial, request, node)
    if help_.code in ("raise_hard_limit", "raise_borrow_limit"):
        short = tree.nodes[reason.node or ""]
        word = "hard" if help_.code == "raise_hard_limit" else "borrow"
        more = replace(short.limit(resource), **{word: figures[f"{word}_limit"]})
        with rehearsed(tree, short, resource, more):
            return _fits(pledged(tree), request, node)
    return True


def _smaller(request: Request, resource: str, amount: int) -> Request:
    return replace(request, amounts={**request.amounts, resource: amount})


def _most(
    tree: Tree, request: Request, resource: str, room: int, owed: Sequence[int], possible: Possible
) -> int | None:
    """The most that it could ask for instead: what others would have to leave for, or what fits."""
    more = sorted({a for a in owed if room < a < request.amounts[resource]}, reverse=True)[:TRIED]
    tried = [*more, room] if room else more
    return next((amount for amount in tried if possible(tree, _smaller(request, resource, amount))), None)


def _least_release(tree: Tree, request: Request, short: Short, less: int | None, possible: Possible) -> int | None:
    """The least of its own that it could give back: what it asks for beyond `less`, or all that is missing."""
    node, resource = tree.nodes[request.node_id], short.resource
    own = [c for c in node.claims.values() if c.leaving is None and c.reservation not in tree.reservations]
    held = sum(c.amounts.get(resource, 0) for c in own)
    tried = {short.missing} if less is None else {short.missing, request.amounts[resource] - less}
    for amount in sorted(a for a in tried if 0 < a <= held):
        with released(tree, node, resource, amount):
            if possible(tree, request):
                return amount
    return None


def _fits_when_empty(tree: Tree, request: Request) -> bool:
    """Would it fit if all claims were gone, and the reservations that have an end?

    What a node takes out of its parent then is what its subtree does not lend (H - what could be lent), and more where
    reservations without an end need it.
    """
    node, trial = tree.nodes[request.node_id], Trial()
    held = [r for r in tree.reservations.values() if r.until is None and r.amounts]
    places = [tree.nodes[r.node_id] for r in held]
    for at in {n.id: n for place in (node, *places) for n in place.path()}.values():
        for resource in request.amounts:
            kept = max(0, at.allocated.get(resource, 0) - at.lendable.get(resource, 0))
            trial.shift[at.id, resource] = kept - taken(at, resource)
    for reservation, place in zip(held, places, strict=True):
        bounded = {r: a for r, a in reservation.amounts.items() if place.limit(r).hard >= 0}
        trial.add(place, bounded)  # elsewhere it is allocated already
    return _fits(trial, request, node)


def _reservation_ends(tree: Tree, request: Request, resource: str) -> Help | None:
    """What the project has reserved comes back to it for certain, if nobody queues for it."""
    if tree.waiting:
        return None
    node, trial, units = tree.nodes[request.node_id], pledged(tree), 0
    own = [r for r in tree.reservations.values() if r.node_id == node.id]
    ends = [(r.until, r.id, r.amounts) for r in own if r.until is not None]
    for until, _, amounts in sorted(ends, key=itemgetter(0, 1)):
        trial.add(node, amounts, -1)
        units += amounts.get(resource, 0)
        if _fits(trial, request, node):
            return Help("wait_until", node.id, {"units": units}, until)
    return None


def _fits(trial: Trial, request: Request, node: Node) -> bool:
    firm = not (request.reclaimable and node.rules().reclaimable)
    return all(s.soft for s in trial.shortages(node, request.amounts, firm))


def _raise_hard(
    tree: Tree, request: Request, node: Node, resource: str, missing: int, possible: Possible
) -> Help | None:
    limit = node.limit(resource)
    if node.parent is None or limit.hard < 0 or free(node.parent, resource) < missing:
        return None
    more = replace(limit, hard=limit.hard + missing)
    with rehearsed(tree, node, resource, more):
        if not possible(tree, request):
            return None
    room = free(node.parent, resource)
    return Help("raise_hard_limit", node.parent.id, {"free": room, "hard_limit": more.hard, "missing": missing})


def _raise_borrow(tree: Tree, request: Request, short: Short, possible: Possible) -> Help | None:
    node, limit = short.node, short.node.limit(short.resource)
    if node.parent is None or limit.borrow is None:
        return None
    more = limit.borrow + short.missing
    with rehearsed(tree, node, short.resource, replace(limit, borrow=more)):
        if not possible(tree, request):
            return None
    return Help("raise_borrow_limit", node.id, {"borrow_limit": more, "missing": short.missing})


@contextmanager
def released(tree: Tree, node: Node, resource: str, amount: int) -> Iterator[None]:
    """The tree with less used at `node`, for a look: it is left as it was."""
    dirty = set(tree.dirty_nodes)
    change(tree, node, resource, used=-amount)
    try:
        yield
    finally:
        change(tree, node, resource, used=amount)
        tree.dirty_nodes.intersection_update(dirty)


@contextmanager
def rehearsed(tree: Tree, node: Node, resource: str, limit: Limit) -> Iterator[None]:
    """The tree with another limit, for a look: it is left as it was."""
    before, dirty = node.limits.get(resource), set(tree.dirty_nodes)
    put_limit(tree, node, resource, limit)
    try:
        yield
    finally:
        put_limit(tree, node, resource, before or NOTHING)
        if before is None:
            del node.limits[resource]
        tree.dirty_nodes.intersection_update(dirty)
