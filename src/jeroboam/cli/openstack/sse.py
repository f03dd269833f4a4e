"""Server-sent events as the API sends them: followed for as long as wanted, taken up again where the line broke."""

import json
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from jeroboam.cli.openstack.client import Api, Refused, Unreachable

SILENCE = 45.0
"""Seconds. The server sends a heartbeat every 15: three missing ones are a dead line."""
PATIENCE, PAUSE = 30.0, 1.0
"""Seconds: how long an unreachable server is asked again, and how long between two tries."""

Event = Mapping[str, Any]


def messages(lines: Iterable[bytes]) -> Iterator[tuple[str, str, str]]:
    """(event, id, data) of each message in a text/event-stream; ("", "", "") for a heartbeat."""
    kind, ident = "message", ""
    data: list[str] = []
    for raw in lines:
        line = raw.decode("utf-8", "replace")
        if line.startswith(":"):
            yield "", "", ""
        elif not line:
            if data:
                yield kind, ident, "\n".join(data)
            kind, data = "message", []
        else:
            field, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if field == "event":
                kind = value
            elif field == "id":
                ident = value
            elif field == "data":
                data.append(value)


def follow(api: Api, since: int | None, **query: Any) -> Iterator[Event | None]:
    """Events from `since` on (None: from now on), without end. None is a sign of life, and says that the line is up.

    A broken line is taken up again after the last event. Raises Refused, Unreachable (at the first try, or PATIENCE
    after the last sign of life).
    """
    last = "" if since is None else str(since)
    alive: float | None = None
    while True:
        try:
            headers = {"Accept": "text/event-stream", **({"Last-Event-ID": last} if last else {})}
            with api.stream("", SILENCE, headers, **query) as lines:
                alive = time.monotonic()
                yield None
                for kind, ident, data in messages(lines):
                    alive = time.monotonic()
                    if kind == "expired":  # the token: the session gets a new one
                        break
                    last = ident or last
                    yield json.loads(data) if data else None
        except (Unreachable, Refused) as error:
            lasting = isinstance(error, Refused) and error.status != 503
            if lasting or alive is None or time.monotonic() - alive > PATIENCE:
                raise
        time.sleep(PAUSE)
