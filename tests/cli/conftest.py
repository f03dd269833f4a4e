"""The command as a process of its own, on a prepared data folder, on ports of its own."""

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from jeroboam.cli import process
from tests.keystone import free_port

SECONDS = 60.0
NO_ENGINE = "unix:///no/such/docker.sock"


def eventually(holds: Callable[[], object], what: str, seconds: float = SECONDS) -> None:
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until, f"not within {seconds} s: {what}"
        time.sleep(0.05)


@dataclass
class Command:
    """`jeroboam` for one data folder."""

    data: Path
    port: int = field(default_factory=free_port)
    keystone_port: int = field(default_factory=free_port)
    engine: str = NO_ENGINE

    def line(self, name: str, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "jeroboam.cli", *name.split(), f"--data={self.data}", *arguments]

    @property
    def addresses(self) -> list[str]:
        return [f"--port={self.port}", f"--keystone-port={self.keystone_port}", f"--engine={self.engine}"]

    @property
    def environment(self) -> dict[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith(("JEROBOAM_", "OS_"))}

    def run(self, name: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            self.line(name, *arguments), capture_output=True, text=True, env=self.environment, timeout=120, check=False
        )

    def up(self, *more: str) -> "subprocess.CompletedProcess[str]":
        return self.run("up", *self.addresses, *more)

    @contextlib.contextmanager
    def foreground(self, *more: str, ready: bool = True) -> Iterator["subprocess.Popen[str]"]:
        """`jeroboam up` as a child; killed at the end if it still runs."""
        with subprocess.Popen(
            self.line("up", *self.addresses, *more),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=self.environment,
        ) as child:
            try:
                if ready:
                    eventually(lambda: self.is_ready() or child.poll() is not None, "jeroboam up is ready")
                    assert child.poll() is None, child.communicate()
                yield child
            finally:
                child.kill()

    def is_ready(self) -> bool:
        running = process.find_running(self.data)
        return running is not None and running.ready

    def status(self) -> dict[str, Any]:
        """{part: state}"""
        return {row["part"]: row["state"] for row in json.loads(self.run("status", "-f", "json").stdout)}

    def family(self) -> list[psutil.Process]:
        running = process.find_running(self.data)
        assert running is not None
        parent = psutil.Process(running.pid)
        return [parent, *parent.children(recursive=True)]


def who_is_left(family: list[psutil.Process], seconds: float) -> list[psutil.Process]:
    """Those that still run; what only waits for somebody to ask how it ended is gone."""
    gone = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)
    until = time.monotonic() + seconds
    while left := [each for each in family if each.is_running() and each.status() not in gone]:
        if time.monotonic() > until:
            break
        time.sleep(0.05)
    return left


@pytest.fixture
def command(prepared_data: Path, tmp_path: Path) -> Iterator[Command]:
    """A data folder that Keystone is prepared in; what still runs on it at the end is killed."""
    command = Command(Path(shutil.copytree(prepared_data, tmp_path / "data")))
    yield command
    running = process.find_running(command.data)
    if running is not None:
        os.kill(running.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost, signed by itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("tls")
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return folder / "cert.pem", folder / "key.pem"
