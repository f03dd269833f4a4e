"""Hosts, services, availability zones, networks: what there is around the containers."""

import uuid
from typing import Annotated, Any

from fastapi import Query, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from jeroboam.api.containers.build import ZONE
from jeroboam.api.containers.documents import Document
from jeroboam.api.containers.fields import Body
from jeroboam.api.context import Context, Ctx
from jeroboam.api.engine import Target
from jeroboam.api.ops import answers
from jeroboam.api.respond import json
from jeroboam.api.routing import ANYBODY, Routes
from jeroboam.api.shared import Common, Ident, Shared
from jeroboam.backends.data import Capacity
from jeroboam.model.container import KIND
from jeroboam.model.errors import NotFound
from jeroboam.model.quantities import CONTAINERS, MEMORY, VCPUS
from jeroboam.quota.tree import ROOT
from jeroboam.store import networks, objects
from jeroboam.store.ledger_schema import limits

routes = Routes("/container/v1", "infrastructure")


class Page(Body):
    """Zun's paging, of lists that are never long here."""

    marker: Annotated[str, Field(max_length=64)] | None = None
    limit: Annotated[int, Field(ge=1, le=2**31)] | None = None
    sort_key: Annotated[str, Field(max_length=64)] | None = None
    sort_dir: Annotated[str, Field(max_length=4)] | None = None


class HostDocument(BaseModel):
    uuid: str
    hostname: str
    cpus: int
    cpu_used: float
    mem_total: int
    mem_used: int
    total_containers: int


class HostsDocument(Document):
    hosts: list[HostDocument]
    next: str | None


class ServicesDocument(Document):
    services: list[dict[str, Any]]
    next: str | None


class ZonesDocument(Document):
    availability_zones: list[dict[str, str]]


class NetworkDocument(Document):
    uuid: str
    name: str
    project_id: str
    subnet: str


class NetworksDocument(Document):
    networks: list[NetworkDocument]
    next: str | None


@routes.route("GET", "/hosts", rule="host:list", answers={200: HostsDocument})
async def list_hosts(ctx: Ctx, shared: Common, query: Annotated[Page, Query()]) -> Response:
    return json({"hosts": [await _host(ctx, shared)], "next": None})


@routes.route("GET", "/hosts/{ident}", rule="host:list", answers={200: HostDocument}, errors=(404,))
async def show_host(ctx: Ctx, shared: Common, ident: Ident) -> Response:
    host = await _host(ctx, shared)
    if ident not in (host["uuid"], host["hostname"]):
        raise NotFound(f"cannot find a host {ident[:80]!r}; list the hosts to see their names and ids")
    return json(host)


async def _host(ctx: Context, shared: Shared) -> dict[str, Any]:
    backend = ctx.services.backend
    target = Target("", backend.name, backend.name)
    capacity = await shared.engine.call(target, backend.capacity)
    return await run_in_threadpool(_host_view, ctx, capacity)


def _host_view(ctx: Context, capacity: Capacity) -> dict[str, Any]:
    database = ctx.services.database
    with database.read() as tx:
        rows = tx.execute(limits.select().where(limits.c.node_id == ROOT)).mappings().all()
        count = objects.count(tx, KIND)
    charged = {row["resource"]: row["subtree"] for row in rows}
    return {
        "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{database.installation}:{ctx.services.backend.name}")),
        "hostname": capacity.host,
        "cpus": capacity.cpus,
        "cpu_used": charged.get(VCPUS, 0) / 1000,
        "mem_total": capacity.memory,
        "mem_used": charged.get(MEMORY, 0),
        "total_containers": charged.get(CONTAINERS, count),
        "architecture": capacity.architecture,
        "os": capacity.os,
        "os_type": "linux",
        "kernel_version": capacity.kernel,
        "labels": dict(capacity.labels),
        "disk_total": None,
        "disk_used": None,
        "disk_quota_supported": False,
        "runtimes": None,
        "enable_cpu_pinning": False,
        "engine": capacity.engine,
        "availability_zone": ZONE,
        "links": [],
    }


@routes.route("GET", "/services", rule="service:list", answers={200: ServicesDocument})
async def list_services(ctx: Ctx, shared: Common, query: Annotated[Page, Query()]) -> Response:
    """This API, which answers or you would not read this, and the engine behind it."""
    up = await answers(ctx.services, shared)
    host = ctx.services.settings.api.host
    found = [_service(1, host, "jeroboam-api", True), _service(2, ctx.services.backend.name, "docker-engine", up)]
    return json({"services": found, "next": None})


def _service(number: int, host: str, binary: str, up: bool) -> dict[str, Any]:
    return {
        "id": number,
        "host": host,
        "binary": binary,
        "state": "up" if up else "down",
        "disabled": False,
        "disabled_reason": None,
        "forced_down": False,
        "availability_zone": ZONE,
        "created_at": None,
        "updated_at": None,
        "last_seen_up": None,
        "report_count": 0,
    }


@routes.route("GET", "/availability_zones", rule=ANYBODY, answers={200: ZonesDocument})
async def list_zones(ctx: Ctx, query: Annotated[Page, Query()]) -> Response:
    return json({"availability_zones": [{"availability_zone": ZONE}]})


@routes.route("GET", "/networks", rule="network:list", answers={200: NetworksDocument})
def list_networks(ctx: Ctx, query: Annotated[Page, Query()]) -> Response:
    """The project's own: each is made when a container first names it."""
    with ctx.services.database.read() as tx:
        rows = networks.listing(tx, ctx.project_id)
    found = [{"uuid": r.id, "name": r.name, "project_id": r.project_id, "subnet": r.subnet} for r in rows]
    return json({"networks": found, "next": None})
