"""A TCP proxy in front of a real server that counts requests and can fall silent."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self


class CountingProxy:
    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._lines: list[str] = []
        self._open = threading.Event()
        self._open.set()
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    def count(self, start: str) -> int:
        """How many requests so far began with `start` ("GET /v3...")."""
        return sum(line.startswith(start) for line in self._lines)

    @contextlib.contextmanager
    def hanging(self) -> Iterator[None]:
        """While it lasts, connections are accepted and nothing is answered."""
        self._open.clear()
        try:
            yield
        finally:
            self._open.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._open.set()
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self._sockets += [client, server]
                threading.Thread(target=self._pump, args=(client, server, True), daemon=True).start()
                threading.Thread(target=self._pump, args=(server, client, False), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, requests: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if requests:
                    self._lines += [line for line in data.decode("latin-1").split("\r\n") if " HTTP/1.1" in line]
                self._open.wait()
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
