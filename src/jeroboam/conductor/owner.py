"""The names under which conductors hold leases: machine, process, and a mark that no other start has."""

import os
import socket
import uuid

import psutil


def new() -> str:
    """host:pid:when the process started:random. The start time tells a process from a later one of the same number."""
    return f"{socket.gethostname()}:{os.getpid()}:{_started(os.getpid())}:{uuid.uuid4().hex[:8]}"


def is_dead(name: str) -> bool:
    """Whether the process behind the name is known to have ended. Of other machines nothing is known."""
    host, pid, started, _ = name.rsplit(":", 3)
    return host == socket.gethostname() and _started(int(pid)) != int(started)


def _started(pid: int) -> int | None:
    """In milliseconds since the epoch; None where there is no such process."""
    try:
        return int(psutil.Process(pid).create_time() * 1000)
    except psutil.NoSuchProcess:
        return None
