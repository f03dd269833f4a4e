"""Reservations: capacity that a node holds idle for itself, by name, with an end or without."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, bindparam, select

from jeroboam.model.errors import Conflict, NotFound
from jeroboam.quota import reserving
from jeroboam.quota.decision import Decision
from jeroboam.quota.settling import settle
from jeroboam.quota.tree import Amounts, ClaimState
from jeroboam.store import audit
from jeroboam.store.among import among
from jeroboam.store.audit import Actor, Entry
from jeroboam.store.ledger import resident
from jeroboam.store.ledger.codecs import read_amounts
from jeroboam.store.ledger.tell import write
from jeroboam.store.ledger_schema import claims, reservation_amounts
from jeroboam.store.ledger_schema import reservations as table


@dataclass(frozen=True, slots=True)
class ReservationView:
    """`amounts`: what has not been drawn. `pending`: its units are being taken back; nothing can be drawn before, and
    `amounts` is what it will hold.

    `name`: once in its node; its id where it was given none.
    """

    id: str
    node_id: str
    amounts: dict[str, int]
    until: float | None
    pending: bool
    name: str


_ALL = (
    select(table.c.id, table.c.node_id, table.c.until, table.c.name, claims.c.state, claims.c.amounts)
    .outerjoin(claims, claims.c.id == table.c.id)
    .order_by(table.c.id)
)
_NAMED = select(table.c.id).where(table.c.node_id == bindparam("of_node"), table.c.name == bindparam("called"))
_ONE = _ALL.where(table.c.id == bindparam("reservation_id"))
_AMOUNTS = select(reservation_amounts.c.reservation_id, reservation_amounts.c.resource, reservation_amounts.c.amount)
_OVER = select(table.c.id).where(table.c.until <= bindparam("now")).limit(1)


def reserve(
    tx: Connection,
    actor: Actor,
    node_id: str,
    id: str,
    amounts: Amounts,
    until: float | None,
    now: float,
    name: str = "",
) -> Decision:
    """Carves `amounts` from the node's free; units of it that are lent out are taken back, as for a request.

    Refused: nothing was written. Raises Conflict if another node has a reservation of that id, or this one another of
    that name. Audited.
    """
    books = resident.books(tx)
    known = books.tree.reservations.get(id)
    if known is not None and known.node_id != node_id:
        raise Conflict(f"cannot reserve as {id[:64]!r}: the id is taken; use another")
    if known is None and (taken := find_reservation(tx, node_id, name or id)) is not None:
        raise Conflict(
            f"cannot reserve as {taken.name!r}: the project has a reservation of that name; extend or release that "
            "one, or use another name"
        )
    decision = reserving.reserve(books.tree, id, node_id, amounts, now, until)
    if known is None and decision.outcome != "refused":
        books.tree.reservations[id].name = name
        write(tx, books, now)
        after = {"reservation": name or id, "amounts": amounts, "until": until, "outcome": decision.outcome}
        audit.append(tx, Entry(actor, node_id, "reserve", {}, after, now))
    return decision


def extend_reservation(tx: Connection, actor: Actor, id: str, until: float | None, now: float) -> None:
    """Moves its end (None: no end). Raises NotFound. Audited."""
    before = reservation(tx, id)
    books = resident.books(tx)
    reserving.extend(books.tree, id, until)
    settle(books.tree, now)
    write(tx, books, now)
    was, became = ({"reservation": before.name, "until": at} for at in (before.until, until))
    audit.append(tx, Entry(actor, before.node_id, "extend_reservation", was, became, now))


def release_reservation(tx: Connection, actor: Actor, id: str, now: float) -> None:
    """What is undrawn is free again; what was drawn stays as ordinary use. Raises NotFound. Audited."""
    before = reservation(tx, id)
    books = resident.books(tx)
    reserving.release_reservation(books.tree, id, now)
    write(tx, books, now)
    was: dict[str, Any] = {"reservation": before.name, "amounts": before.amounts, "until": before.until}
    audit.append(tx, Entry(actor, before.node_id, "release_reservation", was, {}, now))


def reservations(tx: Connection, node_ids: Collection[str] | None) -> list[ReservationView]:
    """Those of these nodes (None: all), by id."""
    return _views(tx, _ALL if node_ids is None else _ALL.where(among(table.c.node_id, node_ids)))


def reservation(tx: Connection, id: str) -> ReservationView:
    """Raises NotFound."""
    for found in _views(tx, _ONE, {"reservation_id": id}):
        return found
    raise NotFound(f"cannot find a reservation {id[:64]!r}; list the node's reservations")


def find_reservation(tx: Connection, node_id: str, ident: str) -> ReservationView | None:
    """One of the node's, by id or name; None: it has none of either."""
    named = tx.execute(_NAMED, {"of_node": node_id, "called": ident}).scalar()
    found = _views(tx, _ONE, {"reservation_id": ident if named is None else named})
    return found[0] if found and found[0].node_id == node_id else None


def reservation_id(tx: Connection, node_id: str, ident: str | None) -> str | None:
    """What the engine knows a reservation of the node by; one that there is not is the engine's to refuse."""
    found = None if ident is None else find_reservation(tx, node_id, ident)
    return ident if found is None else found.id


def due(tx: Connection, now: float) -> None:
    """Ends reservations that are over, and gives what comes free to those who wait."""
    if tx.execute(_OVER, {"now": now}).first() is None:
        return
    books = resident.books(tx)
    settle(books.tree, now)
    write(tx, books, now)


def _views(
    tx: Connection, query: Select[*tuple[Any, ...]], values: Mapping[str, Any] | None = None
) -> list[ReservationView]:
    rows = tx.execute(query, values or {}).all()
    held: dict[str, dict[str, int]] = defaultdict(dict)
    wanted = among(reservation_amounts.c.reservation_id, [row[0] for row in rows])
    for ident, resource, amount in tx.execute(_AMOUNTS.where(wanted)) if rows else ():
        held[ident][resource] = amount
    return [_view(row, held[row[0]]) for row in rows]


def _view(row: Sequence[Any], held: dict[str, int]) -> ReservationView:
    ident, node_id, until, name, state, asked = row
    pending = state in (ClaimState.WAITING.value, ClaimState.RECLAIMING.value)
    return ReservationView(ident, node_id, read_amounts(asked) if pending else held, until, pending, name or ident)
