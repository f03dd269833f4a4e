"""Answers as JSON, written straight from plain dicts: no response models on the way out."""

from collections.abc import Mapping
from contextlib import ExitStack
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import anyio
import orjson
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

JSON = "application/json"
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last second that has a date."""

PIECE = 256 << 10
"""Bytes."""
ANSWER_SECONDS = 120.0
"""How long a large answer may take to be read."""


class Held(Response):
    """A large answer, and what it holds (`held`) until it is sent: a place among those that may be in memory.

    It goes out in pieces, for what is given to the server at once waits in its buffers, and nobody counts it there.
    """

    def __init__(self, answer: Response, held: ExitStack) -> None:
        self._answer = answer
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def in_pieces(message: Message) -> None:
            body = message.get("body", b"")
            for at in range(0, len(body) - PIECE, PIECE):
                await send({"type": message["type"], "body": body[at : at + PIECE], "more_body": True})
            rest = (len(body) - 1) // PIECE * PIECE
            await send({**message, "body": body[rest:]} if len(body) > PIECE else message)

        with self._held, anyio.move_on_after(ANSWER_SECONDS):
            await self._answer(scope, receive, in_pieces)


def json(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, JSON)


def nothing(status: int = 204) -> Response:
    """An answer without a body: 204, or 202 for what a conductor will do."""
    return Response(b"", status)


def iso(at: float) -> str:
    """ISO 8601 in UTC, whole seconds; what lies beyond the calendar is its end: showing a thing must never fail."""
    return _iso(int(min(at, LAST)))


# A list shows the same few times again and again, and writing one takes longer than the rest of a container's view.
@lru_cache(maxsize=8192)
def _iso(second: int) -> str:
    return datetime.fromtimestamp(second, UTC).isoformat(timespec="seconds")
