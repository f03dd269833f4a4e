"""Hearing of what happens to our containers."""

import threading
from collections.abc import Iterator
from contextlib import suppress

import orjson

from jeroboam.backends.data import Happened
from jeroboam.backends.docker import reading
from jeroboam.backends.docker.owned import Owned
from jeroboam.backends.docker.streams import ResponseStream, json_lines
from jeroboam.backends.docker.wire import Wire
from jeroboam.backends.errors import Temporary

_DOING = "follow the engine's events"
# Those that change what `observe` says: health checks make the engine talk of execs all the time.
_ACTIONS = ["create", "start", "restart", "die", "stop", "kill", "oom", "pause", "unpause", "update", "rename",
            "destroy", "health_status"]  # fmt: skip


class DockerEvents:
    """Subscribed from the moment that it exists. Raises Temporary when the stream breaks, ends after `close`."""

    def __init__(self, wire: Wire, installation_filter: dict[str, list[str]], since: float | None) -> None:
        filters = {**installation_filter, "type": ["container"], "event": _ACTIONS}
        params = {"filters": orjson.dumps(filters).decode()}
        if since is not None:
            # A float holds the engine's nanoseconds only roughly: rather hear a line again than miss it.
            params["since"] = f"{since - 1e-6:.9f}"
        silence = wire.deadlines.event_silence
        answer = wire.call("GET", "/events", _DOING, params=params, timeout=silence, stream=True)
        self._chunks = ResponseStream(answer, lambda error: wire.unreachable(_DOING, error))
        self._lines = json_lines(self._chunks)
        self.closed = False

    def __iter__(self) -> Iterator[Happened]:
        return self

    def __next__(self) -> Happened:
        try:
            return reading.happened(next(self._lines))
        except (StopIteration, ValueError):
            if self.closed:
                raise StopIteration from None
            raise Temporary(f"cannot {_DOING}: the engine ended the stream; subscribe again") from None

    def close(self) -> None:
        self.closed = True
        self._chunks.close()


class Events(Owned):
    def __init__(self, name: str, wire: Wire, installation: str) -> None:
        super().__init__(name, wire, installation)
        self._streams: list[DockerEvents] = []
        self._streams_lock = threading.Lock()

    def events(self, since: float | None) -> DockerEvents:
        stream = DockerEvents(self._wire, self._filters(), since)
        with self._streams_lock:
            self._streams = [known for known in self._streams if not known.closed] + [stream]
        return stream

    def close(self) -> None:
        with self._streams_lock:
            streams, self._streams = self._streams, []
        for stream in streams:
            with suppress(OSError):
                stream.close()
        self._wire.close()
