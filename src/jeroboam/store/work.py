"""Leases: which conductor works on which object, until when, fenced by tokens.

An object is due when its `wake_at` has come and nobody holds it, or when whoever held it has let the lease run out.
Taking it clears `wake_at`, so that whatever is written there before `finish` is a wake-up that came in between.
Every take gives a greater token, and every write says which token it was made under: a zombie writes nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, bindparam, case, func, null, or_, select, update

from jeroboam.model.objects import Object
from jeroboam.store.codecs import CODECS
from jeroboam.store.database import Database
from jeroboam.store.ledger import views
from jeroboam.store.ledger.views import ClaimView, Leaving
from jeroboam.store.objects import COLUMNS, decode
from jeroboam.store.schema import objects
from jeroboam.store.wakes import wake

log = structlog.get_logger(__name__)

__all__ = ["ClaimView", "Leaving", "Work", "wake"]


@dataclass(frozen=True, slots=True)
class Work:
    """An object under lease. `claim` is as it was when the lease was taken; None: nothing pays for the object."""

    object: Object[Any, Any]
    token: int
    claim: ClaimView | None


def _due() -> ColumnElement[bool]:
    free = objects.c.lease_until.is_(None) & (objects.c.wake_at <= bindparam("now"))
    return or_(free, objects.c.lease_until <= bindparam("now"))


_ANY_DUE = select(objects.c.id).where(_due()).limit(1)
# Materialized: some plans of PostgreSQL would run the limited SELECT more than once, and take more than the limit.
# SQLite has one writer, SQLAlchemy leaves FOR UPDATE out there.
_chosen = (
    select(objects.c.id)
    .where(_due())
    .order_by(func.coalesce(objects.c.lease_until, objects.c.wake_at))
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("chosen")
    .prefix_with("MATERIALIZED")
)
_TAKE = (
    update(objects)
    .where(objects.c.id.in_(select(_chosen.c.id)))
    .values(
        lease_owner=bindparam("owner"),
        lease_token=objects.c.lease_token + 1,
        lease_until=bindparam("until"),
        wake_at=null(),
    )
    .returning(*COLUMNS, objects.c.lease_token, objects.c.claim_id)
)
_HELD = (
    objects.c.id == bindparam("object_id"),
    objects.c.lease_token == bindparam("token"),
    objects.c.lease_until.is_not(None),
)
_STATUS = {
    "status": bindparam("new_status"),
    "phase": bindparam("new_phase"),
    "host": bindparam("new_host"),
    "updated_at": case((objects.c.status == bindparam("new_status"), objects.c.updated_at), else_=bindparam("now")),
}
_PROGRESS = update(objects).where(*_HELD).values(**_STATUS)
_EARLIEST = case(
    (objects.c.generation != bindparam("seen"), bindparam("now")),
    (objects.c.wake_at.is_(None), bindparam("next")),
    (objects.c.wake_at > bindparam("next"), bindparam("next")),
    else_=objects.c.wake_at,
)
_FINISH = (
    update(objects)
    .where(*_HELD)
    .values(
        **_STATUS,
        observed_generation=bindparam("observed"),
        lease_owner=null(),
        lease_until=null(),
        wake_at=_EARLIEST,
    )
)
_EXTEND = update(objects).where(*_HELD).values(lease_until=bindparam("until"))
_FENCE = select(objects.c.id).where(*_HELD)
_OWNERS = select(objects.c.lease_owner).where(objects.c.lease_owner.is_not(None)).distinct()
_EXPIRE = update(objects).where(objects.c.lease_owner == bindparam("owner")).values(lease_until=bindparam("until"))
_WAKE_ALL = (
    update(objects)
    .where(objects.c.kind == bindparam("of_kind"))
    .where(or_(objects.c.wake_at.is_(None), objects.c.wake_at > bindparam("at")))
    .values(wake_at=bindparam("at"))
)
_NEXT_FREE = select(func.min(objects.c.wake_at)).where(objects.c.lease_until.is_(None))
_NEXT_LEASE = select(func.min(objects.c.lease_until))


def take(db: Database, owner: str, limit: int, now: float, lease_seconds: float) -> list[Work]:
    """Leases at most `limit` due objects to `owner`, longest due first; committed before it returns.

    While nothing is due this only reads, and waits for no writer.
    """
    with db.read() as tx:
        if tx.execute(_ANY_DUE, {"now": now}).first() is None:
            return []
    values = {"owner": owner, "most": limit, "now": now, "until": now + lease_seconds}
    with db.write(notify=False) as tx:
        rows = tx.execute(_TAKE, values).all()
        claims = views.views(tx, [row[-1] for row in rows if row[-1] is not None])
    return [item for row in rows if (item := _work(row, claims)) is not None]


def _work(row: Sequence[Any], claims: Mapping[str, ClaimView]) -> Work | None:
    try:
        obj = decode(row)
    except (ValidationError, KeyError) as error:
        # Written by another version, or of a kind that only that one knows. Its lease runs out and it is tried again;
        # nobody else has to wait for it.
        log.error("object.unreadable", object=row[0], kind=row[1], error=type(error).__name__)
        return None
    return Work(obj, row[-2], claims.get(row[-1]))


def finish(
    tx: Connection, work: Work, status: Any, *, observed_generation: int, now: float, wake_at: float | None
) -> bool:
    """Writes the status and ends the lease; due again at `wake_at` (None: when somebody wakes it).

    It stays due earlier if somebody woke it since it was taken, and at once if its generation has moved.
    False: the lease is lost, nothing was written.
    """
    values = {
        **_values(work, status, now),
        "observed": observed_generation,
        "seen": work.object.generation,
        "next": wake_at,
    }
    return tx.execute(_FINISH, values).rowcount == 1


def progress(tx: Connection, work: Work, status: Any, now: float) -> bool:
    """Writes the status and keeps the lease. False: the lease is lost, nothing was written."""
    return tx.execute(_PROGRESS, _values(work, status, now)).rowcount == 1


def extend(tx: Connection, work: Work, now: float, lease_seconds: float) -> bool:
    """The lease now ends `lease_seconds` from `now`. False: it is lost."""
    return tx.execute(_EXTEND, {**_key(work), "until": now + lease_seconds}).rowcount == 1


def held(tx: Connection, work: Work) -> bool:
    """Whether the lease is still this one: to be asked in the transaction that must not be a zombie's."""
    return tx.execute(_FENCE, _key(work)).first() is not None


def owners(tx: Connection) -> list[str]:
    """Who holds leases at present, or let them run out."""
    return list(tx.execute(_OWNERS).scalars())


def expire(tx: Connection, owner: str, now: float) -> None:
    """Ends the leases of an owner that is known to be dead, so that nobody waits for them to run out."""
    tx.execute(_EXPIRE, {"owner": owner, "until": now})


def wake_all(tx: Connection, kind: str, at: float) -> None:
    """Every object of a kind is due at `at`: for a conductor that starts and trusts nothing."""
    tx.execute(_WAKE_ALL, {"of_kind": kind, "at": at})


def next_wake(tx: Connection) -> float | None:
    """When the next object becomes due, leases that run out included; None: never by itself."""
    times = (tx.execute(_NEXT_FREE).scalar(), tx.execute(_NEXT_LEASE).scalar())
    return min((time for time in times if time is not None), default=None)


def _key(work: Work) -> dict[str, Any]:
    return {"object_id": work.object.id, "token": work.token}


def _values(work: Work, status: Any, now: float) -> dict[str, Any]:
    codec = CODECS[work.object.kind]
    beside = codec.indexed(work.object.spec, status)
    return {
        **_key(work),
        "now": now,
        "new_status": codec.write_status(status),
        "new_phase": beside.phase,
        "new_host": beside.host,
    }
