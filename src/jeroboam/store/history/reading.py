"""History read back: for each node and resource where it changes, the first point at the beginning of what is asked."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, bindparam, select

from jeroboam.quota import rollup
from jeroboam.quota.rollup import MINUTE, Span, floor
from jeroboam.quota.sample import ZERO, Figures
from jeroboam.store.history import steps
from jeroboam.store.history.state import state
from jeroboam.store.history_schema import WORDS, hours, series
from jeroboam.store.ledger.load import IDS

Point = tuple[float, Span]
"""Holds from that time (seconds since the epoch) until the next one."""


@dataclass(frozen=True, slots=True)
class Series:
    node_id: str
    resource: str
    points: Sequence[Point]


_COLUMNS = [hours.c[name] for name in (*WORDS, *(f"{word}_max" for word in WORDS))]
_HELD = and_(hours.c.series_id == series.c.id, hours.c.at == steps.newest_at(hours))
_BEFORE = select(series.c.id, *_COLUMNS).select_from(series.join(hours, _HELD)).where(series.c.id.in_(IDS))
_ROLLED = (
    select(hours.c.series_id, hours.c.at, *_COLUMNS)
    .where(hours.c.series_id.in_(IDS), hours.c.at > bindparam("after"), hours.c.at < bindparam("end"))
    .order_by(hours.c.series_id, hours.c.at)
)
_NOTHING = Span(1, ZERO, ZERO)


def read(
    tx: Connection,
    node_ids: Collection[str],
    since: float,
    until: float,
    step: float,
    now: float,
    resource: str | None = None,
) -> list[Series]:
    """The minutes or hours (`step`: MINUTE or HOUR) from `since`, which is one's beginning, up to `until`; as far as
    they have come, and none from before history began. What was nothing all the time is left out.
    """
    seen = state(tx)
    if seen is None:
        return []
    since, until = max(since, floor(seen.began, step)), min(until, floor(now, MINUTE) + MINUTE)
    wanted = {ident: key for ident, key in steps.keys(tx, node_ids).items() if resource in (None, key[1])}
    if since >= until or not wanted:
        return []
    if step == MINUTE:
        points = _minutes(tx, wanted.keys(), since, until)
    else:
        points = _hours(tx, wanted.keys(), since, until, seen.rolled)
    found = [Series(*wanted[ident], _changing(some)) for ident, some in points.items()]
    return [one for one in sorted(found, key=lambda s: (s.node_id, s.resource)) if not _empty(one.points)]


def _minutes(tx: Connection, ids: Collection[int], since: float, until: float) -> dict[int, list[Point]]:
    held, changed = steps.before(tx, ids, since), steps.changes(tx, since, until, ids)
    return {
        ident: [
            (since, rollup.moment(held.get(ident, ZERO))),
            *((at, rollup.moment(figures)) for at, figures in changed.get(ident, ())),
        ]
        for ident in ids
    }


def _hours(tx: Connection, ids: Collection[int], since: float, until: float, rolled: float) -> dict[int, list[Point]]:
    """Those that are made, and after them those that are still minutes; the last one is a part of an hour."""
    points: dict[int, list[Point]] = defaultdict(list)
    if since < rolled:
        for ident in ids:
            points[ident].append((since, _NOTHING))
        for row in tx.execute(_BEFORE, {"ids": sorted(ids), "at": since}):
            points[row[0]] = [(since, _span(row[1:]))]
        for row in tx.execute(_ROLLED, {"ids": sorted(ids), "after": since, "end": min(rolled, until)}):
            points[row[0]].append((row[1], _span(row[2:])))
    start = max(since, rolled)
    if start < until:
        held, changed = steps.before(tx, ids, start), steps.changes(tx, start, until, ids)
        for ident in ids:
            points[ident] += rollup.hours(held.get(ident, ZERO), changed.get(ident, ()), start, until)
    return points


def _span(row: Sequence[Any]) -> Span:
    return Span(60, Figures(*row[: len(WORDS)]), Figures(*row[len(WORDS) :]))


def _changing(points: Iterable[Point]) -> list[Point]:
    """Without those that say what the one before them says."""
    kept: list[Point] = []
    for point in points:
        if not kept or not rollup.alike(kept[-1][1], point[1]):
            kept.append(point)
    return kept


def _empty(points: Iterable[Point]) -> bool:
    return all(span.most == ZERO for _, span in points)
