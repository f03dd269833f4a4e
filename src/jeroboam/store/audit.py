"""Who changed which limits, when, from what to what. Rows are only ever added."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from sqlalchemy import Connection, bindparam, insert, select

from jeroboam.store.among import among
from jeroboam.store.ledger_schema import audit


@dataclass(frozen=True, slots=True)
class Actor:
    """Who asks: ids and name as in Keystone, and the id of the request."""

    user_id: str
    user_name: str = ""
    project_id: str | None = None
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """`before` and `after` hold only what differs. `at` in seconds since the epoch."""

    actor: Actor
    node_id: str
    action: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    at: float
    id: int = 0


_COLUMNS = (
    audit.c.user_id,
    audit.c.user_name,
    audit.c.project_id,
    audit.c.request_id,
    audit.c.node_id,
    audit.c.action,
    audit.c.before,
    audit.c.after,
    audit.c.at,
    audit.c.id,
)
_INSERT = insert(audit)
_NEWEST = select(*_COLUMNS).order_by(audit.c.id.desc()).limit(bindparam("most"))


def append(tx: Connection, entry: Entry) -> None:
    tx.execute(
        _INSERT,
        {
            "user_id": entry.actor.user_id,
            "user_name": entry.actor.user_name,
            "project_id": entry.actor.project_id,
            "request_id": entry.actor.request_id,
            "node_id": entry.node_id,
            "action": entry.action,
            "before": orjson.dumps(entry.before).decode(),
            "after": orjson.dumps(entry.after).decode(),
            "at": entry.at,
        },
    )


def listing(tx: Connection, node_ids: Collection[str] | None, limit: int = 1000) -> list[Entry]:
    """The newest `limit` entries about these nodes (None: all), newest first."""
    query = _NEWEST if node_ids is None else _NEWEST.where(among(audit.c.node_id, node_ids))
    return [_entry(row) for row in tx.execute(query, {"most": limit})]


def _entry(row: Sequence[Any]) -> Entry:
    before, after = orjson.loads(row[6]), orjson.loads(row[7])
    return Entry(Actor(row[0], row[1], row[2], row[3]), row[4], row[5], before, after, row[8], row[9])
