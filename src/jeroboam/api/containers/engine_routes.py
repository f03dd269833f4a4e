"""The routes of containers that go to the engine itself, and what is told about a container."""

from typing import Annotated, Any

from fastapi import Body, Query, Response

from jeroboam.api.containers import documents, lookup, passthrough, schema, streams
from jeroboam.api.containers.reach import Reached, reach
from jeroboam.api.context import Context, Ctx
from jeroboam.api.respond import iso, json, nothing
from jeroboam.api.routing import Routes
from jeroboam.api.shared import Common, Ident, Shared
from jeroboam.model.errors import Conflict
from jeroboam.store import actions, networks

routes = Routes("/container/v1", "containers")

FIXED_IPS = 18
_DONE = {202: None}


@routes.route(
    "GET",
    "/containers/{ident}/logs",
    rule="container:logs",
    answers={200: str},
    errors=(404, 409),
    target="handler",
)
async def get_logs(ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.LogsQuery, Query()]) -> Response:
    reached = await reach(ctx, ident, "read the logs of")
    return json(await passthrough.logs(ctx, shared.engine, reached, query))


@routes.route(
    "POST",
    "/containers/{ident}/execute",
    rule="container:exec",
    answers={200: documents.ExecDocument},
    errors=(404, 409),
    target="handler",
)
async def execute(ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.ExecuteQuery, Query()]) -> Response:
    reached = await reach(ctx, ident, "execute in")
    if query.run and not query.interactive:
        return json(await passthrough.execute(ctx, shared.engine, reached, query.command))
    words = passthrough.words_of(query.command)
    create = ctx.services.backend.exec_create

    def prepare() -> str:
        return create(reached.name, words, tty=query.interactive)

    exec_id = await shared.engine.call(reached.target, prepare)
    await passthrough.record(ctx, reached, "execute")
    ticket = _ticket(ctx, shared, reached, exec_id)
    return json(
        {
            "output": None,
            "exit_code": None,
            "exec_id": exec_id,
            "token": ticket,
            "proxy_url": streams.url(ctx.services, ticket),
        }
    )


@routes.route(
    "POST",
    "/containers/{ident}/execute_resize",
    rule="container:exec",
    answers=_DONE,
    errors=(404, 409),
    target="handler",
)
async def resize_execute(
    ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.ExecSizeQuery, Query()]
) -> Response:
    reached = await reach(ctx, ident, "execute in")
    await passthrough.resize_exec(ctx, shared.engine, reached, query.exec_id, query.w, query.h)
    return nothing(202)


@routes.route(
    "GET",
    "/containers/{ident}/attach",
    rule="container:exec",
    answers={200: str},
    errors=(404, 409),
    target="handler",
)
async def attach(ctx: Ctx, shared: Common, ident: Ident) -> Response:
    reached = await reach(ctx, ident, "attach to")
    if not reached.obj.spec.interactive:
        raise Conflict(
            f"cannot attach to container {reached.obj.name}: it was made without --interactive; execute a shell in it"
        )
    return json(streams.url(ctx.services, _ticket(ctx, shared, reached, None)))


def _ticket(ctx: Context, shared: Shared, reached: Reached, exec_id: str | None) -> str:
    return shared.tickets.issue(reached.obj.id, ctx.token, exec_id, ctx.now)


@routes.route(
    "POST",
    "/containers/{ident}/resize",
    rule="container:exec",
    answers=_DONE,
    errors=(404, 409),
    target="handler",
)
async def resize(ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.SizeQuery, Query()]) -> Response:
    reached = await reach(ctx, ident, "resize the terminal of")
    await shared.engine.call(reached.target, ctx.services.backend.resize, reached.name, query.w, query.h)
    return nothing(202)


@routes.route(
    "POST", "/containers/{ident}/kill", rule="container:action", answers=_DONE, errors=(404, 409), target="handler"
)
async def kill(ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.KillQuery, Query()]) -> Response:
    reached = await reach(ctx, ident, "kill")
    # Zun's client writes what it was not given as the word None.
    signal = query.signal if query.signal not in (None, "None") else "SIGKILL"
    await passthrough.kill(ctx, shared.engine, reached, signal)
    return nothing(202)


@routes.route(
    "GET",
    "/containers/{ident}/top",
    rule="container:logs",
    answers={200: documents.TopDocument},
    errors=(404, 409),
    target="handler",
)
async def top(ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.TopQuery, Query()]) -> Response:
    reached = await reach(ctx, ident, "list the processes of")
    arguments = query.ps_args if query.ps_args not in (None, "None") else None
    titles, rows = await shared.engine.call(reached.target, ctx.services.backend.top, reached.name, arguments)
    return json({"Titles": titles, "Processes": rows})


@routes.route(
    "GET",
    "/containers/{ident}/stats",
    rule="container:logs",
    answers={200: dict[str, Any]},
    errors=(404, 409),
    target="handler",
)
async def stats(ctx: Ctx, shared: Common, ident: Ident) -> Response:
    reached = await reach(ctx, ident, "read the figures of")
    found = await shared.engine.call(reached.target, ctx.services.backend.stats, reached.name)
    return json({**found, "CONTAINER": reached.obj.name})


@routes.route(
    "GET",
    "/containers/{ident}/get_archive",
    rule="container:exec",
    answers={200: documents.ArchiveDocument},
    errors=(404, 409),
    target="handler",
    large=True,
)
async def get_archive(
    ctx: Ctx, shared: Common, ident: Ident, query: Annotated[schema.ArchiveQuery, Query()]
) -> Response:
    reached = await reach(ctx, ident, "copy files out of")
    return json(await passthrough.get_archive(ctx, shared.engine, reached, query.path))


@routes.route(
    "POST",
    "/containers/{ident}/put_archive",
    rule="container:exec",
    answers={200: None},
    errors=(404, 409, 413),
    target="handler",
    large=True,
)
async def put_archive(
    ctx: Ctx,
    shared: Common,
    ident: Ident,
    query: Annotated[schema.ArchiveQuery, Query()],
    body: Annotated[schema.PutArchiveBody, Body()],
) -> Response:
    reached = await reach(ctx, ident, "copy files into")
    await passthrough.put_archive(ctx, shared.engine, reached, query.path, body.data)
    return nothing(200)


@routes.route(
    "GET",
    "/containers/{ident}/network_list",
    rule="container:get",
    answers={200: documents.ContainerNetworksDocument},
    errors=(404, 409),
    target="handler",
)
def list_networks(ctx: Ctx, ident: Ident) -> Response:
    with ctx.services.database.read() as tx:
        obj = lookup.find(ctx, tx, ident)
        ids = {row.name: row.id for row in networks.listing(tx, obj.project_id)}
    rows: list[dict[str, Any]] = []
    for address in obj.status.addresses:
        place = {"subnet_id": None, "version": address.version, "ip_address": address.addr}
        where = {"net_id": ids.get(address.network, address.network), "port_id": None}
        rows.append({**where, "fixed_ips": [place]} if ctx.version >= FIXED_IPS else {**where, **place})
    return json({"networks": rows})


@routes.route(
    "GET",
    "/containers/{ident}/container_actions",
    rule="container:get",
    answers={200: documents.ActionsDocument},
    errors=(404, 409),
    target="handler",
)
def list_actions(ctx: Ctx, ident: Ident) -> Response:
    with ctx.services.database.read() as tx:
        obj = lookup.find(ctx, tx, ident)
        found = actions.listing(tx, obj.id)
    return json({"containerActions": [_action(action) for action in found]})


@routes.route(
    "GET",
    "/containers/{ident}/container_actions/{request_id}",
    rule="container:get",
    answers={200: documents.ActionDocument},
    errors=(404, 409),
    target="handler",
)
def show_action(ctx: Ctx, ident: Ident, request_id: str) -> Response:
    with ctx.services.database.read() as tx:
        obj = lookup.find(ctx, tx, ident)
        found = actions.get(tx, obj.id, request_id)
    return json({**_action(found), "events": []})


def _action(action: actions.Action) -> dict[str, Any]:
    """What was asked, by whom, when; how it went on is what events tell."""
    return {
        "action": action.action,
        "container_uuid": action.object_id,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id,
        "start_time": iso(action.started_at),
        "finish_time": None,
        "message": None,
    }
