"""Minutes become hours, and what is older than it is kept goes."""

from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Table, delete, exists, insert

from jeroboam.quota import rollup
from jeroboam.quota.rollup import HOUR, Span, floor
from jeroboam.quota.sample import ZERO
from jeroboam.store.database import Database
from jeroboam.store.history import steps
from jeroboam.store.history.clock import ahead
from jeroboam.store.history.state import HOURS_KEPT, MINUTES_KEPT, advance, state
from jeroboam.store.history_schema import WORDS, hours, minutes, series

_INSERT = insert(hours)


def roll(database: Database, now: float) -> int:
    """Makes the rows of the hours that have ended since the last time, and forgets what is too old.

    An hour has a row where it differs from the one before it. Returns how many rows were made.
    """
    end = floor(now, HOUR)
    with database.read() as tx:
        seen = state(tx)
        if seen is None or end <= seen.rolled or ahead(tx, now):
            return 0
        rows = _rows(tx, seen.rolled, end)
    with database.write(notify=False) as tx:
        if not advance(tx, seen, replace(seen, rolled=end)):
            return 0
        if rows:
            tx.execute(_INSERT, rows)
        _prune(tx, minutes, end - MINUTES_KEPT)
        _prune(tx, hours, end - HOURS_KEPT)
        tx.execute(_FORGOTTEN)
    return len(rows)


def _rows(tx: Connection, rolled: float, end: float) -> list[dict[str, Any]]:
    # One hour further back: the first new one is compared with it.
    start = rolled - HOUR
    changed = steps.changes(tx, start, end)
    held = steps.before(tx, changed.keys(), start)
    return [
        _row(ident, at, span)
        for ident, changes in changed.items()
        for at, span in rollup.hours(held.get(ident, ZERO), changes, start, end)
        if at >= rolled
    ]


def _row(ident: int, at: float, span: Span) -> dict[str, Any]:
    most = {f"{word}_max": value for word, value in span.most._asdict().items()}
    return {"series_id": ident, "at": at, **span.total._asdict(), **most}


def _prune(tx: Connection, table: Table, horizon: float) -> None:
    """The newest row before the horizon stays, for it still holds there; unless it says what no row says too."""
    newer = table.alias()
    superseded = exists().where(newer.c.series_id == table.c.series_id, newer.c.at > table.c.at, newer.c.at <= horizon)
    tx.execute(delete(table).where(table.c.at < horizon, superseded))
    tx.execute(delete(table).where(table.c.at < horizon, *(table.c[word] == 0 for word in WORDS)))


_FORGOTTEN = delete(series).where(
    ~exists().where(minutes.c.series_id == series.c.id), ~exists().where(hours.c.series_id == series.c.id)
)
