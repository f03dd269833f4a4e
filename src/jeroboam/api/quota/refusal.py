"""What a caller is told when the quota tree says no, or not yet: with the names and figures that it may know."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from jeroboam.api.context import Context
from jeroboam.api.respond import iso
from jeroboam.model.errors import QuotaRefused
from jeroboam.model.quantities import written
from jeroboam.planning.report import queued, taking_back
from jeroboam.quota import redaction
from jeroboam.quota.decision import Decision
from jeroboam.quota.reasons import QuotaConflict, Reason
from jeroboam.quota.tree import Tree
from jeroboam.store.ledger import load


def problem(ctx: Context, tx: Connection, what: str, decision: Decision, node_id: str) -> QuotaRefused:
    """The 403 of a refused request of `node_id`; `what` begins the sentence."""
    return problem_in(ctx, load.path(tx, [node_id]), what, decision, node_id)


def problem_in(ctx: Context, tree: Tree, what: str, decision: Decision, node_id: str) -> QuotaRefused:
    """The same, where the node may be in `tree` alone."""
    if decision.reason is None:
        return QuotaRefused(f"{what}: the quota has no room for it; ask for less, or release something")
    told = explained(ctx, tree, decision.reason, node_id)
    return QuotaRefused(f"{what}: {told.pop('sentence')}", **told)


def conflict(ctx: Context, tree: Tree, refused: QuotaConflict, node_id: str) -> QuotaConflict:
    """A refused change of the tree, told to this caller."""
    told = explained(ctx, tree, refused.reason, node_id)
    again = QuotaConflict(refused.reason)
    again.message = told.pop("sentence")
    again.detail = told
    return again


def explained(ctx: Context, tree: Tree, reason: Reason, node_id: str) -> dict[str, Any]:
    """The reason as a sentence and as data, as far as this caller may know it. Figures in base units.

    `tree` has the node and what is above it.
    """
    scope = ctx.caller.scope_id
    names = {node.id: node.name for node in tree.nodes[node_id].path()}
    above = list(names)[1:]
    managed = above[-1] if ctx.caller.system and above else scope if scope in above else None
    shown = redaction.visible(tree, reason, node_id, managed)
    data = shown.as_dict()
    for help_ in data["helps"]:
        help_["at"] = None if help_["at"] is None else iso(help_["at"])
    return {
        "sentence": shown.sentence(_names(tree, names, shown), written, iso),
        **data,
        "node_name": names.get(shown.node or ""),
    }


def _names(tree: Tree, names: Mapping[str, str], reason: Reason) -> Mapping[str, str]:
    """With that of the node that was to be changed: whoever may change it knows it."""
    changed = tree.nodes.get(reason.about or "")
    return names if changed is None else {**names, changed.id: changed.name}


def waiting(decision: Decision) -> str:
    """What a request that is accepted and has to wait says of itself; "" where it does not wait."""
    if decision.outcome == "reclaiming":
        return taking_back(len(decision.victims), decision.deadline)
    return queued() if decision.outcome == "waiting" else ""
