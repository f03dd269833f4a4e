"""What a node deserves: what it owns, and its part, by weight among all its siblings, of the pools above it.

Never more than it may reach: a part that its borrow_limit keeps from it is nobody's promise.
"""

from fractions import Fraction

from jeroboam.quota.counters import bound, owned, pool
from jeroboam.quota.tree import Node
from jeroboam.quota.waterfill import round_largest


def deserved(node: Node, resource: str) -> int | None:
    """Static: it does not depend on who uses what. None: nothing bounds it."""
    if node.parent is None:
        hard = node.limit(resource).hard
        return hard if hard >= 0 else None
    siblings = list(node.parent.children.values())
    return parts_of(node.parent, resource, deserved(node.parent, resource), siblings)[siblings.index(node)]


def parts_of(parent: Node, resource: str, whole: int | None, children: list[Node]) -> list[int | None]:
    """What each child of `parent` deserves, where the parent itself deserves `whole` (None: endless)."""
    if whole is None:
        return [bound(c, resource) for c in children]
    above = pool(parent, resource) + max(0, whole - owned(parent, resource))
    weights = sum((c.weight for c in children), Fraction(0))
    if not weights:
        return [owned(c, resource) for c in children]
    parts = round_largest([above * c.weight / weights for c in children])
    return [_within(c, resource, owned(c, resource) + part) for c, part in zip(children, parts, strict=True)]


def _within(node: Node, resource: str, part: int) -> int:
    most = bound(node, resource)
    return part if most is None else min(part, most)
