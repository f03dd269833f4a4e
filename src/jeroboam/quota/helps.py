"""What would help: all is tried on the tree before it is said. `possible` tells if a request would be accepted."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from operator import itemgetter

from jeroboam.quota.counters import free, put_limit
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import Shortage
from jeroboam.quota.reasons import Help
from jeroboam.quota.tree import NOTHING, Limit, Node, Tree
from jeroboam.quota.trial import Short, Trial, pledged

Possible = Callable[[Tree, Request], bool]


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


def when_short(tree: Tree, request: Request, short: Short, room: int | None, possible: Possible) -> tuple[Help, ...]:
    """`room`: the most of what is short that would fit."""
    node, resource = tree.nodes[request.node_id], short.resource
    found = []
    if room and not tree.reclaims and possible(tree, _smaller(request, resource, room)):
        found.append(Help("smaller", node.id, {"available": room}))
    if _release_helps(tree, request, short):
        found.append(Help("release", node.id, {"missing": short.missing}))
    limit = _raise_hard(tree, request, short.node, resource, short.missing, possible) or _raise_borrow(
        tree, request, short, possible
    )
    found += [help_ for help_ in (limit, _reservation_ends(tree, request, resource)) if help_ is not None]
    if Shortage(request.shortage or node.rules().shortage) is Shortage.REFUSE:
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


def _smaller(request: Request, resource: str, amount: int) -> Request:
    return replace(request, amounts={**request.amounts, resource: amount})


def _release_helps(tree: Tree, request: Request, short: Short) -> bool:
    node, resource = tree.nodes[request.node_id], short.resource
    own = [c for c in node.claims.values() if c.leaving is None and c.reservation not in tree.reservations]
    if sum(c.amounts.get(resource, 0) for c in own) < short.missing:
        return False
    trial = pledged(tree)
    trial.add(node, {resource: short.missing}, -1)
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
