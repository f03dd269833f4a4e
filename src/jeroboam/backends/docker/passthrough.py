"""What passes through to a tenant: logs, commands, terminals, figures, files."""

import base64
import binascii
import time
from collections.abc import Mapping
from typing import Any

import orjson

from jeroboam.backends.data import Archive, ExecResult
from jeroboam.backends.docker.owned import Known, Owned
from jeroboam.backends.docker.streams import Logs, ResponseStream, SocketStream
from jeroboam.backends.docker.usage import usage
from jeroboam.backends.docker.wire import segment
from jeroboam.backends.errors import Missing, Permanent, StillRunning, Temporary, WrongState

EXEC_OUTPUT_LIMIT = 1 << 20
"""Bytes of output of `exec_run` that are kept: it goes into one answer."""

_SAMPLE_SECONDS = 0.25


class Passthrough(Owned):
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
    ) -> Logs:
        params: dict[str, str | int] = {
            "stdout": int(stdout),
            "stderr": int(stderr),
            "timestamps": int(timestamps),
            "follow": int(follow),
            "tail": "all" if tail is None else tail,
        }
        if since is not None:
            params["since"] = f"{since:.9f}"
        doing = f"read the logs of container {name}"
        # Whoever follows may wait long for a line: the silence that means a dead peer is the events'.
        silence = self._wire.deadlines.event_silence if follow else self._wire.deadlines.call

        def act(known: Known) -> Logs:
            path = f"/containers/{known.id}/logs"
            answer = self._wire.call("GET", path, doing, params=params, timeout=silence, stream=True)
            return Logs(
                ResponseStream(answer, lambda error: self._wire.unreachable(doing, error)), framed=not known.tty
            )

        return self._on(name, act)

    def exec_run(self, name: str, command: tuple[str, ...], timeout: float) -> ExecResult:
        doing = f"run {command[0] if command else 'nothing'!r} in container {name}"
        exec_id = self._exec_create(name, command, doing, tty=False, stdin=False)
        sock = self._wire.hijack(f"/exec/{exec_id}/start", doing, {"Detach": False, "Tty": False})
        stream = SocketStream(sock, framed=True)
        try:
            output = _read_all(stream, time.monotonic() + timeout)
        except TimeoutError:
            raise StillRunning(f"cannot {doing}: it has not ended after {timeout:.0f} seconds") from None
        finally:
            stream.close()
        ended = self._wire.json("GET", f"/exec/{exec_id}/json", doing)
        if ended.get("ExitCode") is None:
            raise Temporary(f"cannot {doing}: the engine broke off before it ended")
        return ExecResult(ended["ExitCode"], output)

    def exec_create(self, name: str, command: tuple[str, ...], *, tty: bool) -> str:
        return self._exec_create(name, command, f"prepare a command in container {name}", tty=tty, stdin=True)

    def _exec_create(self, name: str, command: tuple[str, ...], doing: str, *, tty: bool, stdin: bool) -> str:
        body = {"AttachStdin": stdin, "AttachStdout": True, "AttachStderr": True, "Tty": tty, "Cmd": list(command)}

        def act(known: Known) -> str:
            return str(self._wire.json("POST", f"/containers/{known.id}/exec", doing, body=body)["Id"])

        return self._on(name, act)

    def exec_attach(self, exec_id: str) -> SocketStream:
        tty = bool(self._exec(exec_id)["ProcessConfig"]["tty"])
        path = f"/exec/{segment(exec_id)}/start"
        sock = self._wire.hijack(path, "start the command", {"Detach": False, "Tty": tty})
        return SocketStream(sock, framed=not tty, half_closes=self._wire.half_closes)

    def exec_resize(self, exec_id: str, width: int, height: int) -> None:
        self._exec(exec_id)
        params = {"w": width, "h": height}
        self._wire.call("POST", f"/exec/{segment(exec_id)}/resize", "resize the terminal", params=params)

    def exec_container(self, exec_id: str) -> str:
        return str(self._exec(exec_id)["ContainerID"])

    def _exec(self, exec_id: str) -> dict[str, Any]:
        """The engine's document of a command in a container of ours. Raises Missing."""
        found: dict[str, Any] = self._wire.json("GET", f"/exec/{segment(exec_id)}/json", f"find the command {exec_id}")
        owner = found["ContainerID"]
        # A copy: other threads change it meanwhile.
        if all(known.id != owner for known in list(self._known.values())):
            document = self._wire.json("GET", f"/containers/{owner}/json", f"find the container of command {exec_id}")
            if not self._is_ours(document["Config"].get("Labels")):
                raise Missing(f"cannot find the command {exec_id}: there is none of that id")
        return found

    def attach(self, name: str) -> SocketStream:
        doing = f"attach to container {name}"
        found = self._inspect(name)
        if found is None:
            raise Missing(f"cannot {doing}: it is not on the engine")
        if not found["State"]["Running"]:
            raise WrongState(f"cannot {doing}: it is {found['State']['Status']}; start it first")
        path = f"/containers/{found['Id']}/attach?stream=1&stdin=1&stdout=1&stderr=1"
        sock = self._wire.hijack(path, doing)
        return SocketStream(sock, framed=not found["Config"]["Tty"], half_closes=self._wire.half_closes)

    def resize(self, name: str, width: int, height: int) -> None:
        def act(known: Known) -> None:
            params = {"w": width, "h": height}
            doing = f"resize the terminal of container {name}"
            self._wire.call("POST", f"/containers/{known.id}/resize", doing, params=params)

        self._on(name, act)

    def top(self, name: str, ps_args: str | None) -> tuple[list[str], list[list[str]]]:
        def act(known: Known) -> tuple[list[str], list[list[str]]]:
            params = {"ps_args": ps_args} if ps_args else None
            doing = f"list the processes of container {name}"
            found = self._wire.json("GET", f"/containers/{known.id}/top", doing, params=params)
            return found["Titles"], found["Processes"] or []

        return self._on(name, act)

    def stats(self, name: str) -> Mapping[str, object]:
        """Takes two samples, a quarter of a second apart: one alone says nothing of the CPU now."""

        def sample(known: Known) -> dict[str, object]:
            params = {"stream": "false", "one-shot": "true"}
            doing = f"measure container {name}"
            found: dict[str, object] = self._wire.json("GET", f"/containers/{known.id}/stats", doing, params=params)
            if str(found["read"]).startswith("0001-"):
                raise WrongState(f"cannot {doing}: it is not running; start it first")
            return found

        before = self._on(name, sample)
        time.sleep(_SAMPLE_SECONDS)
        return usage(name, before, self._on(name, sample))

    def get_archive(self, name: str, path: str, limit: int) -> Archive:
        doing = f"read {path} of container {name}"

        def act(known: Known) -> Archive:
            where = f"/containers/{known.id}/archive"
            answer = self._wire.call("GET", where, doing, params={"path": path}, stream=True)
            chunks = ResponseStream(answer, lambda error: self._wire.unreachable(doing, error))
            data = bytearray()
            try:
                for chunk in chunks:
                    data += chunk
                    if len(data) > limit:
                        raise Permanent(f"cannot {doing}: it is larger than {limit} bytes; ask for a part of it")
            finally:
                chunks.close()
            return Archive(bytes(data), _stat(answer.headers.get("X-Docker-Container-Path-Stat", "")))

        return self._on(name, act)

    def put_archive(self, name: str, path: str, data: bytes) -> None:
        def act(known: Known) -> None:
            where = f"/containers/{known.id}/archive"
            self._wire.call("PUT", where, f"write to {path} of container {name}", params={"path": path}, data=data)

        self._on(name, act)


def _read_all(stream: SocketStream, until: float) -> bytes:
    """Everything up to the end, cut with a note where it is too long. Raises TimeoutError."""
    output = bytearray()
    while True:
        left = until - time.monotonic()
        if left <= 0:
            raise TimeoutError
        stream.settimeout(left)
        chunk = stream.recv(65536)
        if not chunk:
            break
        output += chunk[: EXEC_OUTPUT_LIMIT + 1 - len(output)]
    if len(output) > EXEC_OUTPUT_LIMIT:
        return bytes(output[:EXEC_OUTPUT_LIMIT]) + b"\n[cut: the output is longer than 1 MiB]\n"
    return bytes(output)


def _stat(header: str) -> Mapping[str, object]:
    try:
        found: dict[str, object] = orjson.loads(base64.b64decode(header))
    except (binascii.Error, orjson.JSONDecodeError):
        return {}
    return found
