"""The names under which conductors hold leases: machine, process, and a mark that no other start has."""

import os
import socket
import uuid
from pathlib import Path

PROC = Path("/proc")


def new(proc: Path = PROC) -> str:
    """host:pid:when the process started:random. The start time tells a process from a later one of the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid(), proc)}:{uuid.uuid4().hex[:8]}"


def is_dead(name: str, proc: Path = PROC) -> bool:
    """Whether the process behind the name is known to have ended. Of other machines nothing is known."""
    host, pid, started, _ = name.rsplit(":", 3)
    return host == socket.gethostname() and _started(int(pid), proc) != started


def _started(pid: int, proc: Path) -> str:
    """The machine's start and the ticks since, "" where there is no such process. No clock: somebody may set it."""
    try:
        stat = (proc / str(pid) / "stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""
    # The name of the program stands in brackets, and may hold any sign.
    ticks = stat.rpartition(")")[2].split()[19]
    boot = (proc / "sys/kernel/random/boot_id").read_text().strip()
    return f"{boot}.{ticks}"
