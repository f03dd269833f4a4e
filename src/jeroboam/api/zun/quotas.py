"""Zun's flat quotas: a view of one node of the quota tree, for `appcontainer quota get` and `update`."""

from typing import Annotated, Any

from fastapi import Body, Path, Query, Response
from pydantic import BaseModel, Field, StrictInt

from jeroboam.api.containers.fields import Body as Form
from jeroboam.api.containers.fields import QueryFlag
from jeroboam.api.context import Context, Ctx
from jeroboam.api.quota import places
from jeroboam.api.quota.places import Place
from jeroboam.api.respond import json
from jeroboam.api.routing import Routes
from jeroboam.api.wording import form
from jeroboam.model.errors import Unsupported
from jeroboam.model.quantities import CONTAINERS, MAX, MEMORY, VCPUS
from jeroboam.quota.limits import LimitChange
from jeroboam.quota.tree import Limit
from jeroboam.store import ledger

routes = Routes("/container/v1", "quotas")

Amount = (
    Annotated[StrictInt, Field(ge=-1, le=MAX // 1000)]
    | Annotated[str, Field(pattern=form(r"^(-1|[0-9]{1,12})$", "has to be a whole number, or -1"))]
    | None
)
ProjectId = Annotated[str, Path(max_length=64)]


class QuotaBody(Form):
    containers: Amount = None
    cpu: Amount = None
    memory: Amount = None
    disk: Amount = None


class UsagesQuery(Form):
    usages: QueryFlag = False


class QuotaDocument(BaseModel):
    """Limits in whole CPUs and MiB; with `usages`, an object of limit and in_use each."""

    containers: Any
    cpu: Any
    memory: Any
    disk: Any


@routes.route("GET", "/quotas/{ident}", rule="quota:get", answers={200: QuotaDocument}, errors=(404,), target="handler")
def show_quota(ctx: Ctx, ident: ProjectId, query: Annotated[UsagesQuery, Query()]) -> Response:
    place = places.locate(ctx, ident)
    return json(_view(ctx, place, query.usages))


@routes.route(
    "PUT", "/quotas/{ident}", rule="quota:set", answers={200: QuotaDocument}, errors=(404, 409, 413), target="handler"
)
def update_quota(ctx: Ctx, ident: ProjectId, body: Annotated[QuotaBody, Body()]) -> Response:
    place = places.locate(ctx, ident)
    if body.disk is not None:
        raise Unsupported("cannot limit disk: the engine's storage does not; limit containers, cpu and memory")
    hard = {CONTAINERS: _units(body.containers), VCPUS: _units(body.cpu, 1000), MEMORY: _units(body.memory)}
    changes: dict[str, Limit | LimitChange] = {
        resource: LimitChange(hard=units) for resource, units in hard.items() if units is not None
    }
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        ledger.ensure_path(tx, place.unmade)
        ledger.set_node(tx, places.actor(ctx), place.id, changes, now=ctx.now)
    return json(_view(ctx, place, False))


def _units(amount: int | str | None, factor: int = 1) -> int | None:
    if amount is None:
        return None
    return int(amount) * factor if int(amount) >= 0 else -1


def _view(ctx: Context, place: Place, usages: bool) -> dict[str, Any]:
    names = {"containers": (CONTAINERS, 1), "cpu": (VCPUS, 1000), "memory": (MEMORY, 1)}
    with ctx.services.database.quota() as books, ledger.shown_with(books.tree, place.unmade):
        node = books.tree.nodes[place.id]
        found = {resource: (node.limit(resource).hard, node.subtree.get(resource, 0)) for resource, _ in names.values()}
    view: dict[str, Any] = {}
    for name, (resource, factor) in names.items():
        hard, used = found[resource]
        limit = hard if hard < 0 else hard // factor
        view[name] = {"limit": limit, "in_use": used / factor if factor > 1 else used} if usages else limit
    view["disk"] = {"limit": -1, "in_use": 0} if usages else -1
    return view
