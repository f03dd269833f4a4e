"""A door in front of a real engine that can be shut in the ways in which networks fail."""

import contextlib
import socket
import threading
from pathlib import Path


def unix_listener(folder: Path) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"{folder}/proxy.sock")
    return listener


def tcp_listener() -> socket.socket:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    return listener


class Proxy:
    """Passes bytes on to `engine_url` (a unix socket). `cut_after` loses an answer, `deaf` never answers."""

    def __init__(self, engine_url: str, listener: socket.socket) -> None:
        self._target = engine_url.removeprefix("unix://")
        self._cut: bytes | None = None
        self._deaf = False
        self._open: list[socket.socket] = []
        self._listener = listener
        listener.listen(64)
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def url(self) -> str:
        where = self._listener.getsockname()
        return f"unix://{where}" if isinstance(where, str) else f"tcp://127.0.0.1:{where[1]}"

    def cut_after(self, request: bytes) -> None:
        """Of the next request that contains these bytes the answer is lost, once, though the engine has acted."""
        self._cut = request

    def deaf(self) -> None:
        """Takes everything and answers nothing from now on, to connections that are open too."""
        self._deaf = True

    def break_all(self) -> None:
        """Cuts every open connection."""
        for sock in self._open:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self._listener.close()
        self.break_all()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._listener.accept()
                far = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                far.connect(self._target)
                self._open += [near, far]
                cut = threading.Event()
                threading.Thread(target=self._requests, args=(near, far, cut), daemon=True).start()
                threading.Thread(target=self._answers, args=(far, near, cut), daemon=True).start()

    def _requests(self, near: socket.socket, far: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := near.recv(65536):
                if self._cut is not None and self._cut in data:
                    self._cut = None
                    cut.set()
                if not self._deaf:
                    far.sendall(data)
            far.shutdown(socket.SHUT_WR)

    def _answers(self, far: socket.socket, near: socket.socket, cut: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while data := far.recv(65536):
                if cut.is_set():
                    break
                near.sendall(data)
        for sock in (near, far):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
