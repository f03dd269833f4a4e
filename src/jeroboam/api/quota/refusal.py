"""What a caller is told when the quota tree says no, or not yet: with the names that this caller may know."""

from collections.abc import Collection, Mapping
from typing import Any

from sqlalchemy import Connection

from jeroboam.api.context import Context
from jeroboam.api.respond import iso
from jeroboam.model.errors import QuotaRefused
from jeroboam.model.quantities import MEMORY, VCPUS
from jeroboam.planning.report import queued, taking_back
from jeroboam.quota.decision import Decision
from jeroboam.quota.reasons import Help, Reason
from jeroboam.store import ledger


def problem(ctx: Context, tx: Connection, what: str, decision: Decision, node_id: str) -> QuotaRefused:
    """The 403 of a refused request of `node_id`; `what` begins the sentence."""
    if decision.reason is None:
        return QuotaRefused(f"{what}: the quota has no room for it; ask for less, or release something")
    names = ledger.names(tx, [node_id, *ledger.ancestors(tx, node_id)])
    reason = redacted(decision.reason, names)
    return QuotaRefused(f"{what}: {sentence(reason, names)}", **data(reason, names))


def sentence(reason: Reason, names: Mapping[str, str]) -> str:
    return reason.sentence(names, amount, iso)


def redacted(reason: Reason, known: Collection[str]) -> Reason:
    """The reason without the ids of nodes that are not in `known`: other projects are "another project"."""
    helps = tuple(
        Help(help_.code, help_.node if help_.node in known else None, help_.figures, help_.at) for help_ in reason.helps
    )
    node = reason.node if reason.node in known else None
    return Reason(reason.code, node, reason.resource, reason.figures, reason.rule, helps)


def data(reason: Reason, names: Mapping[str, str]) -> dict[str, Any]:
    """The reason as data: figures in base units, nodes by id with their names beside."""
    return {**reason.as_dict(), "node_name": names.get(reason.node or "")}


def waiting(decision: Decision) -> str:
    """What a request that is accepted and has to wait says of itself; "" where it does not wait."""
    if decision.outcome == "reclaiming":
        return taking_back(len(decision.victims), decision.deadline)
    return queued() if decision.outcome == "waiting" else ""


def amount(resource: str, units: int) -> str:
    """A quantity as people write it: vcpus whole or with a point, memory in MiB."""
    if resource == VCPUS:
        return f"{units / 1000:g}"
    if resource == MEMORY:
        return f"{units} MiB"
    return str(units)
