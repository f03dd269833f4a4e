"""Request bodies: limited before they are read, JSON without its traps (NaN, surrogates, NUL, endless nesting)."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import anyio
import orjson
from fastapi import Request

from jeroboam.identity.tokens import Caller
from jeroboam.model.errors import Malformed, TooLarge, Unavailable

MAX_DEPTH = 32
LARGE_AT_ONCE = 8
LARGE_PER_PROJECT = 3
BODY_SECONDS = 120.0
"""How long a body may take to come."""
_ESCAPED_NUL = b"\\u0000"


class JsonRequest(Request):
    """A request whose JSON was read by `load` already."""

    document: Any = None

    async def load(self, limit: int) -> None:
        """Reads the body. Raises TooLarge (before reading where the client says its size), Malformed."""
        if declared(self) > limit:
            raise too_large(limit)
        body = bytearray()
        try:
            with anyio.fail_after(BODY_SECONDS):
                async for chunk in self.stream():
                    body += chunk
                    if len(body) > limit:
                        raise too_large(limit)
        except TimeoutError:
            raise Malformed(f"cannot read the request: its body has not come in {BODY_SECONDS:.0f} seconds") from None
        self._body = bytes(body)
        if body:
            _check_type(self.headers.get("content-type"))
            self.document = parse(self._body)

    async def json(self) -> Any:
        return self.document


class LargeBodies:
    """How many archives are in memory, on their way in or out: each takes several times its size meanwhile."""

    def __init__(self) -> None:
        self._open: Counter[str] = Counter()

    @contextmanager
    def admit(self, caller: Caller) -> Iterator[None]:
        """Raises Unavailable where there are too many, of the caller's project or of all."""
        whose = caller.project_id or caller.user_id
        if self._open.total() >= LARGE_AT_ONCE or self._open[whose] >= LARGE_PER_PROJECT:
            raise Unavailable("cannot take another archive now: too many are being sent; try again in some seconds")
        self._open[whose] += 1
        try:
            yield
        finally:
            self._open[whose] -= 1
            if not self._open[whose]:
                del self._open[whose]


def declared(request: Request) -> int:
    text = request.headers.get("content-length", "0")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


def too_large(limit: int) -> TooLarge:
    return TooLarge(f"cannot read the request: its body is larger than {limit} bytes; send less at once")


def parse(body: bytes) -> Any:
    """The document in `body`. Raises Malformed."""
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise Malformed(f"cannot read the body as JSON: {error.msg} at position {error.pos}") from None
    check(document, _ESCAPED_NUL in body)
    return document


def check(document: Any, look_for_nul: bool = True) -> None:
    """Raises Malformed where it is nested too deeply or holds a NUL character."""
    pending = [(document, 1)]
    while pending:
        value, depth = pending.pop()
        if depth > MAX_DEPTH:
            raise Malformed(f"cannot read the body: it is nested more than {MAX_DEPTH} levels deep")
        if isinstance(value, dict):
            pending += [(child, depth + 1) for child in value.values()]
            if look_for_nul:
                pending += [(key, depth) for key in value]
        elif isinstance(value, list):
            pending += [(child, depth + 1) for child in value]
        elif look_for_nul and isinstance(value, str) and "\0" in value:
            raise Malformed("cannot read the body: it holds a NUL character; leave it out")


def _check_type(content_type: str | None) -> None:
    kind = (content_type or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Malformed(f"cannot read a body of type {kind[:60]!r}: send 'Content-Type: application/json'")
