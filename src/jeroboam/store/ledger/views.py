"""A claim as conductors and the API see it: its state, what it waits for, who takes it and when."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import BindParameter, Connection, Select, bindparam, func, select

from jeroboam.model.errors import NotFound
from jeroboam.quota.tree import ClaimState
from jeroboam.store.among import among
from jeroboam.store.ledger.codecs import read_amounts
from jeroboam.store.ledger.load import chunks
from jeroboam.store.ledger_schema import claims, reclaims, reservations, victims


@dataclass(frozen=True, slots=True)
class Leaving:
    """A claim that is being taken back: for whom (ids), and when it must have left (seconds since the epoch)."""

    reclaim_id: str
    deadline: float
    by_project: str
    by_object: str | None


@dataclass(frozen=True, slots=True)
class ClaimView:
    """`reason` is a sentence that names no other project; `deadline` and `victims` (object ids) speak of its own
    reclaim, while it is RECLAIMING. `amounts` are in base units."""

    id: str
    state: ClaimState
    amounts: dict[str, int]
    reason: str = ""
    leaving: Leaving | None = None
    deadline: float | None = None
    victims: tuple[str, ...] = ()
    node_id: str = ""
    object_id: str = ""
    priority: int = 0
    reclaimable: bool = True
    reservation: str | None = None
    shortage: str = ""
    created_at: float = 0.0
    reservation_name: str | None = None


@dataclass(frozen=True, slots=True)
class ReclaimView:
    """Who gets what from whom, by which rule and until when. `victims` are those that have not left yet.

    `reservation_name`: of the reservation that it is for, which has no object.
    """

    id: str
    claim_id: str
    node_id: str
    object_id: str
    deadline: float
    rule: str
    amounts: dict[str, int]
    victims: tuple["VictimView", ...]
    reservation_name: str | None = None


@dataclass(frozen=True, slots=True)
class VictimView:
    claim_id: str
    node_id: str
    object_id: str
    amounts: dict[str, int]


_NAME = func.coalesce(reservations.c.name, reservations.c.id)
_takers = claims.alias("takers")
_CLAIMS = (
    select(
        claims.c.id,
        claims.c.state,
        claims.c.reason,
        claims.c.node_id,
        claims.c.object_id,
        claims.c.priority,
        claims.c.reclaimable,
        claims.c.reservation_id,
        claims.c.shortage,
        claims.c.created_at,
        claims.c.amounts,
        claims.c.leaving,
        reclaims.c.deadline,
        _takers.c.node_id,
        _takers.c.object_id,
        _NAME,
    )
    .outerjoin(reservations, reservations.c.id == claims.c.reservation_id)
    .outerjoin(reclaims, reclaims.c.id == claims.c.leaving)
    .outerjoin(_takers, _takers.c.id == reclaims.c.claim_id)
    .order_by(claims.c.created_at, claims.c.id)
)
_IDS: BindParameter[Any] = bindparam("ids", expanding=True)
_BY_ID = _CLAIMS.where(claims.c.id.in_(_IDS))
_RECLAIMS = (
    select(
        reclaims.c.id,
        reclaims.c.claim_id,
        claims.c.node_id,
        claims.c.object_id,
        reclaims.c.deadline,
        reclaims.c.rule,
        claims.c.amounts,
        _NAME,
    )
    .join(claims, claims.c.id == reclaims.c.claim_id)
    .outerjoin(reservations, reservations.c.id == claims.c.reservation_id)
)
_RECLAIMS_OF = _RECLAIMS.where(reclaims.c.claim_id.in_(_IDS))
_VICTIMS = (
    select(victims.c.reclaim_id, victims.c.claim_id, claims.c.node_id, claims.c.object_id, claims.c.amounts)
    .join(claims, claims.c.id == victims.c.claim_id)
    .where(victims.c.reclaim_id.in_(_IDS))
    .order_by(victims.c.reclaim_id, victims.c.position)
)


def views(tx: Connection, claim_ids: Iterable[str]) -> dict[str, ClaimView]:
    """By id; what does not exist is missing."""
    return {view.id: view for some in chunks(set(claim_ids)) for view in _views(tx, _BY_ID, {"ids": some})}


def view(tx: Connection, claim_id: str) -> ClaimView:
    """Raises NotFound."""
    found = views(tx, (claim_id,)).get(claim_id)
    if found is None:
        raise NotFound(f"cannot find the claim {claim_id[:64]!r}; list the claims to see what there is")
    return found


def in_nodes(tx: Connection, node_ids: Collection[str] | None) -> list[ClaimView]:
    """The claims of these nodes (None: of all), oldest first. All are read: admissions would pay for an index."""
    return _views(tx, _CLAIMS if node_ids is None else _CLAIMS.where(among(claims.c.node_id, node_ids)), {})


def open_reclaims(tx: Connection, node_ids: Collection[str] | None) -> list[ReclaimView]:
    """Reclaims in progress in which one of these nodes gets or gives (None: all)."""
    found = _reclaims(tx, _RECLAIMS, {})
    if node_ids is None:
        return found
    return [r for r in found if r.node_id in node_ids or any(v.node_id in node_ids for v in r.victims)]


def _views(tx: Connection, query: Select[*tuple[Any, ...]], values: dict[str, Any]) -> list[ClaimView]:
    rows = tx.execute(query, values).all()
    if not rows:
        return []
    waiting = [row[0] for row in rows if row[1] == ClaimState.RECLAIMING]
    reclaiming = {r.claim_id: r for r in _reclaims(tx, _RECLAIMS_OF, {"ids": waiting})} if waiting else {}
    return [_view(row, reclaiming.get(row[0])) for row in rows]


def _view(row: Sequence[Any], reclaim: ReclaimView | None) -> ClaimView:
    ident, state, reason, node, object_id, priority, reclaimable, reservation, shortage, created = row[:10]
    amounts, reclaim_id, deadline, by_project, by_object, reservation_name = row[10:]
    return ClaimView(
        id=ident,
        state=ClaimState(state),
        amounts=read_amounts(amounts),
        reason="" if reason is None else orjson.loads(reason)["sentence"],
        leaving=None if deadline is None else Leaving(reclaim_id, deadline, by_project, by_object or None),
        deadline=reclaim.deadline if reclaim else None,
        victims=tuple(victim.object_id for victim in reclaim.victims) if reclaim else (),
        node_id=node,
        object_id=object_id,
        priority=priority,
        reclaimable=reclaimable,
        reservation=reservation,
        shortage=shortage,
        created_at=created,
        reservation_name=reservation_name,
    )


def _reclaims(tx: Connection, query: Select[*tuple[Any, ...]], values: dict[str, Any]) -> list[ReclaimView]:
    rows = tx.execute(query, values).all()
    if not rows:
        return []
    leaving = tx.execute(_VICTIMS, {"ids": [row[0] for row in rows]}).all()
    of: dict[str, list[VictimView]] = defaultdict(list)
    for reclaim_id, claim_id, node_id, object_id, amounts in leaving:
        of[reclaim_id].append(VictimView(claim_id, node_id, object_id, read_amounts(amounts)))
    return [_reclaim(row, of[row[0]]) for row in rows]


def _reclaim(row: Sequence[Any], leaving: list[VictimView]) -> ReclaimView:
    ident, claim_id, node_id, object_id, deadline, rule, amounts, name = row
    gets = read_amounts(amounts)
    return ReclaimView(ident, claim_id, node_id, object_id, deadline, rule, gets, tuple(leaving), name)
