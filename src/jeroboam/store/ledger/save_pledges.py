"""Writes reclaims and reservations back."""

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from jeroboam.quota.tree import Reservation, Tree
from jeroboam.store.ledger.load import IDS
from jeroboam.store.ledger_schema import reclaims, reservation_amounts, reservations, victims

_OLD_RECLAIMS = select(reclaims.c.id)
_INSERT_RECLAIM = insert(reclaims)
_UPDATE_RECLAIM = (
    update(reclaims)
    .where(reclaims.c.id == bindparam("of_reclaim"))
    .values(opened=bindparam("to_opened"), deadline=bindparam("to_deadline"), rule=bindparam("to_rule"))
)
_DELETE_RECLAIM = delete(reclaims).where(reclaims.c.id == bindparam("of_reclaim"))
_INSERT_VICTIM = insert(victims)
_DELETE_VICTIMS = delete(victims)


def save_reclaims(tx: Connection, tree: Tree) -> None:
    """All open ones, in the tree's order, which is the order in which they are served: they are few."""
    old = set(tx.execute(_OLD_RECLAIMS).scalars())
    tx.execute(_DELETE_VICTIMS)
    if over := [{"of_reclaim": ident} for ident in sorted(old - tree.reclaims.keys())]:
        tx.execute(_DELETE_RECLAIM, over)
    for opened, row in enumerate(tree.reclaims.values()):
        if row.id in old:
            values = {"of_reclaim": row.id, "to_opened": opened, "to_deadline": row.deadline, "to_rule": row.rule}
            tx.execute(_UPDATE_RECLAIM, values)
        else:
            values = {"id": row.id, "claim_id": row.claim_id, "opened": opened}
            tx.execute(_INSERT_RECLAIM, {**values, "deadline": row.deadline, "rule": row.rule})
    leaving = [
        {"reclaim_id": row.id, "claim_id": victim, "position": position}
        for row in tree.reclaims.values()
        for position, victim in enumerate(row.victims)
    ]
    if leaving:
        tx.execute(_INSERT_VICTIM, leaving)


_OLD_RESERVATIONS = select(reservations.c.id).where(reservations.c.id.in_(IDS))
_INSERT_RESERVATION = insert(reservations)
_UPDATE_RESERVATION = (
    update(reservations).where(reservations.c.id == bindparam("of_reservation")).values(until=bindparam("to_until"))
)
_DELETE_RESERVATION = delete(reservations).where(reservations.c.id == bindparam("of_reservation"))
_INSERT_RESERVED = insert(reservation_amounts)
_DELETE_RESERVED = delete(reservation_amounts).where(
    reservation_amounts.c.reservation_id == bindparam("of_reservation")
)


def save_reservations(tx: Connection, tree: Tree) -> None:
    ids = sorted(tree.dirty_reservations)
    old = set(tx.execute(_OLD_RESERVATIONS, {"ids": ids}).scalars())
    for ident in ids:
        held = tree.reservations.get(ident)
        if held is None:
            tx.execute(_DELETE_RESERVATION, {"of_reservation": ident})
        else:
            _save_reservation(tx, held, ident in old)


def _save_reservation(tx: Connection, held: Reservation, known: bool) -> None:
    if known:
        tx.execute(_UPDATE_RESERVATION, {"of_reservation": held.id, "to_until": held.until})
        tx.execute(_DELETE_RESERVED, {"of_reservation": held.id})
    else:
        values = {"id": held.id, "node_id": held.node_id, "until": held.until, "name": held.name or None}
        tx.execute(_INSERT_RESERVATION, values)
    rows = [{"reservation_id": held.id, "resource": r, "amount": a} for r, a in held.amounts.items()]
    if rows:
        tx.execute(_INSERT_RESERVED, rows)
