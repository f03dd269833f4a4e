"""How much more than its own a node uses, as one exact number that siblings can be compared by (dominant share).

share(x) = max over resources of over(x) / (lendable capacity that x's parent can reach), divided by weight
"""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from jeroboam.quota.counters import served
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


class Shares:
    """Shares in one trial. The capacities are remembered: they depend on limits alone."""

    def __init__(self, trial: Trial) -> None:
        self.trial = trial
        self._capacity: dict[tuple[str, str], int | None] = {}

    def of(self, node: Node) -> Share:
        """The share of `node` among its siblings. The root has none."""
        if node.parent is None:
            return NONE
        trial = self.trial
        overs = ((r, trial.over(node, r)) for r in {**node.subtree, **node.parent.subtree, **node.limits})
        return self._dominant(overs, node.parent, node.weight)

    def of_own(self, node: Node) -> Share:
        """The share of the node's own claims, among its children: as a child of weight 1 that owns the whole pool."""
        overs = ((r, self.trial.own_over(node, r)) for r in {**node.subtree, **node.limits})
        return self._dominant(overs, node, ONE)

    def _dominant(self, overs: Iterable[tuple[str, int]], parent: Node, weight: Fraction) -> Share:
        most, unit = 0, 1
        for resource, over in overs:
            if over <= 0:
                continue
            capacity = self._reachable(parent, resource)
            # What nobody lends is ignored, and so is what never ends.
            if capacity and over * unit > most * capacity:
                most, unit = over, capacity
        if not most:
            return NONE
        if weight == 0:
            return Share(True, Fraction(most, unit))
        return Share(False, Fraction(most * weight.denominator, unit * weight.numerator))

    def _reachable(self, node: Node, resource: str) -> int | None:
        key = (node.id, resource)
        if key not in self._capacity:
            self._capacity[key] = reachable(node, resource)
        return self._capacity[key]
