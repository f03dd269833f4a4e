"""Connections that the engine turns from HTTP into a raw stream: attached terminals and commands."""

import select
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from docker.tls import TLSConfig
from docker.utils import parse_host

_MAX_HEADER = 16384
_CHUNK = 65536


class Refused(Exception):
    """The engine answered with an error instead of a stream."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}")
        self.status = status
        self.body = body


class Door:
    """Where one engine takes connections. `timeout` is in seconds, for connecting and for the answer."""

    def __init__(self, url: str, tls: TLSConfig | None, timeout: float) -> None:
        self._parts = urlsplit(str(parse_host(url, tls=tls is not None)))
        self._tls = tls
        self._timeout = timeout

    def upgrade(self, path: str, body: bytes) -> socket.socket:
        """The raw stream that the engine makes of a POST. Raises Refused, OSError."""
        sock = self._connect()
        try:
            sock.sendall(_request(path, body))
            status, headers = _read_header(sock)
            if status not in (101, 200):
                raise Refused(status, _read_body(sock, headers))
            sock.settimeout(None)
        except BaseException:
            sock.close()
            raise
        return _in_one_thread(sock) if isinstance(sock, ssl.SSLSocket) else sock

    def _connect(self) -> socket.socket:
        if self._parts.scheme == "http+unix":
            sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            sock.settimeout(self._timeout)
            try:
                sock.connect(self._parts.path)
            except OSError:
                sock.close()
                raise
            return sock
        host = str(self._parts.hostname)
        sock = socket.create_connection((host, self._parts.port), timeout=self._timeout)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        return sock if self._tls is None else _secured(sock, self._tls, host)


def _secured(sock: socket.socket, tls: TLSConfig, host: str) -> socket.socket:
    try:
        context = ssl.create_default_context(cafile=tls.ca_cert if tls.verify else None)
        if not tls.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if tls.cert:
            context.load_cert_chain(*tls.cert)
        return context.wrap_socket(sock, server_hostname=host)
    except OSError:
        sock.close()
        raise


def _in_one_thread(secured: ssl.SSLSocket) -> socket.socket:
    """The near end of a plain pair: a TLS connection must not be read in one thread and written in another."""
    near, far = socket.socketpair()

    def run() -> None:
        with secured, far, suppress(OSError):
            while _pass_on(secured, far):
                pass

    threading.Thread(target=run, name="docker-stream", daemon=True).start()
    return near


def _pass_on(secured: ssl.SSLSocket, far: socket.socket) -> bool:
    """Waits for bytes at either end and hands them to the other; False once one of them has ended."""
    ready = [secured] if secured.pending() else select.select([secured, far], [], [])[0]
    for source, target in ((secured, far), (far, secured)):
        if source in ready:
            data = source.recv(_CHUNK)
            if not data:
                return False
            target.sendall(data)
    return True


def _request(path: str, body: bytes) -> bytes:
    lines = (
        f"POST {path} HTTP/1.1",
        "Host: docker",
        "Connection: Upgrade",
        "Upgrade: tcp",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
    )
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


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


def _read_body(sock: socket.socket, headers: Mapping[str, str]) -> bytes:
    """The text of a refusal: short, of known length."""
    wanted = min(int(headers.get("content-length", "0")), _MAX_HEADER)
    body = b""
    while len(body) < wanted and (more := sock.recv(wanted - len(body))):
        body += more
    return body
