"""The wire to one Docker Engine: every call with its deadline, every failure as one of our types."""

import http.client
import json
import math
import socket
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import docker
import orjson
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.tls import TLSConfig
from docker.transport.unixconn import UnixHTTPAdapter, UnixHTTPConnectionPool
from docker.utils import parse_host

from jeroboam.backends.docker.hijack import Door, Refused
from jeroboam.backends.docker.refusals import refusal
from jeroboam.backends.errors import Permanent, Temporary

UNREACHABLE = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `call` is how long the engine may be silent in a call that has no deadline of its own."""

    ping: float = 5
    call: float = 60
    pull_silence: float = 120
    pull: float = 3600
    event_silence: float = 600


class _OnePool(UnixHTTPAdapter):
    """The SDK's keeps a pool for every URL that was ever asked for, so that hardly a connection is used twice."""

    def get_connection(self, url: str | bytes, proxies: object = None) -> UnixHTTPConnectionPool:
        return super().get_connection("http+docker://localhost", proxies)


class Wire:
    """Thread-safe. Nothing is sent before the first call, so that a dead engine does not keep anybody from starting."""

    def __init__(self, url: str, tls: TLSConfig | None, deadlines: Deadlines, pool: int) -> None:
        self.url = url
        self.deadlines = deadlines
        self._tls = tls
        self._session = docker.APIClient(
            base_url=url,
            version=DEFAULT_DOCKER_API_VERSION,
            timeout=math.ceil(deadlines.call),
            tls=tls or False,
            max_pool_size=pool,
        )
        # Neither proxies nor .netrc of our process's environment have a say in how an engine is reached.
        self._session.trust_env = False
        # Streams are passed on as they come, and on one machine packing costs more than it saves.
        self._session.headers["Accept-Encoding"] = "identity"
        if self._session.base_url.startswith("http+docker://"):
            path = str(parse_host(url))
            self._session.mount("http+docker://", _OnePool(path, math.ceil(deadlines.call), max_pool_size=pool))
        else:
            self._session.mount(self._session.base_url, requests.adapters.HTTPAdapter(pool_maxsize=pool))
        self._door = Door(url, tls, deadlines.call)
        self._version: str | None = None

    def ping(self) -> None:
        self._ask_version()

    def call(
        self,
        method: str,
        path: str,
        doing: str,
        *,
        params: Mapping[str, str | int | float] | None = None,
        body: object = None,
        data: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
        stream: bool = False,
    ) -> requests.Response:
        """The answer, if it is a success. `doing` is what failed, for the message; `timeout` is seconds of silence."""
        try:
            sent = orjson.dumps(body) if body is not None else data
        except TypeError as error:
            raise Permanent(f"cannot {doing}: {error}; a text in it is not valid Unicode") from None
        return self._send(
            method,
            f"/v{self._version or self._ask_version()}{path}",
            doing,
            params=params,
            data=sent,
            headers={**({"Content-Type": "application/json"} if body is not None else {}), **(headers or {})},
            timeout=timeout or self.deadlines.call,
            stream=stream,
        )

    def json(self, method: str, path: str, doing: str, **more: Any) -> Any:
        """As `call`, with the answer's document."""
        content = self.call(method, path, doing, **more).content
        try:
            return orjson.loads(content)
        except orjson.JSONDecodeError:
            raise Temporary(f"cannot {doing}: {self.url} does not answer as a Docker Engine does") from None

    def hijack(self, path: str, doing: str, body: object = None) -> socket.socket:
        """A connection of its own that the engine turns into a raw stream.

        The session's would not do: its reader takes bytes that follow the header into a buffer, where they are lost.
        """
        version = self._version or self._ask_version()
        try:
            return self._door.upgrade(f"/v{version}{path}", json.dumps(body or {}).encode())
        except Refused as error:
            raise refusal(error.status, _words(error.body), doing) from None
        except OSError as error:
            raise self.unreachable(doing, error) from None

    @property
    def half_closes(self) -> bool:
        """Whether a hijacked stream can end its input alone; TLS knows the end of both ways only."""
        return self._tls is None

    def unreachable(self, doing: str, error: Exception) -> Temporary:
        """What to raise where the engine did not answer, or broke off."""
        timed_out = isinstance(error, requests.Timeout | urllib3.exceptions.TimeoutError | TimeoutError)
        why = "did not answer in time" if timed_out else f"is not reachable ({type(error).__name__})"
        return Temporary(f"cannot {doing}: the engine at {self.url} {why}; see that it runs")

    def close(self) -> None:
        self._session.close()

    def _ask_version(self) -> str:
        """The newest API version that both sides know."""
        answer = self._send("GET", "/_ping", "reach the engine", timeout=self.deadlines.ping)
        offered = answer.headers.get("Api-Version", "1.24")
        self._version = min(offered, DEFAULT_DOCKER_API_VERSION, key=lambda v: [int(part) for part in v.split(".")])
        return self._version

    def _send(self, method: str, path: str, doing: str, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(method, f"{self._session.base_url}{path}", **more)
            if answer.status_code < 400:
                return answer
            words = _words(answer.content)
        except UNREACHABLE as error:
            raise self.unreachable(doing, error) from None
        except UnicodeError:
            raise Permanent(f"cannot {doing}: a text in it is not valid Unicode") from None
        raise refusal(answer.status_code, words, doing)


def segment(text: str) -> str:
    """`text` as one part of a path: a name cannot climb out of its place."""
    return quote(text, safe=":@")


def _words(content: bytes) -> str:
    """The engine's own sentence; what is no JSON (a proxy's page) is shortened."""
    with suppress(orjson.JSONDecodeError, AttributeError, TypeError):
        message = orjson.loads(content).get("message")
        if isinstance(message, str):
            return message.strip()
    return content[:200].decode(errors="replace").strip()
