"""History of the tree: who used, borrowed, lent and waited for what, as a chart needs it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import Query, Response
from sqlalchemy import Connection

from jeroboam.api.context import Ctx
from jeroboam.api.quota import documents, places, schema, times
from jeroboam.api.quota.routes import NodeIdent
from jeroboam.api.respond import iso, json
from jeroboam.api.routing import Routes
from jeroboam.model.errors import Malformed
from jeroboam.quota.rollup import HOUR, MINUTE, Span, floor
from jeroboam.store import history, ledger
from jeroboam.store.history import HOURS_KEPT, MINUTES_KEPT, Series
from jeroboam.store.ledger import NodeRow

routes = Routes("/quota/v1", "quota")

MOST_POINTS = 20_000
"""Of one answer, unless a single node has more."""
_TOGETHER = 20
"""Nodes that are read at a time."""
_DAY = 86400.0
_STEPS = {"minute": MINUTE, "hour": HOUR}
_NAMES = {seconds: name for name, seconds in _STEPS.items()}
_USUAL = {MINUTE: HOUR, HOUR: 30 * _DAY}
"""Seconds that are shown where none are named."""
_KEPT = {MINUTE: MINUTES_KEPT, HOUR: HOURS_KEPT}
_INSTEAD = {
    MINUTE: "minutes are kept for a day; ask for hours (step=hour), or for a later time",
    HOUR: "hours are kept for 92 days; ask for a later time",
}


@dataclass(frozen=True, slots=True)
class Window:
    """Seconds since the epoch; `since` is the beginning of a minute or hour, `until` not later than now."""

    since: float
    until: float
    step: float


@routes.route(
    "GET",
    "/nodes/{ident}/history",
    rule="quota:get",
    answers={200: documents.HistoryDocument},
    errors=(404, 409),
    target="handler",
)
def show_history(ctx: Ctx, ident: NodeIdent, query: Annotated[schema.HistoryQuery, Query()]) -> Response:
    """Points where something changes: each holds until the next one, the first stands where the window begins.

    `depth` 1 adds the node's children, for those who manage it: what a chart of who used whose capacity needs.
    """
    place = places.locate(ctx, ident)
    if query.depth and not places.manages(ctx, place):
        ctx.check_below(place.id, place.ancestors)
    window = window_of(query, ctx.now)
    with ctx.services.database.read() as tx:
        nodes = _after(ledger.down(tx, place.id, query.depth), query.marker)
        shown, read = _page(tx, nodes, window, query, ctx.now)
    more = read < len(nodes)
    return json(
        {
            "since": iso(window.since),
            "until": iso(window.until),
            "step": _NAMES[window.step],
            "series": shown,
            "next": _link(place.id, window, query, nodes[read - 1].id) if more else None,
        }
    )


def window_of(query: schema.HistoryQuery, now: float) -> Window:
    """The last hour by minute, or the last 30 days by hour; by hour what begins more than a day ago, unless the step
    is named. Raises Malformed."""
    until = now if query.until is None else min(times.parse(query.until), now)
    given = None if query.since is None else times.parse(query.since)
    earliest = until if given is None else given
    # A day ago as it was when the question was asked.
    step = _STEPS[query.step] if query.step else MINUTE if earliest >= now - _DAY - MINUTE else HOUR
    oldest = now - _KEPT[step]
    since = max(until - _USUAL[step], oldest) if given is None else given
    if since < oldest:
        raise Malformed(f"cannot show the history since {query.since}: {_INSTEAD[step]}")
    if since >= until:
        raise Malformed(_never(query, now if given is None else given, now))
    return Window(floor(since, step), until, step)


def _never(query: schema.HistoryQuery, since: float, now: float) -> str:
    if since >= now and query.since is not None:
        return f"cannot show the history since {query.since}: that has not come yet; ask for an earlier time"
    if query.since is None:
        return f"cannot show the history until {query.until}: {_INSTEAD[HOUR]}"
    return f"cannot show the history since {query.since}, until {query.until}: it ends before it begins"


def _after(nodes: list[NodeRow], marker: str | None) -> list[NodeRow]:
    if marker is None:
        return nodes
    for position, node in enumerate(nodes):
        if node.id == marker:
            return nodes[position + 1 :]
    raise Malformed(f"cannot go on after {marker[:64]!r}: it is not among these nodes; begin again without marker")


def _page(
    tx: Connection, nodes: Sequence[NodeRow], window: Window, query: schema.HistoryQuery, now: float
) -> tuple[list[dict[str, Any]], int]:
    """As many nodes as one answer holds; and how many those are."""
    shown: list[dict[str, Any]] = []
    points = read = 0
    for node, series in _nodes(tx, nodes[: query.limit], window, query.resource, now):
        more = sum(len(one.points) for one in series)
        if read and points + more > MOST_POINTS:
            break
        shown += [_series(node, one) for one in series]
        points, read = points + more, read + 1
    return shown, read


def _nodes(
    tx: Connection, nodes: Sequence[NodeRow], window: Window, resource: str | None, now: float
) -> Iterator[tuple[NodeRow, list[Series]]]:
    """Each node with its series; those that have none too."""
    for start in range(0, len(nodes), _TOGETHER):
        some = nodes[start : start + _TOGETHER]
        ids = [node.id for node in some]
        found = history.read(tx, ids, window.since, window.until, window.step, now, resource)
        for node in some:
            yield node, [one for one in found if one.node_id == node.id]


def _series(node: NodeRow, series: Series) -> dict[str, Any]:
    return {
        "node": node.id,
        "node_name": node.name,
        "parent_id": node.parent_id,
        "resource": series.resource,
        "points": [_point(at, span) for at, span in series.points],
    }


def _point(at: float, span: Span) -> dict[str, Any]:
    means = {word: _mean(total, span.minutes) for word, total in span.total._asdict().items()}
    return {"at": iso(at), **means, **{f"{word}_max": most for word, most in span.most._asdict().items()}}


def _mean(total: int, minutes: int) -> int | float:
    return total // minutes if total % minutes == 0 else total / minutes


def _link(node_id: str, window: Window, query: schema.HistoryQuery, marker: str) -> str:
    """Where the nodes after `marker` are. The window is that of the first page, whenever the next one is asked for."""
    wanted: dict[str, Any] = {
        "since": iso(window.since),
        "until": iso(window.until),
        "step": _NAMES[window.step],
        "resource": query.resource,
        "depth": query.depth,
        "limit": query.limit,
        "marker": marker,
    }
    return f"{routes.prefix}/nodes/{node_id}/history?{urlencode({k: v for k, v in wanted.items() if v is not None})}"
