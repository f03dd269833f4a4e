"""Which `jeroboam up` runs on a data folder: one at a time by a lock, found again by pid and start time.

A pid alone names whoever got that number; the kernel's start time with it names one process for ever.
"""

import fcntl
import json
import os
import select
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from jeroboam.cli.errors import Refused
from jeroboam.files import private_folder, write_private

if TYPE_CHECKING:
    from jeroboam.settings import Settings

_START_TIME = 19
"""Place of the start time in /proc/PID/stat, counted after the command's closing parenthesis."""


@dataclass(frozen=True, slots=True)
class Running:
    """What `up` tells of itself. `started` is the kernel's start time in clock ticks since boot, `since` in seconds."""

    pid: int
    started: int
    boot: str
    since: float
    url: str
    identity_url: str
    version: str
    engine: str
    database: str = ""
    ready: bool = False
    log: str | None = None


def this_process(settings: "Settings", log: Path | None) -> Running:
    pid = os.getpid()
    return Running(
        pid=pid,
        started=_started(pid) or 0,
        boot=_boot(),
        since=time.time(),
        url=settings.public_url,
        identity_url=settings.identity_url,
        version=version("jeroboam"),
        engine=settings.engine.url,
        database=settings.database_shown,
        log=str(log) if log else None,
    )


def run_folder(data: Path) -> Path:
    return data / "run"


def write_running(data: Path, running: Running) -> None:
    write_private(run_folder(data) / "up.json", json.dumps(asdict(running)) + "\n")


def forget_running(data: Path) -> None:
    (run_folder(data) / "up.json").unlink(missing_ok=True)


def find_running(data: Path) -> Running | None:
    """The `jeroboam up` that runs on `data`, None if there is none. What a killed one left behind counts as none."""
    try:
        running = Running(**json.loads((run_folder(data) / "up.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if is_alive(running) else None


def is_alive(running: Running) -> bool:
    return running.boot == _boot() and _started(running.pid) == running.started


def end(running: Running, timeout: float) -> bool:
    """Asks the process to end and waits `timeout` seconds for it; True if it is gone. Never hits another process."""
    try:
        handle = os.pidfd_open(running.pid)
    except ProcessLookupError:
        return True
    try:
        # From here on the handle is that process, whatever becomes of the number.
        if not is_alive(running):
            return True
        signal.pidfd_send_signal(handle, signal.SIGTERM)
        if _ended(handle, timeout):
            return True
        signal.pidfd_send_signal(handle, signal.SIGKILL)
        return _ended(handle, 5.0)
    finally:
        os.close(handle)


def _ended(handle: int, timeout: float) -> bool:
    readable, _, _ = select.select([handle], [], [], timeout)
    return bool(readable)


@contextmanager
def alone(data: Path) -> Iterator[None]:
    """Holds the data folder for `up` or `restore`. Raises Refused, with the holder's name, if it is held."""
    with _locked(data, "up.lock", fcntl.LOCK_EX), _locked(data, "parts.lock", fcntl.LOCK_SH):
        yield


@contextmanager
def nobody_else(data: Path) -> Iterator[None]:
    """As `alone`, and no `jeroboam api` or `conductor` either."""
    with _locked(data, "up.lock", fcntl.LOCK_EX), _locked(data, "parts.lock", fcntl.LOCK_EX):
        yield


@contextmanager
def beside_others(data: Path) -> Iterator[None]:
    """Holds the data folder for a part that may run beside `up`."""
    with _locked(data, "parts.lock", fcntl.LOCK_SH):
        yield


@contextmanager
def _locked(data: Path, name: str, kind: int) -> Iterator[None]:
    private_folder(data)
    private_folder(run_folder(data))
    handle = os.open(run_folder(data) / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, kind | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Refused(_held(data)) from None
        yield
    finally:
        os.close(handle)  # and with it the lock


def _held(data: Path) -> str:
    running = find_running(data)
    if running is None:
        return f"cannot use {data}: another jeroboam process holds it; stop that first, or give another --data"
    return (
        f"cannot use {data}: `jeroboam up` runs on it already (pid {running.pid}, {running.url}); "
        f"stop it with `jeroboam down`, or give another --data"
    )


def _started(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    fields = stat[stat.rindex(")") + 2 :].split()
    return None if fields[0] in ("Z", "X") else int(fields[_START_TIME])


def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""
