"""Tokens: who a request comes from. Believed for at most a minute without asking Keystone again."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jeroboam.identity.keystone import Keystone
from jeroboam.model.errors import NotFound, Problem, Unauthenticated, Unavailable

MAX_TOKEN = 8192
"""Bytes. Keystone's own (Fernet, JWS) stay below 1 KiB; anything longer is not worth a question."""
ABSENT = "cannot tell who you are: the request has no X-Auth-Token; get a token from Keystone (openstack token issue)"
REFUSED = "cannot accept this token: it is unknown, expired or revoked; get a new one (openstack token issue)"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, in which scope. `expires_at` is in seconds since the epoch."""

    user_id: str
    user_name: str
    project_id: str | None
    """None where the token is scoped to a domain, to the system, or to nothing."""
    project_name: str | None
    domain_id: str | None
    """The project's domain, or the domain that the token is scoped to."""
    roles: frozenset[str]
    """As Keystone expands them: admin holds manager, manager holds member, member holds reader."""
    system: bool
    """Scoped to the system, or an admin in the admin project."""
    expires_at: float

    @property
    def scope_id(self) -> str | None:
        """The node of the tree that the token is scoped to: a project or a domain."""
        return self.project_id or (None if self.system else self.domain_id)


class TokenValidator:
    """Thread-safe. Remembers tokens by their digest only, and no refusal and no failure."""

    def __init__(
        self,
        keystone: Keystone,
        *,
        cache_seconds: float = 60.0,
        capacity: int = 4096,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._keystone = keystone
        self._cache_seconds = min(cache_seconds, 60.0)
        self._capacity = capacity
        self._clock = clock
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._known: OrderedDict[bytes, tuple[Caller, float]] = OrderedDict()
        self._asked: dict[bytes, tuple[float, Future[dict[str, Any]]]] = {}

    def cached(self, token: str) -> Caller | None:
        """The caller if we know it without asking. Never blocks, never raises."""
        return self._recall(_digest(token), token)

    def validate(self, token: str) -> Caller:
        """The caller, from the cache or from Keystone. Raises Unauthenticated, Unavailable (after 5 s at most)."""
        if not token:
            raise Unauthenticated(ABSENT)
        if len(token) > MAX_TOKEN or not token.isascii() or not token.isprintable() or " " in token:
            raise Unauthenticated(REFUSED)
        key = _digest(token)
        caller = self._recall(key, token)
        return caller if caller is not None else self._ask(key, token)

    def _recall(self, key: bytes, token: str) -> Caller | None:
        with self._lock:
            found = self._known.get(key)
            if found is None:
                return None
            caller, until = found
            left = until - self._monotonic()
            if left <= 0 or self._clock() >= caller.expires_at:
                del self._known[key]
                return None
            self._known.move_to_end(key)
        if left < self._cache_seconds / 2:
            self._renew(key, token)
        return caller

    def _renew(self, key: bytes, token: str) -> None:
        """Asks again while the last answer still holds, so that a user at work never waits for a busy Keystone."""
        with self._lock:
            if key in self._asked:
                return
            since, answer = self._submit(key, token)
        answer.add_done_callback(lambda done: self._renewed(key, done, since))

    def _renewed(self, key: bytes, answer: Future[dict[str, Any]], since: float) -> None:
        self._answered(key, answer)
        try:
            self._remember(key, caller_from(answer.result()), since + self._cache_seconds)
        except NotFound:
            with self._lock:
                self._known.pop(key, None)
        except (Problem, CancelledError):
            pass  # the last answer holds until its time has come; whoever asks then is told

    def _submit(self, key: bytes, token: str) -> tuple[float, Future[dict[str, Any]]]:
        """With the lock held: asks Keystone, for all who want to know."""
        answer = self._keystone.submit("/auth/tokens?nocatalog=1", {"X-Subject-Token": token})
        self._asked[key] = asked = (self._monotonic(), answer)
        return asked

    def _answered(self, key: bytes, answer: Future[dict[str, Any]]) -> None:
        with self._lock:
            if key in self._asked and self._asked[key][1] is answer:
                del self._asked[key]

    def _ask(self, key: bytes, token: str) -> Caller:
        with self._lock:
            # Where somebody asks about the same token already: wait for that answer.
            since, answer = self._asked.get(key) or self._submit(key, token)
        try:
            caller = caller_from(self._keystone.wait(answer))
        except NotFound:
            raise Unauthenticated(REFUSED) from None
        finally:
            self._answered(key, answer)
        if self._clock() >= caller.expires_at:
            raise Unauthenticated(REFUSED)
        self._remember(key, caller, since + self._cache_seconds)
        return caller

    def _remember(self, key: bytes, caller: Caller, until: float) -> None:
        with self._lock:
            self._known[key] = (caller, until)
            while len(self._known) > self._capacity:
                self._known.popitem(last=False)


def caller_from(body: dict[str, Any]) -> Caller:
    """The caller in Keystone's answer to GET /v3/auth/tokens. Raises Unavailable if it is not of that form."""
    try:
        token = body["token"]
        project = token.get("project") or {}
        domain = project.get("domain") or token.get("domain") or {}
        roles = frozenset(role["name"].lower() for role in token.get("roles", ()))
        return Caller(
            user_id=token["user"]["id"],
            user_name=token["user"]["name"],
            project_id=project.get("id"),
            project_name=project.get("name"),
            domain_id=domain.get("id"),
            roles=roles,
            system=bool(token.get("system")) or (token.get("is_admin_project") is True and "admin" in roles),
            expires_at=datetime.fromisoformat(token["expires_at"]).timestamp(),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise Unavailable(f"cannot understand what Keystone says of a token: {type(error).__name__}") from None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
