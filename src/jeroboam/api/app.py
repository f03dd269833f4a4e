"""The application: every route in one place, around them the middleware, beside them one OpenAPI document."""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

import jeroboam
from jeroboam.api import errors, events, ops
from jeroboam.api.containers import engine_routes, routes, streams
from jeroboam.api.engine import Engine
from jeroboam.api.middleware import Surround
from jeroboam.api.quota import apply, history, reservations
from jeroboam.api.quota import routes as quota
from jeroboam.api.routing import TARGET, Routes
from jeroboam.api.services import Services
from jeroboam.api.shared import Shared
from jeroboam.api.tickets import Tickets
from jeroboam.api.zun import images, infrastructure, quotas, registries, unsupported, volumes

TABLES: tuple[Routes, ...] = (
    # Matching goes from the top: what is asked most comes first.
    routes.routes,
    engine_routes.routes,
    ops.routes,
    quota.routes,
    reservations.routes,
    apply.routes,
    history.routes,
    events.routes,
    registries.routes,
    volumes.routes,
    infrastructure.routes,
    images.routes,
    quotas.routes,
    unsupported.routes,
)


def create_app(services: Services) -> FastAPI:
    """An ASGI application. It keeps nothing that matters: any number may run beside each other on one database."""
    app = FastAPI(
        title="Jeroboam",
        version=jeroboam.__version__,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    tickets = Tickets(services.secrets)
    app.state.services = services
    app.state.shared = Shared(Engine(), tickets)
    # Base64 of the largest archive, and the JSON around it.
    large = (services.settings.containers.archive_max_mib << 20) * 4 // 3 + 65536
    for table in TABLES:
        table.install(app, large)
    app.router.add_websocket_route(streams.PATH, streams.Terminals(services, tickets).serve)
    errors.install(app)
    app.add_middleware(Surround)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """As FastAPI makes it, without the 422 that we never answer, and with the token that every route wants."""
    if app.openapi_schema is not None:
        return app.openapi_schema
    document = get_openapi(title=app.title, version=app.version, routes=app.routes, description=__doc__)
    components = document.setdefault("components", {})
    components["securitySchemes"] = {"keystone": {"type": "apiKey", "in": "header", "name": "X-Auth-Token"}}
    for path in document["paths"].values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation.pop(TARGET)
            if operation["x-access-rule"] != "public":
                operation["security"] = [{"keystone": []}]
    for unused in ("HTTPValidationError", "ValidationError"):
        components.get("schemas", {}).pop(unused, None)
    app.openapi_schema = document
    return document
