"""How much more than its own a node uses, as one exact number that siblings can be compared by (dominant share).

share(x) = max over resources of over(x) / (lendable capacity that x's parent can reach), divided by weight
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from jeroboam.quota.counters import owned, pool, served
from jeroboam.quota.tree import Node
from jeroboam.quota.trial import Trial

ZERO = Fraction(0)
ONE = Fraction(1)


@dataclass(frozen=True, slots=True, order=True)
class Share:
    """Compares as (endless, ratio): a node of weight 0 that is above its own ranks above every weighted one."""

    endless: bool
    ratio: Fraction


NONE = Share(False, ZERO)


def reachable(node: Node, resource: str) -> int | None:
    """The lendable capacity of the node's subtree, with what its borrow_limit lets in from above. None: endless."""
    limit = node.limit(resource)
    here = served(node, resource)
    if node.parent is None:
        return here if limit.hard >= 0 else None
    above = reachable(node.parent, resource)
    if limit.hard < 0:
        return above
    kept = 0 if limit.lend is None else max(0, here - limit.lend)
    most = None if limit.borrow is None else here + limit.borrow
    if above is None:
        return most
    return kept + above if most is None else min(most, kept + above)


Scale = list[tuple[str, int, int]]
"""Each resource that counts, with what is owned of it and the capacity that being above that is measured by."""


class Shares:
    """Shares in one trial. What is owned, and the capacities, are remembered: they depend on limits alone."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._capacity: dict[tuple[str, str], int | None] = {}
        self._scales: dict[tuple[str, bool], Scale] = {}

    def of(self, node: Node) -> Share:
        """The share of `node` among its siblings. The root has none."""
        if node.parent is None:
            return NONE
        scale = self._scales.get((node.id, False))
        if scale is None:
            resources = {**node.subtree, **node.parent.subtree, **node.limits}
            scale = self._scale(node, False, node.parent, [(r, owned(node, r)) for r in resources])
        shift, held, reserved, ident = self.trial.shift, node.subtree, node.reserved, node.id
        most, unit = 0, 1
        for resource, own, capacity in scale:
            over = held.get(resource, 0) + reserved.get(resource, 0) + shift.get((ident, resource), 0) - own
            if over * unit > most * capacity:
                most, unit = over, capacity
        return _share(most, unit, node.weight)

    def ranked(self, node: Node, resources: Iterable[str]) -> list[str]:
        """Those of `resources` that the share of `node` among its siblings is made of, the greatest first."""
        shares = {
            r: Fraction(self.trial.over(node, r), capacity)
            for r in resources
            if node.parent is not None and (capacity := self._reachable(node.parent, r))
        }
        return sorted(shares, key=lambda r: -shares[r])

    def of_own(self, node: Node) -> Share:
        """The share of the node's own claims, among its children: as a child of weight 1 that owns the whole pool."""
        scale = self._scales.get((node.id, True))
        if scale is None:
            resources = {**node.subtree, **node.limits}
            scale = self._scale(node, True, node, [(r, pool(node, r)) for r in resources])
        most, unit = 0, 1
        for resource, own, capacity in scale:
            over = self.trial.used(node, resource) - own
            if over * unit > most * capacity:
                most, unit = over, capacity
        return _share(most, unit, ONE)

    def _scale(self, node: Node, own: bool, parent: Node, owns: list[tuple[str, int]]) -> Scale:
        """What nobody lends is ignored, and so is what never ends."""
        scale = [(r, units, capacity) for r, units in owns if (capacity := self._reachable(parent, r))]
        self._scales[node.id, own] = scale
        return scale

    def _reachable(self, node: Node, resource: str) -> int | None:
        key = (node.id, resource)
        if key not in self._capacity:
            self._capacity[key] = reachable(node, resource)
        return self._capacity[key]


def _share(most: int, unit: int, weight: Fraction) -> Share:
    if most <= 0:
        return NONE
    if weight == 0:
        return Share(True, Fraction(most, unit))
    return Share(False, Fraction(most * weight.denominator, unit * weight.numerator))
