"""fair_now: what each child would have if everything were divided now, by weight, among those that want it."""

from fractions import Fraction

from jeroboam.quota.counters import bound, owned, pool
from jeroboam.quota.tree import Node, Tree
from jeroboam.quota.trial import Trial
from jeroboam.quota.waterfill import waterfill


def demand(tree: Tree) -> Trial:
    """The tree as if everything that waits were admitted."""
    trial = Trial()
    for claim in (*tree.waiting.values(), *(tree.claims[row.claim_id] for row in tree.reclaims.values())):
        trial.add(tree.nodes[claim.node_id], claim.amounts)
    return trial


def fair_now(node: Node, resource: str, demand: Trial) -> int | None:
    """What `node` itself would have. None: endless."""
    if node.parent is None:
        hard = node.limit(resource).hard
        return hard if hard >= 0 else None
    place = list(node.parent.children).index(node.id)
    return fair_parts(node.parent, resource, fair_now(node.parent, resource, demand), demand)[place]


def fair_parts(parent: Node, resource: str, whole: int | None, demand: Trial) -> list[int]:
    """The parts of `parent`'s children, in their order, where the parent itself has `whole` (None: endless).

    `demand` has the queued requests charged in it. Everybody first gets what it wants of its own (a private part in
    any case); what is left is water-filled by weight over those that want more. The parent's own claims are a child
    of weight 1 that owns the pool. Sums are exact.
    """
    children = list(parent.children.values())
    wants = [_want(c, resource, demand) for c in children]
    if whole is None:
        return wants
    first = [max(c.limit(resource).private, min(w, owned(c, resource))) for c, w in zip(children, wants, strict=True)]
    own = demand.used(parent, resource)
    own_first = min(own, pool(parent, resource))
    rest = whole - parent.reserved.get(resource, 0) - own_first - sum(first)
    asks = [(max(0, w - f), c.weight) for w, f, c in zip(wants, first, children, strict=True)]
    more = waterfill(max(0, rest), [*asks, (own - own_first, Fraction(1))])
    return [f + m for f, m in zip(first, more, strict=False)]


def _want(node: Node, resource: str, demand: Trial) -> int:
    """Admitted and queued demand, as far as the node may reach; at least its private part."""
    most = bound(node, resource)
    wanted = demand.taken(node, resource)
    return max(node.limit(resource).private, wanted if most is None else min(wanted, most))
