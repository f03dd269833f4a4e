"""What a reader may see of an explanation: a member its own project whole and of its ancestors only what limits it, a
manager everything below its node by name, and nobody another project's name.
"""

from collections.abc import Mapping
from dataclasses import replace

from jeroboam.quota.reasons import FAIR, Help, Reason
from jeroboam.quota.tree import Tree

_OF_AN_ANCESTOR = FAIR | {"requested", "asked", "available", "missing"}


def visible(tree: Tree, reason: Reason, own: str, managed: str | None = None) -> Reason:
    """`reason` as a member of project `own` (and manager of node `managed`, with all below it) may read it."""
    helps = tuple(_help(tree, h, own, managed) for h in reason.helps if not _far(tree, h, own, managed))
    if _whole(tree, reason.node, own, managed):
        return replace(reason, helps=helps)
    if _above(tree, reason.node, own):
        return replace(reason, figures=_only(reason.figures), helps=helps)
    return replace(reason, node=None, figures=_only(reason.figures), helps=helps)


def _far(tree: Tree, help_: Help, own: str, managed: str | None) -> bool:
    """Who above a parent could give so much would tell, asked again and again, how much is free there."""
    return len(help_.nodes) > 1 and not _whole(tree, help_.node, own, managed)


def _help(tree: Tree, help_: Help, own: str, managed: str | None) -> Help:
    if help_.node is None or _whole(tree, help_.node, own, managed):
        return help_
    if _above(tree, help_.node, own):
        return replace(help_, figures=_only(help_.figures))
    return replace(help_, node=None, figures=_only(help_.figures))


def _only(figures: Mapping[str, int]) -> Mapping[str, int]:
    return {k: v for k, v in figures.items() if k in _OF_AN_ANCESTOR}


def _whole(tree: Tree, node_id: str | None, own: str, managed: str | None) -> bool:
    if node_id is None or node_id == own:
        return True
    return managed is not None and node_id in tree.nodes and _above(tree, managed, node_id)


def _above(tree: Tree, node_id: str | None, below: str) -> bool:
    return below in tree.nodes and any(n.id == node_id for n in tree.nodes[below].path())
