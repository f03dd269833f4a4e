"""Output of containers as plain bytes, in order, whether it comes over a response or an attached socket."""

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import orjson
import requests

from jeroboam.backends.docker.wire import UNREACHABLE
from jeroboam.backends.errors import Temporary

_FRAME = 8
_CHUNK = 65536


class Demultiplexer:
    """Takes the frame headers out of the stream of a container without a tty.

    A frame is 1 byte for the stream, 3 of nothing, 4 for the length (big endian), then the payload. Only an
    unfinished header is ever kept: payload goes out as it comes.
    """

    def __init__(self) -> None:
        self._header = b""
        self._left = 0

    def feed(self, data: bytes) -> bytes:
        """The payload within `data`; b"" where it held headers only."""
        out = bytearray()
        view = memoryview(data)
        while view:
            if self._left:
                out += view[: self._left]
                taken = min(self._left, len(view))
                self._left -= taken
                view = view[taken:]
            else:
                missing = _FRAME - len(self._header)
                self._header += bytes(view[:missing])
                view = view[missing:]
                if len(self._header) == _FRAME:
                    self._left = int.from_bytes(self._header[4:], "big")
                    self._header = b""
        return bytes(out)


class SocketStream:
    """Both ends of an attached terminal or process. `recv` and `send` may run in different threads."""

    def __init__(self, sock: socket.socket, *, framed: bool, half_closes: bool = True) -> None:
        self._sock = sock
        self._half_closes = half_closes
        self._demultiplexer = Demultiplexer() if framed else None

    def fileno(self) -> int:
        return self._sock.fileno()

    def settimeout(self, seconds: float | None) -> None:
        """How long `recv` and `send` may block before they raise TimeoutError; None for ever."""
        self._sock.settimeout(seconds)

    def recv(self, size: int) -> bytes:
        """Blocks; b"" at the end, which a broken connection is too."""
        while True:
            try:
                data = self._sock.recv(size)
            except TimeoutError:
                raise
            except OSError:
                return b""
            if not data or self._demultiplexer is None:
                return data
            if payload := self._demultiplexer.feed(data):
                return payload

    def send(self, data: bytes) -> None:
        """Raises Temporary if the other end has gone."""
        try:
            self._sock.sendall(data)
        except OSError as error:
            raise Temporary(f"cannot send to the container: the stream is closed ({error})") from None

    def close_write(self) -> None:
        """The process reads the end of its input; its output still comes. Over TLS that cannot be said."""
        if self._half_closes:
            with suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        with suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()


class ResponseStream:
    """Chunks of a streamed response as they come. `close` works while another thread waits for the next one."""

    def __init__(self, response: requests.Response, broken: Callable[[Exception], Temporary]) -> None:
        self._response = response
        self._broken = broken
        self._chunks = iter(response.raw.stream(_CHUNK, decode_content=False))
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            return bytes(next(self._chunks))
        except StopIteration:
            self.close()
            raise
        except (*UNREACHABLE, AttributeError, ValueError) as error:
            # http.client raises the last two when its socket is closed under it.
            if self.closed:
                raise StopIteration from None
            self.close()
            raise self._broken(error) from None

    def close(self) -> None:
        self.closed = True
        # Closing the response alone would wait for the reader's lock: shutting the socket wakes the reader first.
        connection = getattr(self._response.raw, "connection", None)
        sock = getattr(connection, "sock", None)
        if sock is not None:
            with suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        self._response.close()


def json_lines(chunks: Iterator[bytes]) -> Iterator[dict[str, Any]]:
    """The documents of a stream of lines. Raises ValueError where it ends in the middle of one."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (orjson.loads(line) for line in lines if line.strip())
    if rest.strip():
        yield orjson.loads(rest)


class Logs:
    """A container's output as plain bytes."""

    def __init__(self, chunks: ResponseStream, *, framed: bool) -> None:
        self._chunks = chunks
        self._demultiplexer = Demultiplexer() if framed else None

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        while True:
            chunk = next(self._chunks)
            payload = chunk if self._demultiplexer is None else self._demultiplexer.feed(chunk)
            if payload:
                return payload

    def close(self) -> None:
        self._chunks.close()
