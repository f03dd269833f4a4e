"""Rows of history: series by number, changes by time. What has no row is zero, before the first one too."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, ScalarSelect, Table, and_, bindparam, func, insert, select

from jeroboam.quota.rollup import Change
from jeroboam.quota.sample import ZERO, Figures
from jeroboam.store.history_schema import WORDS, minutes, series
from jeroboam.store.ledger.load import IDS, chunks

Key = tuple[str, str]
"""(node id, resource)."""


def newest_at(table: Table) -> ScalarSelect[float]:
    """When the row of a series was written that holds at `:at`. Looked up in the key, for one series at a time."""
    held = table.alias()
    newest = select(func.max(held.c.at)).where(held.c.series_id == series.c.id, held.c.at <= bindparam("at"))
    return newest.correlate(series).scalar_subquery()


_FIGURES = [minutes.c[word] for word in WORDS]
_KEYS = select(series.c.id, series.c.node_id, series.c.resource)
_KEYS_OF = _KEYS.where(series.c.node_id.in_(IDS))
_HELD = and_(minutes.c.series_id == series.c.id, minutes.c.at == newest_at(minutes))
_STANDING = _KEYS.add_columns(*_FIGURES).select_from(series.outerjoin(minutes, _HELD))
_BEFORE = select(series.c.id, *_FIGURES).select_from(series.join(minutes, _HELD)).where(series.c.id.in_(IDS))
_CHANGES = (
    select(minutes.c.series_id, minutes.c.at, *_FIGURES)
    .where(minutes.c.at > bindparam("after"), minutes.c.at < bindparam("end"))
    .order_by(minutes.c.series_id, minutes.c.at)
)
_CHANGES_OF = _CHANGES.where(minutes.c.series_id.in_(IDS))
_INSERT_SERIES = insert(series)
_INSERT_MINUTES = insert(minutes)


def standing(tx: Connection, at: float) -> dict[Key, tuple[int, Figures]]:
    """Every series with its number and what holds at that time."""
    return {
        (node_id, resource): (ident, ZERO if used is None else Figures(used, *figures))
        for ident, node_id, resource, used, *figures in tx.execute(_STANDING, {"at": at})
    }


def keys(tx: Connection, node_ids: Iterable[str]) -> dict[int, Key]:
    """The series of these nodes, by number."""
    return {
        ident: (node_id, resource)
        for ids in chunks(set(node_ids))
        for ident, node_id, resource in tx.execute(_KEYS_OF, {"ids": ids})
    }


def before(tx: Connection, ids: Collection[int], at: float) -> dict[int, Figures]:
    """What holds at that time, of these series; what is missing is zero."""
    return {
        ident: Figures(*figures)
        for some in chunks(ids)
        for ident, *figures in tx.execute(_BEFORE, {"ids": some, "at": at})
    }


def changes(tx: Connection, after: float, end: float, ids: Collection[int] | None = None) -> dict[int, list[Change]]:
    """What changed later than `after` and before `end`, in order (ids None: of all series)."""
    found: dict[int, list[Change]] = defaultdict(list)
    values: dict[str, Any] = {"after": after, "end": end}
    for some in [None] if ids is None else chunks(ids):
        rows = tx.execute(_CHANGES, values) if some is None else tx.execute(_CHANGES_OF, {**values, "ids": some})
        for ident, at, *figures in rows:
            found[ident].append((at, Figures(*figures)))
    return found


def write(tx: Connection, at: float, changed: Mapping[Key, Figures], known: Mapping[Key, int]) -> None:
    """From `at` on the figures are these. `known`: the series that there are."""
    new = [key for key in changed if key not in known]
    numbers = dict(known)
    if new:
        tx.execute(_INSERT_SERIES, [{"node_id": node_id, "resource": resource} for node_id, resource in sorted(new)])
        numbers |= {key: ident for ident, key in keys(tx, {node_id for node_id, _ in new}).items()}
    rows = [{"series_id": numbers[key], "at": at, **figures._asdict()} for key, figures in changed.items()]
    if rows:
        tx.execute(_INSERT_MINUTES, rows)
