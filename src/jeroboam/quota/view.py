"""What people see of a node and of the tree: every word of the model, by resource, in base units."""

from dataclasses import dataclass
from typing import Any

from jeroboam.quota.counters import debt, free, headroom
from jeroboam.quota.deserved import parts_of
from jeroboam.quota.fairness import demand, fair_parts
from jeroboam.quota.flows import Flow, flows
from jeroboam.quota.tree import UNLIMITED, Node, Tree
from jeroboam.quota.trial import Trial

__all__ = ["WORDS", "demand", "headroom", "node_view", "tree_view"]

WORDS = (
    "hard_limit",
    "lend_limit",
    "borrow_limit",
    "used",
    "reserved",
    "allocated",
    "free",
    "borrowed",
    "lent",
    "deserved",
    "fair_now",
    "debt",
)

Figures = dict[str, dict[str, int | None]]


@dataclass(frozen=True, slots=True)
class _Part:
    """What depends on the siblings: None: endless."""

    deserved: int | None
    fair_now: int | None
    flow: Flow


def node_view(node: Node, queued: Trial | None = None) -> Figures:
    """{word: {resource: units}}. -1: nothing bounds it; lend_limit None: all, borrow_limit None: unlimited.

    `queued` (from demand(tree)): the requests that wait count for fair_now.
    """
    return _figures(node, {r: _part(node, r, queued or Trial()) for r in _resources(node)})


def tree_view(tree: Tree, node_id: str | None = None) -> dict[str, Any]:
    """The node with its id, name, figures as of node_view, and its children nested, in one pass."""
    node = tree.nodes[node_id] if node_id else tree.root
    queued = demand(tree)
    return _nested(node, {r: _part(node, r, queued) for r in _resources(node)}, queued)


def _resources(node: Node) -> list[str]:
    """Every resource that some node of the path knows, in order of name."""
    return sorted({r for n in node.path() for r in (*n.limits, *n.subtree)})


def _part(node: Node, resource: str, queued: Trial) -> _Part:
    if node.parent is None:
        hard = node.limit(resource).hard
        whole = hard if hard >= 0 else None
        return _Part(whole, whole, Flow())
    return _parts(node.parent, resource, _part(node.parent, resource, queued), queued)[node.id]


def _parts(parent: Node, resource: str, whole: _Part, queued: Trial) -> dict[str, _Part]:
    """The parts of all children of `parent`, by id."""
    children = list(parent.children.values())
    deserved = parts_of(parent, resource, whole.deserved, children)
    fair = fair_parts(parent, resource, whole.fair_now, queued)
    moved = flows(parent, resource)
    return {c.id: _Part(d, f, moved[c.id]) for c, d, f in zip(children, deserved, fair, strict=True)}


def _nested(node: Node, parts: dict[str, _Part], queued: Trial) -> dict[str, Any]:
    view: dict[str, Any] = {"id": node.id, "name": node.name, **_figures(node, parts)}
    resources = sorted({*parts, *(r for c in node.children.values() for r in (*c.limits, *c.subtree))})
    below = {r: _parts(node, r, parts.get(r, _Part(0, 0, Flow())), queued) for r in resources} if node.children else {}
    children = sorted(node.children.values(), key=lambda child: (child.name, child.id))
    view["children"] = [_nested(c, {r: below[r][c.id] for r in resources}, queued) for c in children]
    return view


def _figures(node: Node, parts: dict[str, _Part]) -> Figures:
    view: Figures = {word: {} for word in WORDS}
    for resource, part in parts.items():
        limit = node.limit(resource)
        row = (
            limit.hard,
            limit.lend,
            limit.borrow,
            node.used.get(resource, 0),
            node.reserved.get(resource, 0),
            node.allocated.get(resource, 0),
            free(node, resource),
            part.flow.borrowed,
            part.flow.lent,
            UNLIMITED if part.deserved is None else part.deserved,
            UNLIMITED if part.fair_now is None else part.fair_now,
            debt(node, resource),
        )
        for word, value in zip(WORDS, row, strict=True):
            view[word][resource] = value
    return view
