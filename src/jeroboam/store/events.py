"""Events: one row per thing that happened, numbered in the order of the commits.

On SQLite the one writer makes the numbers grow with the commits. On PostgreSQL two that are admitted at once may commit
in another order than they were numbered, and only `following` is sure to have seen all before the last.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from jeroboam.model.events import Event, EventType
from jeroboam.store.among import among
from jeroboam.store.schema import events

_COLUMNS = (
    events.c.type,
    events.c.kind,
    events.c.object_id,
    events.c.project_id,
    events.c.at,
    events.c.message,
    events.c.name,
    events.c.data,
    events.c.request_id,
    events.c.seq,
)
_INSERT = insert(events)
_SINCE = select(*_COLUMNS).where(events.c.seq > bindparam("seen")).order_by(events.c.seq).limit(bindparam("most"))
_LATEST = select(func.coalesce(func.max(events.c.seq), 0))
_NAMELESS = (
    update(events)
    .where(events.c.at == bindparam("told_at"), events.c.object_id == bindparam("of_object"), events.c.name == "")
    .values(name=bindparam("called"))
)
_PRUNE = delete(events).where(events.c.at < bindparam("before"))


def append(tx: Connection, event: Event) -> None:
    append_all(tx, (event,))


def append_all(tx: Connection, many: Iterable[Event]) -> None:
    """In the order given; `seq` of what comes in is ignored."""
    rows = [_row(event) for event in many]
    if rows:
        tx.execute(_INSERT, rows)


def name(tx: Connection, object_id: str, called: str, at: float) -> None:
    """Names the object in what was told of it at that time, before there was one."""
    tx.execute(_NAMELESS, {"told_at": at, "of_object": object_id, "called": called})


def since(tx: Connection, seq: int, project_ids: Collection[str] | None, limit: int) -> list[Event]:
    """The oldest `limit` events after `seq`, of these projects (None: of all)."""
    values: dict[str, Any] = {"seen": seq, "most": limit}
    query = _SINCE if project_ids is None else _SINCE.where(among(events.c.project_id, project_ids))
    return [_event(row) for row in tx.execute(query, values)]


def latest(tx: Connection) -> int:
    """The number of the newest event, 0 if there is none."""
    return int(tx.execute(_LATEST).scalar_one())


def prune(tx: Connection, before: float) -> int:
    """Forgets what happened before that time; returns how many. Numbers are never given again."""
    return tx.execute(_PRUNE, {"before": before}).rowcount


def _row(event: Event) -> dict[str, Any]:
    return {
        "type": event.type.value,
        "kind": event.kind,
        "object_id": event.object_id,
        "project_id": event.project_id,
        "at": event.at,
        "message": event.message,
        "name": event.name,
        "data": orjson.dumps(dict(event.data)).decode(),
        "request_id": event.request_id,
    }


def _event(row: Sequence[Any]) -> Event:
    type_, kind, object_id, project_id, at, message, name, data, request_id, seq = row
    return Event(EventType(type_), kind, object_id, project_id, at, message, name, orjson.loads(data), request_id, seq)
