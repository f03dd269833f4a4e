"""What happened, as it happens: server-sent events out of the event rows, resumed by their numbers."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Collection
from typing import Annotated, Any

import orjson
from fastapi import Header, Query, Response
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import StreamingResponse

from jeroboam.api import metrics
from jeroboam.api.containers.documents import Document
from jeroboam.api.containers.fields import Body, QueryFlag
from jeroboam.api.context import Context, Ctx, again
from jeroboam.api.quota.view import ANOTHER
from jeroboam.api.respond import iso, json
from jeroboam.api.routing import Routes
from jeroboam.api.shared import Common
from jeroboam.model.errors import Forbidden, Unauthenticated, Unavailable
from jeroboam.model.events import Event
from jeroboam.store import following, ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger.tell import MANAGERS

routes = Routes("/events/v1", "events")

HEARTBEAT_SECONDS = 15.0
PAGE = 200
STREAMS = 200
"""At once, in this process."""
PER_PROJECT = 20

_Number = Annotated[int, Field(ge=0, le=2**53 - 1)]


class Wanted(Body):
    """Which events: of one object, of what lies below the caller's node too, of everything (for admins)."""

    since: _Number | None = None
    object: Annotated[str, Field(max_length=64)] | None = None
    below: QueryFlag = False
    all: QueryFlag = False


class History(Wanted):
    limit: Annotated[int, Field(ge=1, le=1000)] = PAGE


class EventDocument(Document):
    seq: int
    type: str
    kind: str
    object_id: str
    project_id: str
    name: str
    at: str
    message: str
    data: dict[str, Any]
    request_id: str | None


class EventsDocument(Document):
    events: list[EventDocument]
    last: int


def shown(event: Event, whose: Collection[str] | None, managed: bool) -> dict[str, Any]:
    """`managed`: the reader stands above these projects, and may know them by name, and no others."""
    data = dict(event.data)
    hidden = data.pop(MANAGERS, None)
    if managed and isinstance(hidden, dict):
        data[MANAGERS] = {key: _known(value, whose) for key, value in hidden.items()}
    return {
        "seq": event.seq,
        "type": event.type,
        "kind": event.kind,
        "object_id": event.object_id,
        "project_id": event.project_id,
        "name": event.name,
        "at": iso(event.at),
        "message": event.message,
        "data": data,
        "request_id": event.request_id,
    }


def _known(value: Any, whose: Collection[str] | None) -> Any:
    """What is told of other projects, as far as the reader stands above those too."""
    if isinstance(value, list):
        return [_known(part, whose) for part in value]
    if isinstance(value, dict) and whose is not None and value.get("project_id", "") not in whose:
        return {"project_name": ANOTHER} if "project_id" in value else value
    return value


def projects_of(ctx: Context, wanted: Wanted) -> Collection[str] | None:
    """Whose events this caller gets; None: everybody's. Raises Forbidden."""
    scope = ctx.caller.scope_id
    if not wanted.below or wanted.all:
        project_id = ctx.listed(wanted.all)
        return None if project_id is None else [project_id]
    with ctx.services.database.read() as tx:
        nodes = ledger.below(tx, scope or "")
        above = () if scope is None else ledger.ancestors(tx, scope)
        if nodes in ([], [scope]):
            ctx.check(scope, above)
        else:
            ctx.check_below(scope, above)
    return nodes


@routes.route("GET", "/history", rule="events:list", answers={200: EventsDocument}, target="handler")
def list_events(ctx: Ctx, query: Annotated[History, Query()]) -> Response:
    """A page of what happened, oldest first; ask again with `since` of the last."""
    whose = projects_of(ctx, query)
    found, last = _page(ctx.services.database, query.since or 0, whose, query.object, query.limit)
    return json({"events": [shown(event, whose, query.below or query.all) for event in found], "last": last})


def _page(
    database: Database, since: int, whose: Collection[str] | None, object_id: str | None, limit: int
) -> tuple[list[Event], int]:
    """Events, and the number up to which everything was looked at."""
    found = following.page(database, since, whose, limit)
    last = found[-1].seq if found else since
    return [event for event in found if object_id in (None, event.object_id)], last


@routes.route("GET", "", rule="events:list", answers={200: "text/event-stream"}, target="handler")
async def follow_events(
    ctx: Ctx,
    shared: Common,
    query: Annotated[Wanted, Query()],
    last_event_id: Annotated[_Number | None, Header()] = None,
) -> Response:
    """Server-sent events from `since` or Last-Event-ID on (else from now on), as long as the token may."""
    await run_in_threadpool(projects_of, ctx, query)
    owner = ctx.caller.scope_id or ctx.caller.user_id
    if shared.followers.total() >= STREAMS or shared.followers[owner] >= PER_PROJECT:
        raise Unavailable("cannot follow events: too many do already; close some, or read /events/v1/history")
    since = query.since if last_event_id is None else last_event_id
    if since is None:
        since = await run_in_threadpool(following.now, ctx.services.database)
    stream = _stream(ctx, shared.followers, query, since, owner)
    return StreamingResponse(
        stream, media_type="text/event-stream", headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
    )


async def _stream(
    ctx: Context, followers: Counter[str], wanted: Wanted, since: int, owner: str
) -> AsyncIterator[bytes]:
    services, managed = ctx.services, wanted.below or wanted.all
    loop, woken = asyncio.get_running_loop(), asyncio.Event()

    def wake() -> None:
        # Commits come from any thread, also while the loop is closing down.
        if not loop.is_closed():
            loop.call_soon_threadsafe(woken.set)

    unsubscribe = services.database.signal.subscribe(wake)
    followers[owner] += 1
    metrics.STREAMS.labels("events").inc()
    try:
        yield b"retry: 2000\n\n"
        while True:
            woken.clear()
            # Before every page: a token or a role that is taken back ends the stream, not only the next request.
            ctx = await again(ctx)
            whose = await run_in_threadpool(projects_of, ctx, wanted)
            found, last = await run_in_threadpool(_page, services.database, since, whose, wanted.object, PAGE)
            if found:
                yield b"".join(_written(event, shown(event, whose, managed)) for event in found)
            if last != since:
                since = last
                continue
            left = ctx.caller.expires_at - services.clock()
            try:
                await asyncio.wait_for(woken.wait(), max(0.0, min(HEARTBEAT_SECONDS, left)))
            except TimeoutError:
                yield b": heartbeat\n\n"
    except (Unauthenticated, Forbidden):
        yield b"event: expired\ndata: {}\n\n"
    except Unavailable:
        return  # Keystone does not answer: who comes back resumes where this has ended
    finally:
        unsubscribe()
        metrics.STREAMS.labels("events").dec()
        followers[owner] -= 1
        if not followers[owner]:
            del followers[owner]


def _written(event: Event, document: dict[str, Any]) -> bytes:
    return b"id: %d\nevent: %s\ndata: %s\n\n" % (event.seq, event.type.encode(), orjson.dumps(document))
