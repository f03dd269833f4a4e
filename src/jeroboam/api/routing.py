"""Routes with the access rule beside the verb: one without a rule cannot be made.

The order at the door: who is it (401), may they at all (403), is the body readable (413, 400), and then the handler.
"""

from collections.abc import Callable, Coroutine, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict

from jeroboam.api.bodies import JsonRequest
from jeroboam.api.context import KEY, Context, authenticate, is_local, token_of
from jeroboam.api.respond import Held
from jeroboam.api.services import Services
from jeroboam.api.shared import Shared
from jeroboam.identity.rules import RULES

PUBLIC = "public"
"""Nobody needs a token: version documents, health."""
ANYBODY = "authenticated"
"""Any valid token: what answers the same to everybody."""
RULE = "x-access-rule"
TARGET = "x-target"

Endpoint = Callable[..., Any]


class ErrorItem(BaseModel):
    model_config = ConfigDict(extra="forbid")
    request_id: str
    code: str
    status: int
    title: str
    detail: str
    links: list[str]


class Error(BaseModel):
    """Every answer of 400 and above. `code` is stable; `detail` is for people; `data` holds the figures."""

    model_config = ConfigDict(extra="forbid")
    code: str
    status: int
    title: str
    detail: str
    message: str
    data: dict[str, Any]
    request_id: str
    errors: list[ErrorItem]


ERRORS = {
    400: "Malformed, or something that is not done here; the sentence says which.",
    401: "No token, or one that Keystone does not know.",
    403: "The policy or the quota says no.",
    404: "There is no such thing for this caller.",
    406: "A microversion that is not spoken here.",
    409: "The state of the thing does not allow this now.",
    413: "The body is too large.",
    503: "Something that is needed does not answer; try again.",
}


class GuardedRoute(APIRoute):
    """A route of FastAPI that asks for a token and its rule first."""

    def __init__(self, path: str, endpoint: Endpoint, **options: Any) -> None:
        rule = (options.get("openapi_extra") or {}).get(RULE)
        if rule not in RULES and rule not in (PUBLIC, ANYBODY):
            raise TypeError(f"cannot register {path}: it has no access rule that identity/rules.py knows")
        self.rule: str = rule
        self.target: str = (options.get("openapi_extra") or {}).get(TARGET, "own")
        self.limit: int | None = None
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            services: Services = request.app.state.services
            open_here = self.target == "scrape" and is_local(request.scope)
            if self.rule != PUBLIC and not open_here:
                request.scope[KEY] = await self._enter(services, request)
            if self.limit is not None:
                return await self._hold(request, inner, self.limit)
            if self.body_field is None:
                return await inner(request)
            reading = JsonRequest(request.scope, request.receive)
            await reading.load(services.settings.api.max_body)
            return await inner(reading)

        return handle

    async def _hold(
        self, request: Request, inner: Callable[[Request], Coroutine[Any, Any, Response]], limit: int
    ) -> Response:
        """Counted from before the body is read until the answer is sent: either may be large."""
        shared: Shared = request.app.state.shared
        with ExitStack() as held:
            held.enter_context(shared.large.admit(request.scope[KEY].caller))
            reading = JsonRequest(request.scope, request.receive)
            if self.body_field is not None:
                await reading.load(limit)
            return Held(await inner(reading), held.pop_all())

    async def _enter(self, services: Services, request: Request) -> Context:
        scope = request.scope
        token = token_of(scope)
        caller = await authenticate(services, token)
        version, now = scope.get("version", 1), services.clock()
        context = Context(services, caller, self.rule, scope["request_id"], version, now, token)
        if self.rule != ANYBODY and self.target != "handler":
            context.check(caller.project_id)
        return context


@dataclass(frozen=True)
class Entry:
    method: str
    path: str
    endpoint: Endpoint
    rule: str
    answers: Mapping[int, Any]
    errors: tuple[int, ...]
    target: str
    large: bool
    shown: bool


@dataclass
class Routes:
    """A table of routes under one prefix, filled by decorators."""

    prefix: str
    tag: str
    entries: list[Entry] = field(default_factory=list)

    def route(
        self,
        method: str,
        path: str,
        *,
        rule: str,
        answers: Mapping[int, Any],
        errors: tuple[int, ...] = (),
        target: str = "own",
        large: bool = False,
        shown: bool = True,
    ) -> Callable[[Endpoint], Endpoint]:
        """`answers`: the model (or None) of each success; `errors`: what it answers beside 400, 401, 403, 503.

        `target`: what the rule is checked on before the handler: the caller's `own` project. `handler`: on something
        that only the handler can look up, so it checks. `scrape`: as `own`, and nothing is asked of this machine.
        `large`: its body or its answer may be as large as an archive.
        """

        def register(endpoint: Endpoint) -> Endpoint:
            self.entries.append(
                Entry(method, self.prefix + path, endpoint, rule, answers, errors, target, large, shown)
            )
            return endpoint

        return register

    def install(self, app: FastAPI, large_limit: int) -> None:
        for entry in self.entries:
            app.router.add_api_route(
                entry.path,
                entry.endpoint,
                methods=[entry.method],
                tags=[self.tag],
                status_code=next(iter(entry.answers)),
                response_class=Response,
                response_model=None,
                responses=_responses(entry),
                include_in_schema=entry.shown,
                openapi_extra={RULE: entry.rule, TARGET: entry.target},
                operation_id=f"{entry.endpoint.__module__.split('.')[2]}-{entry.endpoint.__name__}-{entry.method}".lower(),
                route_class_override=GuardedRoute,
            )
            if entry.large:
                route = app.router.routes[-1]
                assert isinstance(route, GuardedRoute)
                route.limit = large_limit


def _responses(entry: Entry) -> dict[int | str, dict[str, Any]]:
    shared = () if entry.rule == PUBLIC else (400, 401, 403, 503)
    found: dict[int | str, dict[str, Any]] = {}
    for status, model in entry.answers.items():
        found[status] = _success(model)
    for status in (*shared, *entry.errors):
        found[status] = {"model": Error, "description": ERRORS[status]}
    return found


def _success(model: Any) -> dict[str, Any]:
    if model is None:
        return {"description": "Done, or accepted to be done; no body."}
    if isinstance(model, str):
        return {"description": "As the media type says.", "content": {model: {"schema": {"type": "string"}}}}
    return {"model": model, "description": "As asked for."}
