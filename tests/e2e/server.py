"""`jeroboam up` as a process of its own, in a data folder of its own, on ports of its own."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import psutil
import yaml

from jeroboam.cli import process
from jeroboam.cli.process import Running
from tests.keystone import free_port

READY_SECONDS = 60.0
STOP_SECONDS = 30.0

# Small subnets out of a random corner: the engine may serve other suites at the same time.
_SETTINGS = """\
[network]
range = "10.{second}.{third}.0/20"
prefix = 28
publish_ports = [{port}, {last_port}]
"""


@dataclass
class Server:
    """One data folder, on which `jeroboam up` is started, killed and started again."""

    data: Path
    engine: str
    port: int
    keystone_port: int
    published: range
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def on(cls, data: Path, engine: str) -> "Server":
        """`data` may hold a prepared Keystone."""
        first = random.randrange(20000, 29900)
        text = _SETTINGS.format(
            second=random.randrange(216, 224), third=random.randrange(16) * 16, port=first, last_port=first + 99
        )
        data.mkdir(mode=0o700, exist_ok=True)
        (data / "jeroboam.toml").write_text(text)
        return cls(data, engine, free_port(), free_port(), range(first, first + 100))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def identity_url(self) -> str:
        return f"http://127.0.0.1:{self.keystone_port}/v3"

    @property
    def clouds_file(self) -> Path:
        return self.data / "clouds.yaml"

    @property
    def clouds(self) -> dict[str, Any]:
        return dict(yaml.safe_load(self.clouds_file.read_text())["clouds"])

    @property
    def log(self) -> Path:
        return self.data.parent / "server.log"

    def start(self) -> None:
        """Starts it and waits until it answers."""
        options = {"data": self.data, "port": self.port, "keystone-port": self.keystone_port, "engine": self.engine}
        command = [
            sys.executable,
            "-m",
            "jeroboam.cli",
            "up",
            *(f"--{name}={value}" for name, value in options.items()),
        ]
        with self.log.open("ab") as log:
            self.process = self._spawn(command, log)
        until = time.monotonic() + READY_SECONDS
        while (running := process.find_running(self.data)) is None or not running.ready:
            if self.process.poll() is not None or time.monotonic() > until:
                raise AssertionError(f"the server does not start; it said:\n{self.said()}")
            time.sleep(0.05)

    def _spawn(self, command: list[str], log: IO[bytes]) -> "subprocess.Popen[bytes]":
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("JEROBOAM_", "OS_"))}
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment, start_new_session=True
        )

    def running(self) -> Running:
        found = process.find_running(self.data)
        assert found is not None
        return found

    def family(self) -> list[psutil.Process]:
        """The server and everything that it started."""
        assert self.process is not None
        parent = psutil.Process(self.process.pid)
        return [parent, *parent.children(recursive=True)]

    def kill(self) -> list[psutil.Process]:
        """As a power cut would: returns who is left after a while, which should be nobody."""
        assert self.process is not None
        family = self.family()
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(STOP_SECONDS)
        return psutil.wait_procs(family, timeout=STOP_SECONDS)[1]

    def stop(self) -> list[psutil.Process]:
        """Politely: returns who is left, which should be nobody."""
        if self.process is None or self.process.poll() is not None:
            return []
        family = self.family()
        self.process.send_signal(signal.SIGTERM)
        left = psutil.wait_procs(family, timeout=STOP_SECONDS)[1]
        for straggler in left:
            straggler.kill()
        self.process.wait(STOP_SECONDS)
        return left

    def said(self) -> str:
        return self.log.read_text(errors="replace")[-4000:]
