"""One JSON shape for every error: ours, and inside it what OpenStack's clients read.

python-zunclient prints `errors[0].title`, openstacksdk and keystoneauth `message`: both are the sentence.
"""

from collections.abc import Mapping
from typing import Any

import structlog
from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from jeroboam.api.respond import json
from jeroboam.api.wording import sentence
from jeroboam.model.errors import Malformed, NotFound, Problem, TooLarge, Unauthenticated, Unavailable

log = structlog.get_logger("jeroboam.api")

RETRY_AFTER = "2"


class MethodNotAllowed(Problem):
    code, status, title = "method_not_allowed", 405, "Method not allowed"


class Internal(Problem):
    code, status, title = "internal", 500, "Internal error"


def render(problem: Problem, request_id: str) -> dict[str, Any]:
    return {
        "code": problem.code,
        "status": problem.status,
        "title": problem.title,
        "detail": problem.message,
        "message": problem.message,
        "data": dict(problem.detail),
        "request_id": request_id,
        "errors": [
            {
                "request_id": request_id,
                "code": problem.code,
                "status": problem.status,
                "title": problem.message,
                "detail": problem.title,
                "links": [],
            }
        ],
    }


def respond(problem: Problem, request_id: str, headers: Mapping[str, str] | None = None) -> Response:
    extra = dict(headers or {})
    if isinstance(problem, Unauthenticated):
        extra["WWW-Authenticate"] = "Keystone"
    if isinstance(problem, Unavailable):
        extra["Retry-After"] = RETRY_AFTER
    return json(render(problem, request_id), problem.status, extra)


def install(app: FastAPI) -> None:
    """Handlers for everything that a route can raise on purpose; what it raises by accident is the middleware's."""

    async def problem(request: Request, error: Exception) -> Response:
        assert isinstance(error, Problem)
        return respond(error, request_id(request))

    async def invalid(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(Malformed(sentence(error.errors(), error.body)), request_id(request))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return respond(_from_http(request, error), request_id(request), error.headers)

    app.add_exception_handler(Problem, problem)
    app.add_exception_handler(RequestValidationError, invalid)
    app.add_exception_handler(HTTPException, http)


def request_id(request: Request) -> str:
    return str(request.scope.get("request_id", ""))


def _from_http(request: Request, error: HTTPException) -> Problem:
    if error.status_code == 404:
        return NotFound(f"cannot find {request.url.path[:200]!r}: the API has no such path; see /openapi.json")
    if error.status_code == 405:
        return MethodNotAllowed(f"cannot {request.method[:20]} {request.url.path[:200]!r}: see the Allow header")
    if error.status_code == 413:
        return TooLarge("cannot read the request: it is too large")
    if error.status_code < 500:
        return Malformed(f"cannot read the request: {error.detail}")
    return Internal("cannot answer: something went wrong inside; the log has the details under this request id")
