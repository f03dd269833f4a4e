"""What a handler knows of its request: who asks, under which rule, and what there is to work with."""

import ipaddress
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.types import Scope

from jeroboam.api.services import Services
from jeroboam.identity.tokens import ABSENT, Caller
from jeroboam.model.errors import Forbidden, Unauthenticated

KEY = "jeroboam.context"
_TOKEN = b"x-auth-token"


@dataclass(frozen=True, slots=True)
class Context:
    """`version` is the minor microversion; `rule` the access rule of the route; `now` seconds since the epoch."""

    services: Services
    caller: Caller
    rule: str
    request_id: str
    version: int
    now: float
    token: str = field(default="", repr=False)

    @property
    def project_id(self) -> str:
        """The project that the token is scoped to. Raises Forbidden for tokens of another scope."""
        if self.caller.project_id is None:
            raise Forbidden("cannot tell which project this is for: use a token that is scoped to a project")
        return self.caller.project_id

    def check(self, project_id: str | None, ancestors: Sequence[str] = (), rule: str | None = None) -> None:
        """Raises Forbidden unless the route's rule (or `rule`) allows it on what this project owns."""
        self.services.policy.check(self.caller, rule or self.rule, target(project_id, ancestors))

    def check_below(self, project_id: str | None, ancestors: Sequence[str]) -> None:
        """The same on all that is below this project: its own readers' rights are not enough."""
        above = (*(() if project_id is None else (project_id,)), *ancestors)
        self.services.policy.check(self.caller, self.rule, target("-", above), below=True)

    def listed(self, all_projects: bool) -> str | None:
        """Whose things a list shows: the token's project's, or everybody's (None) where the rule for that allows it.

        One rule is asked and not both: a token of the system reads everything and has no project. Raises Forbidden.
        """
        self.check(self.caller.project_id, rule="container:list_all_projects" if all_projects else None)
        return None if all_projects else self.project_id

    def allows(self, rule: str, project_id: str | None, ancestors: Sequence[str] = ()) -> bool:
        return self.services.policy.allows(self.caller, rule, target(project_id, ancestors))


def target(project_id: str | None, ancestors: Sequence[str]) -> Mapping[str, Any]:
    return {"project_id": project_id, "ancestors": tuple(ancestors)}


def token_of(scope: Scope) -> str:
    """What the request shows. Raises Unauthenticated where it shows nothing."""
    token = next((value for name, value in scope["headers"] if name == _TOKEN), b"").decode("latin-1")
    if not token:
        raise Unauthenticated(ABSENT)
    return token


async def authenticate(services: Services, token: str) -> Caller:
    """Raises Unauthenticated, Unavailable. A token that is known takes no thread."""
    caller = services.tokens.cached(token)
    return caller if caller is not None else await run_in_threadpool(services.tokens.validate, token)


async def again(ctx: Context) -> Context:
    """The same request as if it came now: what stays open asks again who it is for. Raises as `authenticate` does."""
    caller = await authenticate(ctx.services, ctx.token)
    return replace(ctx, caller=caller, now=ctx.services.clock())


async def _current(request: Request) -> Context:
    context = request.scope[KEY]
    assert isinstance(context, Context)
    return context


Ctx = Annotated[Context, Depends(_current)]


_FORWARDED = {b"forwarded", b"via", b"x-forwarded-for", b"x-real-ip"}


def is_local(scope: Scope) -> bool:
    """Whether the request comes from this machine itself, and not through a proxy on it."""
    client = scope.get("client")
    if client is None or any(name in _FORWARDED for name, _ in scope["headers"]):
        return False
    try:
        return ipaddress.ip_address(client[0]).is_loopback
    except ValueError:
        return False
