"""The routes of containers as declared things: making, finding, changing, deleting them."""

from typing import Annotated
from urllib.parse import urlencode

from fastapi import Body, Query, Response

from jeroboam.api.containers import actions, create, lookup, schema, view
from jeroboam.api.containers.build import memory_of, network_of
from jeroboam.api.containers.documents import ContainerDocument, ContainersDocument
from jeroboam.api.context import Context, Ctx
from jeroboam.api.quota import places
from jeroboam.api.respond import json, nothing
from jeroboam.api.routing import Routes
from jeroboam.api.shared import Common, Ident
from jeroboam.model.container import KIND, RunState
from jeroboam.model.errors import Malformed, NotAcceptable, Unsupported
from jeroboam.store import objects

routes = Routes("/container/v1", "containers")

PAGE = 1000
"""The most containers of one answer."""
RENAME_ENDS = 13
_FILTERS = ("name", "image", "project_id", "user_id", "host", "task_state", "status", "auto_remove")
_FOUND = {200: ContainerDocument}
_LATER = {202: None}


def base(ctx: Context) -> str:
    return f"{ctx.services.settings.public_url}/container"


@routes.route("GET", "/containers", rule="container:list", answers={200: ContainersDocument}, target="handler")
def list_containers(ctx: Ctx, shared: Common, query: Annotated[schema.Listing, Query()]) -> Response:
    project_id = ctx.listed(query.all_projects)
    filters = {key: value for key in _FILTERS if (value := getattr(query, key)) is not None}
    if query.memory is not None:
        filters["memory"] = memory_of(query.memory)
    limit = min(query.limit or PAGE, PAGE)
    with ctx.services.database.read() as tx:
        found = objects.listing(
            tx,
            KIND,
            project_id,
            filters=filters,
            marker=query.marker,
            limit=limit,
            sort_key=query.sort_key,
            sort_dir=query.sort_dir,
        )
    url = base(ctx)
    return json(
        {
            "containers": [shared.writer.write(obj, url, ctx.now) for obj in found],
            "next": _next(url, query, found[-1].id) if len(found) == limit else None,
        }
    )


def _next(url: str, query: schema.Listing, marker: str) -> str:
    sent = query.model_dump(exclude_unset=True) | {"marker": marker}
    return f"{url}/v1/containers?{urlencode(sent)}"


@routes.route("POST", "/containers", rule="container:create", answers={202: ContainerDocument}, errors=(409, 413))
def create_container(
    ctx: Ctx, query: Annotated[schema.CreateQuery, Query()], body: Annotated[schema.CreateContainer, Body()]
) -> Response:
    obj = create.create(ctx, body, query.run)
    shown = view.container(obj, base(ctx), ctx.now)
    return json(shown, 202, {"Location": f"{base(ctx)}/v1/containers/{obj.id}"})


@routes.route("GET", "/containers/{ident}", rule="container:get", answers=_FOUND, errors=(404, 409), target="handler")
def show_container(ctx: Ctx, ident: Ident, query: Annotated[schema.AllProjects, Query()]) -> Response:
    with ctx.services.database.read() as tx:
        obj = lookup.find(ctx, tx, ident, everywhere=query.all_projects)
        shown = view.container(obj, base(ctx), ctx.now)
        if obj.status.evicted_by is not None:
            shown["evicted_by"] = places.name_of(ctx, tx, obj.status.evicted_by) or shown["evicted_by"]
    return json(shown)


@routes.route(
    "PATCH", "/containers/{ident}", rule="container:update", answers=_FOUND, errors=(404, 409, 413), target="handler"
)
def update_container(ctx: Ctx, ident: Ident, body: Annotated[schema.UpdateContainer, Body()]) -> Response:
    return json(view.container(actions.update(ctx, ident, body), base(ctx), ctx.now))


@routes.route(
    "POST",
    "/containers/{ident}/resize_container",
    rule="container:update",
    answers={202: ContainerDocument},
    errors=(404, 409, 413),
    target="handler",
)
def resize_container(ctx: Ctx, ident: Ident, body: Annotated[schema.UpdateContainer, Body()]) -> Response:
    return json(view.container(actions.update(ctx, ident, body), base(ctx), ctx.now), 202)


@routes.route(
    "DELETE",
    "/containers/{ident}",
    rule="container:delete",
    answers={204: None},
    errors=(404, 409),
    target="handler",
)
def delete_container(ctx: Ctx, ident: Ident, query: Annotated[schema.DeleteQuery, Query()]) -> Response:
    actions.delete(ctx, ident, force=query.force, stop=query.stop, everywhere=query.all_projects)
    return nothing()


@routes.route(
    "POST",
    "/containers/{ident}/rename",
    rule="container:update",
    answers=_FOUND,
    errors=(404, 406, 409),
    target="handler",
)
def rename_container(ctx: Ctx, ident: Ident, query: Annotated[schema.RenameQuery, Query()]) -> Response:
    if ctx.version > RENAME_ENDS:
        raise NotAcceptable(
            f"cannot rename here from version 1.{RENAME_ENDS + 1} on: update the container's name (PATCH, `set --name`)"
        )
    return json(view.container(actions.rename(ctx, ident, query.name), base(ctx), ctx.now))


@routes.route(
    "POST", "/containers/{ident}/start", rule="container:action", answers=_LATER, errors=(404, 409), target="handler"
)
def start_container(ctx: Ctx, ident: Ident) -> Response:
    actions.intend(ctx, ident, "start", RunState.RUNNING)
    return nothing(202)


@routes.route(
    "POST", "/containers/{ident}/stop", rule="container:action", answers=_LATER, errors=(404, 409), target="handler"
)
def stop_container(ctx: Ctx, ident: Ident, query: Annotated[schema.Timeout, Query()]) -> Response:
    actions.intend(ctx, ident, "stop", RunState.STOPPED, timeout=query.timeout)
    return nothing(202)


@routes.route(
    "POST", "/containers/{ident}/reboot", rule="container:action", answers=_LATER, errors=(404, 409), target="handler"
)
def reboot_container(ctx: Ctx, ident: Ident, query: Annotated[schema.Timeout, Query()]) -> Response:
    actions.intend(ctx, ident, "restart", RunState.RUNNING, restart=True, timeout=query.timeout)
    return nothing(202)


@routes.route(
    "POST", "/containers/{ident}/pause", rule="container:action", answers=_LATER, errors=(404, 409), target="handler"
)
def pause_container(ctx: Ctx, ident: Ident) -> Response:
    actions.intend(ctx, ident, "pause", RunState.PAUSED)
    return nothing(202)


@routes.route(
    "POST", "/containers/{ident}/unpause", rule="container:action", answers=_LATER, errors=(404, 409), target="handler"
)
def unpause_container(ctx: Ctx, ident: Ident) -> Response:
    actions.intend(ctx, ident, "unpause", RunState.RUNNING)
    return nothing(202)


@routes.route(
    "POST", "/containers/{ident}/rebuild", rule="container:update", answers=_LATER, errors=(404, 409), target="handler"
)
def rebuild_container(ctx: Ctx, ident: Ident, query: Annotated[schema.RebuildQuery, Query()]) -> Response:
    if query.image_driver not in (None, "docker"):
        raise Unsupported("cannot take images from there: only from registries and the engine; use image driver docker")
    actions.rebuild(ctx, ident, query.image)
    return nothing(202)


@routes.route(
    "POST",
    "/containers/{ident}/network_attach",
    rule="container:update",
    answers=_LATER,
    errors=(404, 409),
    target="handler",
)
def attach_network(ctx: Ctx, ident: Ident, query: Annotated[schema.NetworkQuery, Query()]) -> Response:
    actions.attach_network(ctx, ident, network_of(query.network, query.fixed_ip, None, query.port))
    return nothing(202)


@routes.route(
    "POST",
    "/containers/{ident}/network_detach",
    rule="container:update",
    answers=_LATER,
    errors=(404, 409),
    target="handler",
)
def detach_network(ctx: Ctx, ident: Ident, query: Annotated[schema.NetworkQuery, Query()]) -> Response:
    if query.fixed_ip is not None:
        raise Malformed("cannot detach by address: name the network")
    actions.detach_network(ctx, ident, network_of(query.network, None, None, query.port).network)
    return nothing(202)
