"""The wire to one Docker Engine: every call with its deadline, every failure as one of our types."""

import http.client
import json
import math
import socket
import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import docker
import orjson
import requests
import urllib3
from docker.constants import DEFAULT_DOCKER_API_VERSION
from docker.tls import TLSConfig
from docker.utils import parse_host

from jeroboam.backends.docker.refusals import refusal
from jeroboam.backends.errors import Permanent, Temporary

UNREACHABLE = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
_MAX_HEADER = 16384


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Seconds. `call` is how long the engine may be silent in a call that has no deadline of its own."""

    ping: float = 5
    call: float = 60
    pull_silence: float = 120
    pull: float = 3600
    event_silence: float = 600


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
        if self._session.base_url.startswith("http://"):
            self._session.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=pool))
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
        return orjson.loads(content)

    def hijack(self, path: str, doing: str, body: object = None) -> socket.socket:
        """A connection of its own that the engine turns into a raw stream.

        The session's would not do: its reader takes bytes that follow the header into a buffer, where they are lost.
        """
        request = self._upgrade_request(path, json.dumps(body or {}).encode())
        try:
            sock = self._connect()
        except OSError as error:
            raise self.unreachable(doing, error) from None
        try:
            sock.sendall(request)
            status, header = _read_header(sock)
            if status not in (101, 200):
                raise refusal(status, _words(_read_body(sock, header)), doing)
            sock.settimeout(None)
        except OSError as error:
            sock.close()
            raise self.unreachable(doing, error) from None
        except BaseException:
            sock.close()
            raise
        return sock

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

    def _connect(self) -> socket.socket:
        parts = urlsplit(str(parse_host(self.url, tls=self._tls is not None)))
        if parts.scheme == "http+unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(self.deadlines.call)
            try:
                sock.connect(parts.path)
            except OSError:
                sock.close()
                raise
            return sock
        sock = socket.create_connection((str(parts.hostname), parts.port), timeout=self.deadlines.call)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock if self._tls is None else self._secured(sock, self._tls, str(parts.hostname))

    @staticmethod
    def _secured(sock: socket.socket, tls: TLSConfig, host: str) -> socket.socket:
        context = ssl.create_default_context(cafile=tls.ca_cert if tls.verify else None)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(*tls.cert)
        try:
            return context.wrap_socket(sock, server_hostname=host)
        except OSError:
            sock.close()
            raise

    def _upgrade_request(self, path: str, body: bytes) -> bytes:
        lines = (
            f"POST /v{self._version or self._ask_version()}{path} HTTP/1.1",
            "Host: docker",
            "Connection: Upgrade",
            "Upgrade: tcp",
            "Content-Type: application/json",
            f"Content-Length: {len(body)}",
        )
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


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


def _read_header(sock: socket.socket) -> tuple[int, dict[str, str]]:
    """Status and headers, read byte by byte so that nothing of what follows is taken."""
    raw = bytearray()
    while not raw.endswith(b"\r\n\r\n"):
        byte = sock.recv(1)
        if not byte or len(raw) > _MAX_HEADER:
            raise ConnectionError("the engine broke off")
        raw += byte
    first, *rest = raw.decode("latin-1").split("\r\n")
    headers = (line.partition(":") for line in rest if line)
    return int(first.split()[1]), {name.strip().lower(): value.strip() for name, _, value in headers}


def _read_body(sock: socket.socket, header: Mapping[str, str]) -> bytes:
    """The text of a refusal: short, of known length."""
    wanted = min(int(header.get("content-length", "0")), _MAX_HEADER)
    body = b""
    while len(body) < wanted and (more := sock.recv(wanted - len(body))):
        body += more
    return body
