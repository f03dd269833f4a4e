"""What history keeps of a tree at one moment: for each node and resource four figures, in base units."""

from collections.abc import Mapping
from typing import NamedTuple

from jeroboam.quota.counters import over, own_over
from jeroboam.quota.flows import Flow, flows
from jeroboam.quota.tree import PENDING, Amounts, Node, Tree


class Figures(NamedTuple):
    """`used` and `waited` are those of the node and of everything below it, so that siblings can be compared and
    stacked whatever their depth; `borrowed` and `lent` are the model's, which speak of the whole subtree anyway.

    `waited`: what pending claims (waiting, reclaiming) ask for.
    """

    used: int = 0
    borrowed: int = 0
    lent: int = 0
    waited: int = 0


ZERO = Figures()
Sample = dict[tuple[str, str], Figures]
"""By (node id, resource); what is missing is ZERO."""


def sample(tree: Tree) -> Sample:
    """The figures of every node that has any."""
    parents_first = list(tree.root.walk())
    used = _with_all_below(parents_first, {node.id: node.used for node in parents_first})
    waited = _with_all_below(parents_first, _pending(tree))
    moved = {key: flow for parent in parents_first if parent.children for key, flow in _moved(parent).items()}
    still = Flow()
    found: Sample = {}
    for key in used.keys() | waited.keys() | moved.keys():
        flow = moved.get(key, still)
        figures = Figures(used.get(key, 0), flow.borrowed, flow.lent, waited.get(key, 0))
        if figures != ZERO:
            found[key] = figures
    return found


def _pending(tree: Tree) -> dict[str, Amounts]:
    asked: dict[str, Amounts] = {}
    for claim in tree.claims.values():
        if claim.state in PENDING and claim.node_id in tree.nodes:
            at_node = asked.setdefault(claim.node_id, {})
            for resource, amount in claim.amounts.items():
                at_node[resource] = at_node.get(resource, 0) + amount
    return asked


def _with_all_below(parents_first: list[Node], own: Mapping[str, Amounts]) -> dict[tuple[str, str], int]:
    """Each node's own amounts and those of everything below it."""
    sums: dict[str, Amounts] = {ident: dict(amounts) for ident, amounts in own.items() if amounts}
    for node in reversed(parents_first):
        if node.parent is not None and node.id in sums:
            above = sums.setdefault(node.parent.id, {})
            for resource, amount in sums[node.id].items():
                above[resource] = above.get(resource, 0) + amount
    return {(ident, resource): amount for ident, amounts in sums.items() for resource, amount in amounts.items()}


def _moved(parent: Node) -> dict[tuple[str, str], Flow]:
    """The flows between the children of `parent`. Quick to see: nothing moves where nobody is above its own."""
    children = parent.children.values()
    held = {r for child in children for r in (*child.subtree, *child.reserved)} | parent.used.keys()
    return {
        (ident, resource): flow
        for resource in held
        if own_over(parent, resource) or any(over(child, resource) for child in children)
        for ident, flow in flows(parent, resource).items()
        if flow.borrowed or flow.lent
    }
