"""What follows from a change of the ledger: events for those concerned, and wake-ups for their objects.

Messages name no other project: they are for members. What a manager above may know stands in the event's data under
MANAGERS, which whoever serves a member leaves out.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, select

from jeroboam.model import container
from jeroboam.model.events import Event, EventType
from jeroboam.quota.policy import Ground
from jeroboam.quota.reasons import Reason
from jeroboam.quota.tree import LIVE, ClaimState, Reservation
from jeroboam.store import events, wakes
from jeroboam.store.ledger.load import IDS, Books, forget
from jeroboam.store.ledger.save import Change, save, sentence_for
from jeroboam.store.schema import objects

MANAGERS = "managers"

_NAMES = select(objects.c.id, objects.c.kind, objects.c.name).where(objects.c.id.in_(IDS))
_FIRST = {EventType.EVICTED: 0, EventType.EVICTING: 1}
"""Causes before consequences."""
_WHAT = {Ground.GUARANTEE.value: "back what it owns", Ground.FAIR_SHARE.value: "its fair share"}
_PENDING = (ClaimState.WAITING, ClaimState.RECLAIMING)


def write(
    tx: Connection, books: Books, now: float, subject: str | None = None, kinds: Mapping[str, str] | None = None
) -> None:
    """Writes the unit of work; whoever gets, loses or waits for something by it hears of it and is woken.

    `subject`: the claim that asked; its own object is not woken, whoever asked is at it already. `kinds`: of new nodes.
    """
    tree = books.tree
    waiting = {tree.reclaims[ident].claim_id for ident in tree.dirty_reclaims if ident in tree.reclaims}
    changes = save(tx, books, now, kinds)
    told = [(change, said) for change in changes if (said := _said(books, change)) is not None]
    if told:
        told.sort(key=lambda pair: (_FIRST.get(pair[1].type, len(_FIRST)), pair[0].claim.order, pair[0].claim.id))
        known = _known(tx, [change.object_id for change, _ in told])
        events.append_all(
            tx, [_event(change, said, known, tree.reservations.get(change.claim.id), now) for change, said in told]
        )
    concerned = ({change.claim.id for change in changes} | waiting) - {subject}
    wakes.wake(tx, {books.objects.get(ident, "") for ident in concerned} - {""}, now)
    for change in changes:
        if change.claim.state not in LIVE:
            forget(books, change.claim.id)  # its row has gone, too


@dataclass(frozen=True, slots=True)
class _Said:
    type: EventType
    message: str
    data: Mapping[str, Any]


def _said(books: Books, change: Change) -> _Said | None:
    """What there is to tell of one claim; None: nothing that its own request has not been told."""
    claim, before = change.claim, change.before
    if claim.state is ClaimState.ADMITTED and before is ClaimState.ADMITTED:
        return _leaving(books, change)
    if claim.state is ClaimState.EVICTED and before is ClaimState.ADMITTED:
        return _evicted(books, change)
    if claim.state in _PENDING:
        return _waits(books, change)
    if claim.state is ClaimState.ADMITTED and before is not None:
        type = EventType.READMITTED if change.evictions else EventType.QUOTA
        waited = "what it waited for is there" if before in _PENDING else "there is room for it again"
        return _Said(type, f"Admitted: {waited}.", {})
    if claim.reserves and claim.state is ClaimState.RELEASED:
        return _Said(EventType.QUOTA, "The reservation holds what it was made for.", {})
    return None


def _leaving(books: Books, change: Change) -> _Said | None:
    claim = change.claim
    if claim.leaving == change.leaving:
        return None
    if claim.leaving is None:
        return _Said(EventType.QUOTA, "It may stay: what was to be taken back is not needed any more.", {})
    row = books.tree.reclaims[claim.leaving]
    taker = _taker(books, change, row.id).capitalize()
    what = _WHAT.get(row.rule, "back what it is entitled to")
    message = f"{taker} takes {what}: this stops by {_iso(row.deadline)}."
    above = {"rule": row.rule, **_claimant(books, row.id)}  # the rules of all its victims, who are others' business
    return _Said(EventType.EVICTING, message, {"deadline": row.deadline, MANAGERS: above})


def _evicted(books: Books, change: Change) -> _Said:
    if change.leaving is None:
        return _Said(EventType.EVICTED, "Stopped: it gave its capacity back.", {})
    message = f"Stopped: {_taker(books, change, change.leaving)} has taken back what it is entitled to."
    return _Said(EventType.EVICTED, message, {MANAGERS: _claimant(books, change.leaving)})


def _waits(books: Books, change: Change) -> _Said | None:
    claim = change.claim
    if claim.state is change.before:
        return None
    if claim.state is ClaimState.RECLAIMING:
        row = books.tree.reclaims[claim.id]
        victims = [books.tree.claims[ident] for ident in row.victims]
        named = [_named(books, victim.id) for victim in victims]
        message = f"Waits for what is being taken back from {len(victims)} other(s), by {_iso(row.deadline)}."
        data = {"deadline": row.deadline, "rule": row.rule, MANAGERS: {"victims": named}}
        return _Said(EventType.QUOTA, message, data)
    why = sentence_for(books.tree, claim.node_id, claim.reason) if isinstance(claim.reason, Reason) else ""
    return _Said(EventType.QUOTA, f"Waits in the queue of the quota{': ' + why if why else ''}.", {})


def _taker(books: Books, change: Change, reclaim_id: str) -> str:
    taker = books.tree.claims.get(reclaim_id)
    same = taker is not None and taker.node_id == change.claim.node_id
    return "this project itself" if same else "another project"


def _claimant(books: Books, reclaim_id: str) -> dict[str, Any]:
    return {"claimant": _named(books, reclaim_id)} if reclaim_id in books.tree.claims else {}


def _named(books: Books, claim_id: str) -> dict[str, Any]:
    claim = books.tree.claims[claim_id]
    return {
        "claim_id": claim_id,
        "object_id": books.objects.get(claim_id, ""),
        "project_id": claim.node_id,
        "project_name": books.tree.nodes[claim.node_id].name,
        "amounts": claim.amounts,
    }


def _known(tx: Connection, object_ids: Iterable[str]) -> dict[str, tuple[str, str]]:
    rows = tx.execute(_NAMES, {"ids": sorted(set(object_ids) - {""})})
    return {ident: (kind, name) for ident, kind, name in rows}


def _event(
    change: Change, said: _Said, known: Mapping[str, tuple[str, str]], held: Reservation | None, now: float
) -> Event:
    claim = change.claim
    # A request is decided before its object is written; a reservation has no object at all.
    kind, name = known.get(change.object_id, (container.KIND, ""))
    if claim.reserves:
        kind, name = "reservation", claim.id if held is None else held.name or claim.id
    data = {"claim_id": claim.id, "state": claim.state.value, "amounts": claim.amounts, **said.data}
    object_id = claim.id if claim.reserves else change.object_id
    return Event(said.type, kind, object_id, claim.node_id, now, said.message, name, data)


def _iso(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
