"""What passes through to a tenant of the fake engine: logs, commands, terminals, figures, files.

A command that is attached to, and a container's own terminal, give back what they are sent.
"""

import io
import socket
import tarfile
import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath

from jeroboam.backends.data import Archive, ExecResult
from jeroboam.backends.docker.streams import SocketStream
from jeroboam.backends.errors import Missing, Permanent, StillRunning, WrongState
from jeroboam.backends.fake import programs
from jeroboam.backends.fake.containers import Containers
from jeroboam.backends.fake.faults import contract_call
from jeroboam.backends.fake.world import FakeContainer, LogLine
from jeroboam.model.observed import State

_NOT_FOUND = 127
_FOLDERS = frozenset({"/", "/bin", "/dev", "/etc", "/proc", "/root", "/sys", "/tmp", "/var"})  # noqa: S108


class FakeLogs:
    def __init__(self, engine: Containers, container: FakeContainer, lines: list[LogLine], show: "_Show") -> None:
        self._engine = engine
        self._container = container
        self._seen = len(container.output)
        self._waiting = lines
        self._show = show
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        with self._engine.changed:
            while not self._closed:
                if self._waiting:
                    return self._show.text(self._waiting.pop(0))
                self._waiting = [line for line in self._container.output[self._seen :] if self._show.wants(line)]
                self._seen = len(self._container.output)
                if not self._waiting:
                    if not self._show.follow or not self._container.up:
                        break
                    self._engine.changed.wait()
        raise StopIteration

    def close(self) -> None:
        with self._engine.changed:
            self._closed = True
            self._engine.changed.notify_all()


class _Show:
    """Which lines are wanted, and how they look."""

    def __init__(self, *, stdout: bool, stderr: bool, timestamps: bool, since: float | None, follow: bool) -> None:
        self._streams = {name for name, wanted in (("stdout", stdout), ("stderr", stderr)) if wanted}
        self._timestamps = timestamps
        self._since = since
        self.follow = follow

    def wants(self, line: LogLine) -> bool:
        return line.stream in self._streams and (self._since is None or line.at >= self._since)

    def text(self, line: LogLine) -> bytes:
        if not self._timestamps:
            return line.data
        stamp = datetime.fromtimestamp(line.at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f000Z")
        return stamp.encode() + b" " + line.data


class Passthrough(Containers):
    execs: dict[str, tuple[str, tuple[str, ...]]]
    """By id: the container's id and the command."""

    @contract_call
    def logs(
        self,
        name: str,
        *,
        stdout: bool,
        stderr: bool,
        timestamps: bool,
        tail: int | None,
        since: float | None,
        follow: bool = False,
    ) -> FakeLogs:
        if not stdout and not stderr:
            raise Permanent(f"cannot read the logs of container {name}: choose stdout, stderr or both")
        show = _Show(stdout=stdout, stderr=stderr, timestamps=timestamps, since=since, follow=follow)
        with self.changed:
            container = self.find(name, "read the logs of")
            lines = [line for line in container.output if show.wants(line)]
            kept = lines if tail is None else lines[len(lines) - min(tail, len(lines)) :]
            return FakeLogs(self, container, kept, show)

    @contract_call
    def exec_run(self, name: str, command: tuple[str, ...], timeout: float) -> ExecResult:
        with self.changed:
            container = self._ready(name)
            if not programs.exists(command):
                return ExecResult(_NOT_FOUND, f'exec: "{command[0]}": executable file not found in $PATH\n'.encode())
            output, passed = b"", 0.0
            for step in programs.program(command, container.files.get).steps:
                match step:
                    case programs.Say(data):
                        output += data
                    case programs.Sleep(seconds):
                        passed += seconds
                    case programs.Exit(code):
                        return ExecResult(code, output)
                if passed > timeout:
                    break
        doing = f"run {command[0]!r} in container {name}"
        raise StillRunning(f"cannot {doing}: it has not ended after {timeout:.0f} seconds")

    @contract_call
    def exec_create(self, name: str, command: tuple[str, ...], *, tty: bool) -> str:
        with self.changed:
            exec_id = self.new_id()
            self.execs[exec_id] = (self._ready(name).id, command)
            return exec_id

    @contract_call
    def exec_attach(self, exec_id: str) -> SocketStream:
        self._exec(exec_id)
        return _echo()

    @contract_call
    def exec_resize(self, exec_id: str, width: int, height: int) -> None:
        self._exec(exec_id)

    @contract_call
    def exec_container(self, exec_id: str) -> str:
        return self._exec(exec_id)

    def _exec(self, exec_id: str) -> str:
        with self.changed:
            if exec_id not in self.execs:
                raise Missing(f"cannot find the command {exec_id}: there is none of that id")
            return self._by_id(self.execs[exec_id][0]).id

    @contract_call
    def attach(self, name: str) -> SocketStream:
        with self.changed:
            self._running(name, "attach to")
        return _echo()

    @contract_call
    def resize(self, name: str, width: int, height: int) -> None:
        with self.changed:
            self._running(name, "resize the terminal of")

    @contract_call
    def top(self, name: str, ps_args: str | None) -> tuple[list[str], list[list[str]]]:
        with self.changed:
            container = self._running(name, "list the processes of")
            command = " ".join(container.definition.entrypoint + container.definition.command)
        return ["UID", "PID", "PPID", "CMD"], [["root", "4242", "1", command]]

    @contract_call
    def stats(self, name: str) -> Mapping[str, object]:
        with self.changed:
            container = self._running(name, "measure")
            return {
                "CONTAINER": name,
                "CPU %": 0.0,
                "MEM USAGE(MiB)": 1.0,
                "MEM LIMIT(MiB)": float(container.memory),
                "MEM %": 100.0 / container.memory,
                "BLOCK I/O(B)": "0/0",
                "NET I/O(B)": "0/0",
            }

    @contract_call
    def get_archive(self, name: str, path: str, limit: int) -> Archive:
        with self.changed:
            content = self.find(name, "read a file of").files.get(path)
        if content is None:
            raise Missing(f"cannot read {path} of container {name}: could not find the file")
        buffer = io.BytesIO()
        entry = tarfile.TarInfo(PurePosixPath(path).name)
        entry.size, entry.mode = len(content), 0o644
        with tarfile.open(fileobj=buffer, mode="w") as tar:
            tar.addfile(entry, io.BytesIO(content))
        data = buffer.getvalue()
        if len(data) > limit:
            raise Permanent(f"cannot read {path} of container {name}: it is larger than {limit} bytes; ask for less")
        stat = {"name": entry.name, "size": entry.size, "mode": entry.mode, "mtime": "1970-01-01T00:00:00Z"}
        return Archive(data, {**stat, "linkTarget": ""})

    @contract_call
    def put_archive(self, name: str, path: str, data: bytes) -> None:
        doing = f"write to {path} of container {name}"
        with self.changed:
            container = self.find(name, "write to")
            if path not in _FOLDERS:
                raise Missing(f"cannot {doing}: could not find the folder")
            try:
                with tarfile.open(fileobj=io.BytesIO(data)) as tar:
                    unpacked = {entry.name: tar.extractfile(entry) for entry in tar if entry.isfile()}
                    files = {name: file.read() for name, file in unpacked.items() if file is not None}
            except tarfile.TarError as error:
                raise Permanent(f"cannot {doing}: it is no tar ({error})") from None
            container.files.update({str(PurePosixPath(path) / inner): content for inner, content in files.items()})

    def _ready(self, name: str) -> FakeContainer:
        container = self._running(name, "run a command in")
        if container.state is State.PAUSED:
            raise WrongState(f"cannot run a command in container {name}: it is paused; unpause it")
        return container


def _echo() -> SocketStream:
    """A stream that gives back what is sent, until either end closes."""
    near, far = socket.socketpair()

    def run() -> None:
        with far:
            while data := _received(far):
                far.sendall(data)

    threading.Thread(target=run, name="fake-echo", daemon=True).start()
    return SocketStream(near, framed=False)


def _received(sock: socket.socket) -> bytes:
    try:
        return sock.recv(65536)
    except OSError:
        return b""
