"""Around every request: its id, its version, one line of log, its figures, and the net under unforeseen errors."""

import re
import time
import uuid
from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jeroboam.api import errors, metrics, versions
from jeroboam.model.errors import Malformed, Problem

log = structlog.get_logger("jeroboam.access")

CONTAINER_API = "/container/v1"
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
_QUIET = ("/healthz", "/readyz", "/metrics")


class Surround:
    """Pure ASGI: FastAPI's own middleware class would cost a task per request."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        given = dict(scope["headers"])
        request_id = _request_id(given.get(b"x-request-id"))
        scope["request_id"] = request_id
        seen = {"status": 0}
        extra = [(b"x-openstack-request-id", request_id.encode()), (b"x-content-type-options", b"nosniff")]

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                message = {**message, "headers": [*message["headers"], *extra]}
            await send(message)

        try:
            problem = self._admit(scope, given, extra)
            if problem is None:
                await self.app(scope, receive, sending)
            else:
                await errors.respond(problem, request_id)(scope, receive, sending)
        except Exception:
            log.exception("request_failed", request_id=request_id, method=scope["method"], path=scope["path"])
            if seen["status"]:
                raise
            broken = errors.Internal(
                "cannot answer: something went wrong inside; the log has the details under this request id"
            )
            await errors.respond(broken, request_id)(scope, receive, sending)
        finally:
            _record(scope, seen["status"], time.perf_counter() - began, request_id)

    def _admit(self, scope: Scope, given: dict[bytes, bytes], extra: list[tuple[bytes, bytes]]) -> Problem | None:
        """What is wrong with the request line and headers, if anything; settles the version on the way."""
        if b"%" in scope["query_string"] or b"%" in scope.get("raw_path", b""):
            problem = _check_escapes(scope)
            if problem is not None:
                return problem
        if b"&" in scope["query_string"]:
            problem = _check_repeated(scope["query_string"])
            if problem is not None:
                return problem
        path = scope["path"]
        if path.startswith("/container/") and path.endswith("/"):
            # Zun's client writes /v1/containers/?limit=1 and /v1/hosts/ beside /v1/containers.
            path = scope["path"] = path.rstrip("/")
        if path.startswith(CONTAINER_API):
            header = given.get(b"openstack-api-version")
            try:
                scope["version"] = versions.negotiate(header.decode("latin-1") if header is not None else None)
            except Problem as refused:
                extra += versions.headers(None)
                return refused
            extra += versions.headers(scope["version"])
        return None


def _check_escapes(scope: Scope) -> Problem | None:
    for part, where in ((scope.get("raw_path", b""), "path"), (scope["query_string"], "query")):
        plain = unquote_to_bytes(part)
        if b"\0" in plain:
            return Malformed(f"cannot read the {where}: it holds a NUL character; leave it out")
        try:
            plain.decode()
        except UnicodeDecodeError:
            return Malformed(f"cannot read the {where}: it is no UTF-8 when unescaped")
    return None


def _check_repeated(query: bytes) -> Problem | None:
    """No parameter of ours is a list: of two values one would be dropped without a word."""
    seen = set()
    for name, _ in parse_qsl(query.decode("latin-1"), keep_blank_values=True):
        if name in seen:
            return Malformed(f"cannot read the query: {name[:40]!r} is given more than once")
        seen.add(name)
    return None


def _request_id(given: bytes | None) -> str:
    if given is not None and _REQUEST_ID.fullmatch(given):
        return given.decode()
    return f"req-{uuid.uuid4()}"


def _record(scope: Scope, status: int, seconds: float, request_id: str) -> None:
    route: Any = scope.get("route")
    path = getattr(route, "path", "unknown")
    metrics.REQUESTS.labels(scope["method"] if route else "other", path, status).inc()
    metrics.LATENCY.labels(path).observe(seconds)
    # The query stays out of the log: it holds what tenants send, and the tokens of websockets.
    write = log.debug if scope["path"] in _QUIET else log.info
    write(
        "request",
        request_id=request_id,
        method=scope["method"],
        path=scope["path"],
        status=status,
        ms=round(seconds * 1000, 1),
        client=(scope.get("client") or ("",))[0],
    )
