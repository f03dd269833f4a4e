"""What would help: all is tried on the tree before it is said."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from operator import itemgetter

from jeroboam.quota.counters import free, headroom, owned, taken
from jeroboam.quota.looks import Look, unreserved
from jeroboam.quota.policy import Shortage
from jeroboam.quota.reasons import Help
from jeroboam.quota.tree import Amounts, Limit, Node
from jeroboam.quota.trial import Short, pledged

TRIED = 3
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


def when_short(look: Look, short: Short, shorts: Sequence[Short], owed: Sequence[int], *, ever: bool) -> list[Help]:
    """`short`: what the reason speaks of, one of `shorts`. `owed`: amounts of it that others may have to leave for.
    `ever`: it would fit if nothing else ran.
    """
    less = _most(look, short.resource, owed)
    fewer = None if less is None else Help("smaller", look.node.id, {"available": less})
    back = _least_release(look, short, less)
    several = {s.resource for s in shorts} if fewer is None and back is None else set()
    found = [
        fewer,
        back,
        *(_several(look, shorts) if len(several) > 1 else ()),
        _draw(look),
        raise_limits(look, short.node, _missing(s for s in shorts if s.node is short.node)),
        _reservation_ends(look, short.resource),
        Help("wait") if ever and _refuses(look) else None,
    ]
    return [help_ for help_ in found if help_ is not None]


def when_not_owned(look: Look, lack: Lack, lacks: Sequence[Lack]) -> list[Help]:
    """`lack`: what the reason speaks of, one of `lacks`."""
    missing = {one.resource: one.missing for one in lacks}
    left = {one.resource: one.room - one.held for one in lacks}
    less = min(left.values()) > 0 and look.asking(left)
    back = look.releasing(missing)
    if len(lacks) > 1:
        found = [
            Help("smaller_each", look.node.id, amounts=left) if less else None,
            Help("release_each", look.node.id, amounts=missing) if back else None,
        ]
    else:
        found = [
            Help("smaller", lack.owner.id, {"available": left[lack.resource]}) if less else None,
            Help("release", look.node.id, {"missing": lack.missing}) if back else None,
        ]
    softer = replace(look.request, reclaimable=True)
    soft = look.node.rules().reclaimable and not look.request.reclaimable
    found += [
        Help("mark_reclaimable") if soft and look.possible(look.tree, softer) else None,
        _draw(look),
        *(_frees(look, lack) if len(lacks) == 1 else ()),
        _raise_hard(look, lack.owner, missing) if len({one.owner.id for one in lacks}) == 1 else None,
    ]
    return [help_ for help_ in found if help_ is not None]


def _missing(shorts: Iterable[Short]) -> Amounts:
    """Of each resource, what is missing where most is."""
    missing: Amounts = {}
    for short in shorts:
        missing[short.resource] = max(short.missing, missing.get(short.resource, 0))
    return missing


def _most(look: Look, resource: str, owed: Sequence[int]) -> int | None:
    """The most that it could ask for instead: what others would have to leave for, or what fits."""
    asked = look.request.amounts[resource]
    room = 0 if look.tree.reclaims else headroom(look.node, resource) or 0
    more = sorted({a for a in owed if room < a < asked}, reverse=True)[:TRIED]
    tried = [*more, room] if 0 < room < asked else more
    return next((amount for amount in tried if look.asking({resource: amount})), None)


def _least_release(look: Look, short: Short, less: int | None) -> Help | None:
    """The least of its own that it could give back: what it asks for beyond `less`, or all that is missing."""
    resource = short.resource
    tried = {short.missing} if less is None else {short.missing, look.request.amounts[resource] - less}
    least = next((a for a in sorted(tried) if a > 0 and look.releasing({resource: a})), None)
    return None if least is None else Help("release", look.node.id, {"missing": least})


def _several(look: Look, shorts: Sequence[Short]) -> list[Help]:
    """Where less of one resource is not enough: less of each, as much as others would leave for, or what fits."""
    node, missing = look.node, _missing(shorts)
    room = {r: headroom(node, r) or 0 for r in missing}
    owed = {r: max(room[r], min(look.request.amounts[r], _own_left(look, r))) for r in missing}
    less = next((amounts for amounts in (owed, room) if all(amounts.values()) and look.asking(amounts)), None)
    found = []
    if less is not None:
        found.append(Help("smaller_each", node.id, amounts=less))
    if look.releasing(missing):
        found.append(Help("release_each", node.id, amounts=missing))
    return found


def _own_left(look: Look, resource: str) -> int:
    """What the project does not hold yet of what it owns itself."""
    return owned(look.node, resource) - pledged(look.tree).taken(look.node, resource)


def _draw(look: Look) -> Help | None:
    """What is asked for is held for the project already."""
    tree, asked = look.tree, look.request.amounts
    covers = [
        r
        for r in tree.reservations.values()
        if r.node_id == look.node.id and all(r.amounts.get(k, 0) >= a for k, a in asked.items())
    ]
    return Help("draw", look.node.id, reservation=covers[0].name or covers[0].id) if covers else None


def _refuses(look: Look) -> bool:
    return Shortage(look.request.shortage or look.node.rules().shortage) is Shortage.REFUSE


def _reservation_ends(look: Look, resource: str) -> Help | None:
    """What the project has reserved comes back to it for certain, if nobody queues for it."""
    tree, node = look.tree, look.node
    if tree.waiting:
        return None
    trial, units = pledged(tree), 0
    own = [r for r in tree.reservations.values() if r.node_id == node.id]
    ends = [(r.until, r.id, r.amounts) for r in own if r.until is not None]
    for until, _, amounts in sorted(ends, key=itemgetter(0, 1)):
        trial.add(node, amounts, -1)
        units += amounts.get(resource, 0)
        if all(s.soft for s in look.shortages(trial)):
            return Help("wait_until", node.id, {"units": units}, until)
    return None


def _frees(look: Look, lack: Lack) -> list[Help]:
    """Enough of what the owner has set aside is idle: in its reservations, or with one of its children."""
    tree, owner, resource, missing = look.tree, lack.owner, lack.resource, lack.missing
    found = []
    if owner.reserved.get(resource, 0) >= missing:
        with unreserved(tree, owner, resource, missing):
            if look.possible(tree, look.request):
                found.append(Help("free_reservation", owner.id))
    for child in owner.children.values():
        limit = child.limit(resource)
        less = replace(limit, hard=limit.hard - missing)
        idle = free(child, resource) >= missing and taken(child, resource) <= less.hard
        if idle and look.limiting([(child, {resource: less})]):
            return [*found, Help("lower_below", owner.id)]
    return found


def raise_limits(look: Look, node: Node, missing: Amounts) -> Help | None:
    """What costs others least comes first: the parent gives of its free, the node may borrow more, those above give."""
    near = _raise_hard(look, node, missing, far=False)
    return near or _raise_borrow(look, node, missing) or _raise_hard(look, node, missing)


def _raise_hard(look: Look, node: Node, missing: Amounts, *, far: bool = True) -> Help | None:
    """The nearest above that has so much free can give it; `far`: through others that have not."""
    above = list(node.path())[1:]
    full = list(takewhile(lambda n: not _has_free(n, missing), above))
    if len(full) == len(above) or (full and not far):
        return None
    if any(n.limit(r).hard >= 0 > free(n, r) for n in full for r in missing):
        return None  # it lives on what it borrows, and would have none to give then either
    chain = [n for n in (*reversed(full), node) if any(n.limit(r).hard >= 0 for r in missing)]
    changes = [(n, {r: _more(n, r, a) for r, a in missing.items() if n.limit(r).hard >= 0}) for n in chain]
    if not look.limiting(changes):
        return None
    giver = above[len(full)]
    if len(chain) > 1 or len(missing) > 1:
        return Help("raise_hard_limits", giver.id, amounts=missing, nodes=tuple(n.id for n in chain))
    ((resource, units),) = missing.items()
    owner = giver.bounded(resource)
    figures = {"hard_limit": node.limit(resource).hard + units, "missing": units}
    if owner is None:
        return Help("raise_hard_limit", giver.id, figures)
    return Help("raise_hard_limit", owner.id, {"free": free(owner, resource), **figures})


def _has_free(node: Node, amounts: Amounts) -> bool:
    """Could it give so much to a child? A node without a bound has what the nearest bounded ancestor has."""
    owners = {resource: node.bounded(resource) for resource in amounts}
    return all(owner is None or free(owner, r) >= amounts[r] for r, owner in owners.items())


def _more(node: Node, resource: str, units: int) -> Limit:
    limit = node.limit(resource)
    return replace(limit, hard=limit.hard + units)


def _raise_borrow(look: Look, node: Node, missing: Amounts) -> Help | None:
    more = {}
    for resource, units in missing.items():
        limit = node.limit(resource)
        if limit.borrow is None:
            return None
        more[resource] = replace(limit, borrow=limit.borrow + units)
    if node.parent is None or not look.limiting([(node, more)]):
        return None
    if len(missing) > 1:
        return Help("raise_borrow_limits", node.id, amounts=missing)
    ((resource, units),) = missing.items()
    return Help("raise_borrow_limit", node.id, {"borrow_limit": more[resource].borrow or 0, "missing": units})
