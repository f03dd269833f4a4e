"""Claims, reclaims in progress, and the audit of changes, as answers show them."""

from collections.abc import Mapping
from typing import Any

from jeroboam.api.quota.view import ANOTHER, Names
from jeroboam.api.respond import iso
from jeroboam.store.audit import Entry
from jeroboam.store.ledger import ClaimView, ReclaimView, VictimView


def claim(view: ClaimView, names: Names) -> dict[str, Any]:
    leaving = view.leaving
    return {
        "id": view.id,
        "state": view.state,
        **names.of(view.node_id, view.object_id),
        "amounts": view.amounts,
        "priority": view.priority,
        "shortage": view.shortage,
        "reclaimable": view.reclaimable,
        "reservation": view.reservation,
        "reservation_name": view.reservation_name,
        "reason": view.reason,
        "created_at": iso(view.created_at),
        "deadline": None if view.deadline is None else iso(view.deadline),
        "leaving_until": None if leaving is None else iso(leaving.deadline),
        "leaving_for": None if leaving is None else names.known.get(leaving.by_project, ANOTHER),
    }


def reclaim(view: ReclaimView, names: Names) -> dict[str, Any]:
    return {
        "id": view.id,
        **names.of(view.node_id, view.object_id),
        "amounts": view.amounts,
        "deadline": iso(view.deadline),
        "rule": view.rule,
        "reservation_name": view.reservation_name if view.node_id in names.known else None,
        "victims": [_victim(victim, names) for victim in view.victims],
    }


def _victim(view: VictimView, names: Names) -> dict[str, Any]:
    return {**names.of(view.node_id, view.object_id), "amounts": view.amounts}


def entry(row: Entry, names: Names) -> dict[str, Any]:
    return {
        "id": row.id,
        "at": iso(row.at),
        "action": row.action,
        "node": row.node_id,
        "node_name": names.known.get(row.node_id, row.node_id),
        "user_id": row.actor.user_id,
        "user_name": row.actor.user_name,
        "project_id": row.actor.project_id,
        "request_id": row.actor.request_id,
        "before": _side(row.before),
        "after": _side(row.after),
    }


def _side(written: Mapping[str, Any]) -> dict[str, Any]:
    """As it was written, but for the time that a reservation ends at: it is seconds there."""
    until = written.get("until")
    return {**written, "until": iso(until)} if isinstance(until, int | float) else dict(written)
