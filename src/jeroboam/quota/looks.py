"""Looks: what a request would get if something were different. The tree is left as it was."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from jeroboam.quota.counters import change, put_limit, taken
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import WithinProject
from jeroboam.quota.tree import NOTHING, PENDING, Amounts, Limit, Node, Reservation, Tree
from jeroboam.quota.trial import Short, Trial

Possible = Callable[[Tree, Request], bool]
"""Would the request be accepted?"""


def is_firm(node: Node, request: Request) -> bool:
    """What it gets nobody may take back: because it says so, or the rules do."""
    return not (request.reclaimable and node.rules().reclaimable)


@dataclass(frozen=True, slots=True)
class Look:
    """A request that was turned down, and what it would get if something were different."""

    tree: Tree
    request: Request
    possible: Possible

    @property
    def node(self) -> Node:
        return self.tree.nodes[self.request.node_id]

    def shortages(self, trial: Trial) -> list[Short]:
        """Where it does not fit in a trial."""
        return trial.shortages(self.node, self.request.amounts, is_firm(self.node, self.request))

    def never(self) -> list[Short]:
        """Where it asks too much even if all claims were gone, and all reservations that have an end."""
        with ExitStack() as stack:
            for place, resource, units in _of_the_unbounded(self.tree):
                stack.enter_context(unreserved(self.tree, place, resource, units))
            return [s for s in self.shortages(_empty(self.tree, self.node, self.request.amounts)) if not s.soft]

    def asking(self, amounts: Amounts) -> bool:
        """If it asked for so much of these, and of the others what it does."""
        return self.possible(self.tree, replace(self.request, amounts={**self.request.amounts, **amounts}))

    def releasing(self, amounts: Amounts) -> bool:
        """If its project gave back so much of what its other claims hold, but for those that draw. While one has to
        leave, what is given back goes to whom it leaves for.
        """
        tree, node = self.tree, self.node
        own = [c for c in node.claims.values() if c.reservation not in tree.reservations and c.id != self.request.id]
        if any(c.leaving is not None for c in own) or any(
            sum(c.amounts.get(r, 0) for c in own) < amount for r, amount in amounts.items()
        ):
            return False
        with released(tree, node, amounts), spared(node):
            return self.possible(tree, self.request)

    def limiting(self, changes: Iterable[tuple[Node, Mapping[str, Limit]]]) -> bool:
        """If these nodes had these limits."""
        with ExitStack() as stack:
            for node, limits in changes:
                stack.enter_context(limited(self.tree, node, limits))
            return self.possible(self.tree, self.request)


def _of_the_unbounded(tree: Tree) -> list[tuple[Node, str, int]]:
    """What is reserved where there is no bound: above, that counts as given away."""
    places = ((tree.nodes[r.node_id], r.amounts) for r in tree.reservations.values())
    return [(place, r, units) for place, held in places for r, units in held.items() if place.limit(r).hard < 0]


def _empty(tree: Tree, node: Node, resources: Iterable[str]) -> Trial:
    """What a node takes out of its parent then is what its subtree does not lend (H - what could be lent), and more
    where reservations without an end need it.
    """
    trial = Trial()
    held = [(tree.nodes[r.node_id], _whole(tree, r)) for r in tree.reservations.values() if r.until is None]
    for at in {n.id: n for place in (node, *(place for place, _ in held)) for n in place.path()}.values():
        for resource in resources:
            kept = max(0, at.allocated.get(resource, 0) - at.lendable.get(resource, 0))
            trial.shift[at.id, resource] = kept - taken(at, resource)
    for place, amounts in held:
        trial.add(place, amounts)
    return trial


def _whole(tree: Tree, reservation: Reservation) -> Amounts:
    """What it holds if nobody draws from it, or, while its units are still being taken back, what it will."""
    making = tree.claims.get(reservation.id)
    pending = making.amounts if making is not None and making.state in PENDING else {}
    drawn = (c.amounts for c in tree.nodes[reservation.node_id].claims.values() if c.reservation == reservation.id)
    whole: Amounts = {}
    for amounts in (reservation.amounts, pending, *drawn):
        for resource, units in amounts.items():
            whole[resource] = whole.get(resource, 0) + units
    return whole


@contextmanager
def spared(node: Node) -> Iterator[None]:
    """Where nobody displaces claims of its own: those that it gives back are not there to be taken again."""
    policy = node.policy
    node.policy = replace(policy, within_project=WithinProject.NEVER)
    try:
        yield
    finally:
        node.policy = policy


@contextmanager
def released(tree: Tree, node: Node, amounts: Amounts) -> Iterator[None]:
    """With so much less used at `node`."""
    dirty = set(tree.dirty_nodes)
    _use(tree, node, amounts, -1)
    try:
        yield
    finally:
        _use(tree, node, amounts, 1)
        tree.dirty_nodes.intersection_update(dirty)


def _use(tree: Tree, node: Node, amounts: Amounts, sign: int) -> None:
    for resource, amount in amounts.items():
        change(tree, node, resource, used=sign * amount)


@contextmanager
def unreserved(tree: Tree, node: Node, resource: str, amount: int) -> Iterator[None]:
    """With so much less reserved at `node`."""
    dirty = set(tree.dirty_nodes)
    change(tree, node, resource, reserved=-amount)
    try:
        yield
    finally:
        change(tree, node, resource, reserved=amount)
        tree.dirty_nodes.intersection_update(dirty)


@contextmanager
def limited(tree: Tree, node: Node, limits: Mapping[str, Limit]) -> Iterator[None]:
    """With other limits at `node`."""
    with ExitStack() as stack:
        for resource, limit in limits.items():
            stack.enter_context(_limited(tree, node, resource, limit))
        yield


@contextmanager
def _limited(tree: Tree, node: Node, resource: str, limit: Limit) -> Iterator[None]:
    before, dirty = node.limits.get(resource), set(tree.dirty_nodes)
    put_limit(tree, node, resource, limit)
    try:
        yield
    finally:
        put_limit(tree, node, resource, before or NOTHING)
        if before is None:
            del node.limits[resource]
        tree.dirty_nodes.intersection_update(dirty)
