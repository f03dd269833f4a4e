"""Leases: which conductor works on which object, until when, fenced by tokens.

An object is due when its `wake_at` has come and nobody holds it, or when whoever held it has let the lease run out.
Taking it clears `wake_at`, so that whatever is written there before `finish` is a wake-up that came in between.
Every take gives a greater token, and every write says which token it was made under: a zombie writes nothing.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from pydantic import ValidationError
from sqlalchemy import ColumnElement, Connection, Select, bindparam, case, exists, func, null, or_, select, update

from jeroboam.model.objects import Object
from jeroboam.store.codecs import CODECS
from jeroboam.store.database import Database
from jeroboam.store.ledger import views
from jeroboam.store.ledger.views import ClaimView, Leaving
from jeroboam.store.ledger_schema import claims as claim_rows
from jeroboam.store.objects import COLUMNS, decode
from jeroboam.store.schema import objects
from jeroboam.store.wakes import wake

log = structlog.get_logger(__name__)

__all__ = ["ClaimView", "Leaving", "Work", "wake"]

NO_SHARE = 1 << 30


@dataclass(frozen=True, slots=True)
class Work:
    """An object under lease. `claim` is as it was when the lease was taken; None: nothing pays for the object."""

    object: Object[Any, Any]
    token: int
    claim: ClaimView | None


def _due() -> ColumnElement[bool]:
    free = objects.c.lease_until.is_(None) & (objects.c.wake_at <= bindparam("now"))
    return or_(free, objects.c.lease_until <= bindparam("now"))


_SINCE = func.coalesce(objects.c.lease_until, objects.c.wake_at)
_LEAVING = exists().where(claim_rows.c.id == objects.c.claim_id, claim_rows.c.leaving.is_not(None))
_URGENT = or_(_LEAVING, objects.c.deleting.is_not(None))
_IN_HAND = (
    select(objects.c.project_id, func.count())
    .where(objects.c.lease_until > bindparam("now"), objects.c.lease_owner == bindparam("owner"))
    .group_by(objects.c.project_id)
)


# Of projects that are not `full`, or to leave.
_OPEN = or_(objects.c.project_id.not_in(bindparam("full", expanding=True)), _LEAVING)


def _any(*conditions: ColumnElement[bool]) -> Select[str]:
    return select(objects.c.id).where(_due(), _OPEN, *conditions).limit(1)


def _first(*conditions: ColumnElement[bool]) -> Select[str, str, bool]:
    """The `most` that have been due for longest; which of them are to leave is looked up for those only."""
    due = select(objects.c.id, _SINCE.label("since")).where(_due(), _OPEN, *conditions)
    first = due.order_by(_SINCE).limit(bindparam("most")).subquery("first")
    found = select(objects.c.id, objects.c.project_id, _LEAVING).join(first, first.c.id == objects.c.id)
    return found.order_by(first.c.since, objects.c.id)


_ANY, _ANY_URGENT = _any(), _any(_URGENT)
_FIRST, _FIRST_URGENT = _first(), _first(_URGENT)
_TAKE = (
    update(objects)
    .where(objects.c.id.in_(bindparam("ids", expanding=True)), _due())
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


def take(
    db: Database,
    owner: str,
    limit: int,
    now: float,
    lease_seconds: float,
    *,
    share: int = NO_SHARE,
    urgent: bool = False,
) -> list[Work]:
    """Leases at most `limit` due objects to `owner`, longest due first; committed before it returns.

    `share`: how many of one project the owner may have in hand; what is to leave for others comes on top. `urgent`:
    only what is to leave or to be deleted. While there is nothing to take this only reads, and waits for no writer.
    """
    any_due, first = (_ANY_URGENT, _FIRST_URGENT) if urgent else (_ANY, _FIRST)
    mine = {"owner": owner, "now": now}
    with db.read() as tx:
        full = _full(_in_hand(tx, mine), share)
        if tx.execute(any_due, {"now": now, "full": full}).first() is None:
            return []
    with db.write(notify=False) as tx:
        ids = _choose(tx, first, mine, limit, share)
        rows = tx.execute(_TAKE, {**mine, "ids": ids, "until": now + lease_seconds}).all()
        claims = views.views(tx, [row[-1] for row in rows if row[-1] is not None])
    return [item for row in rows if (item := _work(row, claims)) is not None]


def _choose(
    tx: Connection, first: Select[str, str, bool], mine: Mapping[str, Any], limit: int, share: int
) -> list[str]:
    """Ids of at most `limit`, looked for again without the projects that come to their share."""
    in_hand = _in_hand(tx, mine)
    chosen: list[str] = []
    while True:
        full = _full(in_hand, share)
        found = tx.execute(first, {"now": mine["now"], "most": limit, "full": full}).all()
        for ident, project, leaving in found:
            if ident not in chosen and len(chosen) < limit and (leaving or in_hand[project] < share):
                chosen.append(ident)
                in_hand[project] += 1
        if len(found) < limit or len(chosen) == limit or full == _full(in_hand, share):
            return chosen


def _in_hand(tx: Connection, mine: Mapping[str, Any]) -> Counter[str]:
    """How many objects of each project the owner holds."""
    return Counter({project: count for project, count in tx.execute(_IN_HAND, mine)})


def _full(in_hand: Counter[str], share: int) -> list[str]:
    return [project for project, count in in_hand.items() if count >= share]


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
