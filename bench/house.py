"""A Jeroboam of the benchmark's own: a data folder, and the processes that run on it as an operator runs them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from jeroboam.identity.embedded.layout import Layout
from jeroboam.identity.embedded.prepare import child_environment, write_config
from jeroboam.identity.embedded.supervisor import command
from jeroboam.settings import FILE, Settings, load

READY_SECONDS = 90.0
STOP_SECONDS = 15.0

# The machine's size shall not decide how many containers fit: the figures are about speed.
_CONFIG = """\
log_level = "{log_level}"
[engine]
url = "{engine}"
[api]
port = {port}
[identity]
keystone_port = {keystone_port}
[capacity]
cpu_ratio = 1000.0
memory_ratio = 100.0
[network]
range = "10.216.0.0/16"
"""


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True, slots=True)
class Process:
    """`ready` is the seconds from its start to its first answer."""

    popen: subprocess.Popen[bytes]
    ready: float

    @property
    def pid(self) -> int:
        return self.popen.pid


@dataclass(frozen=True, slots=True)
class House:
    """A data folder with its addresses. Nothing runs on it until one of the context managers is entered."""

    data: Path

    @classmethod
    def furnish(cls, data: Path, engine: str) -> "House":
        """A new folder, with the settings of the benchmark."""
        data.mkdir(mode=0o700, parents=True)
        config = _CONFIG.format(log_level="info", engine=engine, port=free_port(), keystone_port=free_port())
        (data / FILE).write_text(config)
        return cls(data)

    def copy(self, data: Path) -> "House":
        """The same house elsewhere: what happens there leaves no trace here."""
        shutil.copytree(self.data, data, ignore=shutil.ignore_patterns("run"))
        return House(data)

    @property
    def settings(self) -> Settings:
        return load(self.data)

    @contextmanager
    def up(self) -> Iterator[Process]:
        """`jeroboam up`: ready when its API answers."""
        with self._running(_jeroboam("up", self.data), self.settings.api.port, "/healthz") as process:
            yield process

    @contextmanager
    def api(self) -> Iterator[Process]:
        """`jeroboam api`: no conductor, no Keystone."""
        with self._running(_jeroboam("api", self.data), self.settings.api.port, "/healthz") as process:
            yield process

    @contextmanager
    def keystone(self) -> Iterator[Process]:
        """Keystone alone, started by the same command as by `jeroboam up`, with nothing of ours around it."""
        write_config(Layout(self.data))
        environment = {
            **child_environment(),
            "OS_KEYSTONE_CONFIG_FILES": str(Layout(self.data).config),
            "JEROBOAM_PARENT_PID": str(os.getpid()),
        }
        port = self.settings.identity.keystone_port
        with self._running(command(self.settings), port, "/v3", environment) as process:
            yield process

    @contextmanager
    def _running(
        self, arguments: Sequence[str], port: int, path: str, environment: dict[str, str] | None = None
    ) -> Iterator[Process]:
        with (self.data / "bench.log").open("ab") as log:
            began = time.perf_counter()
            # However the benchmark ends, what it started ends too.
            popen = subprocess.Popen(
                ["setpriv", "--pdeathsig", "TERM", *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                start_new_session=True,
            )
        try:
            self._await(popen, port, path, began + READY_SECONDS)
            yield Process(popen, time.perf_counter() - began)
        finally:
            _stop(popen)

    def _await(self, popen: subprocess.Popen[bytes], port: int, path: str, until: float) -> None:
        while not _answers(port, path):
            if popen.poll() is not None or time.perf_counter() > until:
                said = (self.data / "bench.log").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"cannot start {popen.args!r}; it said:\n{said}")
            time.sleep(0.02)


def _jeroboam(part: str, data: Path) -> list[str]:
    return [sys.executable, "-m", "jeroboam.cli", part, f"--data={data}"]


def _answers(port: int, path: str) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _stop(popen: subprocess.Popen[bytes]) -> None:
    # As the supervisor ends Keystone: on TERM gunicorn would wait for connections that clients keep open.
    popen.send_signal(signal.SIGINT)
    with suppress(subprocess.TimeoutExpired):
        popen.wait(STOP_SECONDS)
        return
    popen.kill()
    popen.wait()
