"""Waking objects: apart from the leases (work.py), because the ledger wakes too."""

from collections.abc import Iterable

from sqlalchemy import Connection, bindparam, or_, update

from jeroboam.store.schema import objects

_WAKE = (
    update(objects)
    .where(objects.c.id == bindparam("object_id"))
    .where(or_(objects.c.wake_at.is_(None), objects.c.wake_at > bindparam("at")))
    .values(wake_at=bindparam("at"))
)


def wake(tx: Connection, object_ids: Iterable[str], at: float) -> None:
    """They are due at `at`, or earlier where they are already. Ids that do not exist are left out."""
    rows = [{"object_id": object_id, "at": at} for object_id in sorted(set(object_ids))]
    if rows:
        tx.execute(_WAKE, rows)
