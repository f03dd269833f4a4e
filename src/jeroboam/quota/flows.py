"""Where the units that a node holds above its own come from: the parent's pool, its siblings' idle part, or above."""

from dataclasses import dataclass
from fractions import Fraction

from jeroboam.quota.counters import drawn, over, own_over, owned, pool
from jeroboam.quota.tree import Node
from jeroboam.quota.waterfill import split, waterfill


@dataclass(frozen=True, slots=True)
class Flow:
    """Units of one resource: `borrowed` from siblings; `lent`, this node's idle own, used by them or its parent."""

    borrowed: int = 0
    lent: int = 0


def flows(parent: Node, resource: str) -> dict[str, Flow]:
    """{child id: Flow} for the children of `parent`. The parent's own claims above its pool borrow like a child."""
    children = list(parent.children.values())
    overs = [over(c, resource) for c in children]
    left = pool(parent, resource) - parent.used.get(resource, 0)
    pooled = waterfill(max(0, left), [(o, c.weight) for o, c in zip(overs, children, strict=True)], leftovers=True)
    rest = [o - p for o, p in zip(overs, pooled, strict=True)]
    rest.append(own_over(parent, resource))
    idle = [max(0, owned(c, resource) - drawn(c, resource)) for c in children]
    lent = split(min(sum(rest), sum(idle)), idle)
    weights = [c.weight for c in children] + [Fraction(1)]
    borrowed = waterfill(sum(lent), list(zip(rest, weights, strict=True)), leftovers=True)
    return {c.id: Flow(borrowed[i], lent[i]) for i, c in enumerate(children)}


def flow(node: Node, resource: str) -> Flow:
    """The flows of one node; the root has none."""
    return flows(node.parent, resource)[node.id] if node.parent else Flow()
