"""For whoever runs it: is it alive, is it ready, its figures, and the version documents that clients begin with."""

from typing import Any

from fastapi import Request, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from jeroboam.api import metrics, versions
from jeroboam.api.containers.documents import Document, Link
from jeroboam.api.engine import Target
from jeroboam.api.respond import json
from jeroboam.api.routing import PUBLIC, Routes
from jeroboam.api.services import Services
from jeroboam.api.shared import Common, Shared
from jeroboam.model.errors import Problem

routes = Routes("", "operations")

SILENT = "does not answer"
EXPOSITION = "text/plain; version=0.0.4; charset=utf-8"


class Health(Document):
    status: str


class Readiness(Document):
    """`engine` does not make it unready: requests are accepted, and carried out when it is back."""

    status: str
    database: str
    engine: str


class VersionDocument(BaseModel):
    id: str
    status: str
    min_version: str
    max_version: str
    links: list[Link]


class VersionsDocument(BaseModel):
    name: str
    versions: list[VersionDocument]


class V1Document(BaseModel):
    id: str
    version: VersionDocument
    links: list[Link]


@routes.route("GET", "/healthz", rule=PUBLIC, answers={200: Health})
async def healthz() -> Response:
    """The process answers."""
    return json({"status": "ok"})


@routes.route("GET", "/readyz", rule=PUBLIC, answers={200: Readiness, 503: Readiness})
async def readyz(request: Request, shared: Common) -> Response:
    """The database answers, so that requests are accepted."""
    services: Services = request.app.state.services
    database = await run_in_threadpool(_says, services.database.ping)
    engine = "ok" if await answers(services, shared) else SILENT
    ready = database == "ok"
    found = {"status": "ok" if ready else "unready", "database": database, "engine": engine}
    return json(found, 200 if ready else 503)


def _says(ping: Any) -> str:
    try:
        ping()
    except Problem:
        # The words may name hosts and paths: they are the log's and the doctor's business.
        return SILENT
    return "ok"


async def answers(services: Services, shared: Shared) -> bool:
    """Whether the engine does; asked behind the bulkhead, as anybody may ask and it may hang."""
    name = services.backend.name
    try:
        await shared.engine.call(Target("", name, name), services.backend.ping)
    except Problem:
        return False
    return True


@routes.route("GET", "/metrics", rule="metrics", answers={200: EXPOSITION.partition(";")[0]}, target="scrape")
def get_metrics(request: Request) -> Response:
    """Open to what connects from this machine and not through a proxy; to others with a token that may."""
    return Response(metrics.render(request.app.state.services), 200, media_type=EXPOSITION)


def _version(base: str) -> dict[str, Any]:
    return {
        "id": "v1",
        "status": "CURRENT",
        "min_version": f"1.{versions.MIN}",
        "max_version": f"1.{versions.MAX}",
        "links": [{"href": f"{base}/container/v1/", "rel": "self"}],
    }


def _base(request: Request) -> str:
    services: Services = request.app.state.services
    return services.settings.public_url


@routes.route("GET", "/", rule=PUBLIC, answers={200: VersionsDocument})
async def root(request: Request) -> Response:
    found: Response = await list_versions(request)
    return found


@routes.route("GET", "/container", rule=PUBLIC, answers={200: VersionsDocument})
async def list_versions(request: Request) -> Response:
    version = _version(_base(request))
    return json(
        {
            "name": "Jeroboam, OpenStack Containers API",
            "description": "Containers as Zun's API has them; the quota tree at /quota/v1, events at /events/v1.",
            "versions": [version],
            "default_version": version,
        }
    )


@routes.route("GET", "/container/v1", rule=PUBLIC, answers={200: V1Document})
async def show_version(request: Request) -> Response:
    base = _base(request)
    version = _version(base)
    nouns = ("containers", "hosts", "services", "availability_zones", "networks", "volumes", "registries", "quotas")
    return json(
        {
            "id": "v1",
            "version": version,
            "links": version["links"],
            "media_types": [{"base": "application/json", "type": "application/vnd.openstack.zun.v1+json"}],
            **{noun: [{"href": f"{base}/container/v1/{noun}", "rel": "self"}] for noun in nouns},
        }
    )
