"""Credentials of private registries: stored encrypted, never shown again."""

import uuid
from dataclasses import replace
from typing import Annotated, Any

from fastapi import Body, Query, Response
from pydantic import Field

from jeroboam.api.containers import documents
from jeroboam.api.containers.fields import Body as Form
from jeroboam.api.containers.fields import Name
from jeroboam.api.containers.schema import AllProjects
from jeroboam.api.context import Ctx
from jeroboam.api.respond import json, nothing
from jeroboam.api.routing import Routes
from jeroboam.api.shared import Ident
from jeroboam.api.wording import form
from jeroboam.model.errors import Conflict, Malformed
from jeroboam.store import objects, registries
from jeroboam.store.registries import Registry

routes = Routes("/container/v1", "registries")

HIDDEN = "***"
Domain = Annotated[
    str,
    Field(
        min_length=1,
        max_length=255,
        pattern=form(
            r"^[a-zA-Z0-9][a-zA-Z0-9.-]*(:[0-9]{1,5})?$",
            "has to be a host, or a host and a port: registry.example:5000",
        ),
    ),
]
Text = Annotated[str, Field(min_length=1, max_length=1024)]


class Changes(Form):
    name: Name | None = None
    domain: Domain | None = None
    username: Annotated[str, Field(min_length=1, max_length=255)] | None = None
    password: Text | None = None


class New(Changes):
    domain: Domain


class CreateRegistry(Form):
    registry: New


class UpdateRegistry(Form):
    registry: Changes


class Listing(AllProjects):
    name: str | None = None
    domain: str | None = None
    username: str | None = None
    project_id: str | None = None
    user_id: str | None = None
    marker: Annotated[str, Field(max_length=36)] | None = None
    limit: Annotated[int, Field(ge=1, le=2**31)] | None = None
    sort_key: str | None = None
    sort_dir: str | None = None


class RegistryDocument(documents.Document):
    uuid: str
    name: str
    domain: str
    username: str | None
    password: str | None
    project_id: str
    user_id: str
    links: list[documents.Link]


class OneRegistry(documents.Document):
    registry: RegistryDocument


class Registries(documents.Document):
    registries: list[RegistryDocument]
    next: str | None


@routes.route("GET", "/registries", rule="registry:get", answers={200: Registries}, target="handler")
def list_registries(ctx: Ctx, query: Annotated[Listing, Query()]) -> Response:
    project_id = ctx.listed(query.all_projects)
    with ctx.services.database.read() as tx:
        rows = registries.listing(tx, project_id)
    wanted = query.model_dump(include={"name", "domain", "username", "project_id", "user_id"}, exclude_none=True)
    rows = [row for row in rows if all(getattr(row, key) == value for key, value in wanted.items())]
    if query.marker is not None:
        after = [index for index, row in enumerate(rows) if row.id == query.marker]
        if not after:
            raise Malformed(f"cannot list after {query.marker!r}: there is no such registry; list from the start")
        rows = rows[after[0] + 1 :]
    return json({"registries": [_shown(ctx, row) for row in rows[: query.limit]], "next": None})


@routes.route("POST", "/registries", rule="registry:create", answers={201: OneRegistry}, errors=(413,))
def create_registry(ctx: Ctx, body: Annotated[CreateRegistry, Body()]) -> Response:
    new = body.registry
    ident = str(uuid.uuid4())
    registry = Registry(
        id=ident,
        project_id=ctx.project_id,
        name=new.name or new.domain.replace(":", "_"),
        domain=new.domain,
        username=new.username or "",
        secret=ctx.services.secrets.seal(new.password or ""),
        user_id=ctx.caller.user_id,
        created_at=ctx.now,
    )
    with ctx.services.database.write() as tx:
        registries.insert(tx, registry)
    shown = _shown(ctx, registry)
    return json({"registry": shown}, 201, {"Location": shown["links"][0]["href"]})


@routes.route("GET", "/registries/{ident}", rule="registry:get", answers={200: OneRegistry}, errors=(404, 409))
def show_registry(ctx: Ctx, ident: Ident) -> Response:
    with ctx.services.database.read() as tx:
        row = registries.get(tx, ident, ctx.project_id)
    return json({"registry": _shown(ctx, row)})


@routes.route(
    "PATCH", "/registries/{ident}", rule="registry:update", answers={200: OneRegistry}, errors=(404, 409, 413)
)
def update_registry(ctx: Ctx, ident: Ident, body: Annotated[UpdateRegistry, Body()]) -> Response:
    new = body.registry
    with ctx.services.database.write() as tx:
        row = registries.get(tx, ident, ctx.project_id)
        if new.domain not in (None, row.domain) and row.username and new.password is None:
            # Or whoever may use a password without knowing it would have it sent to a registry of their own.
            raise Malformed(f"cannot move registry {row.name} to another domain without its password: give it again")
        row = replace(
            row,
            name=new.name or row.name,
            domain=new.domain or row.domain,
            username=new.username or row.username,
            secret=row.secret if new.password is None else ctx.services.secrets.seal(new.password),
        )
        registries.update(tx, row)
    return json({"registry": _shown(ctx, row)})


@routes.route("DELETE", "/registries/{ident}", rule="registry:delete", answers={204: None}, errors=(404, 409))
def delete_registry(ctx: Ctx, ident: Ident) -> Response:
    with ctx.services.database.write() as tx:
        row = registries.get(tx, ident, ctx.project_id)
        users = [obj.name for obj in objects.listing(tx, "container", ctx.project_id) if obj.spec.registry == row.id]
        if users:
            raise Conflict(
                f"cannot delete registry {row.name}: container {users[0]} pulls with it; delete its containers first"
            )
        registries.delete(tx, row.id)
    return nothing()


def _shown(ctx: Ctx, row: Registry) -> dict[str, Any]:
    base = f"{ctx.services.settings.public_url}/container/v1/registries/{row.id}"
    return {
        "uuid": row.id,
        "name": row.name,
        "domain": row.domain,
        "username": row.username or None,
        "password": HIDDEN if row.username else None,
        "project_id": row.project_id,
        "user_id": row.user_id,
        "links": [{"href": base, "rel": "self"}, {"href": base, "rel": "bookmark"}],
    }
