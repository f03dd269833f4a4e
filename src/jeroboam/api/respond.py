"""Answers as JSON, written straight from plain dicts: no response models on the way out."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import orjson
from starlette.responses import Response

JSON = "application/json"
LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""The last second that has a date."""


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
