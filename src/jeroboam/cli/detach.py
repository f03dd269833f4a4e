"""`jeroboam up --detach` and `jeroboam down`: the same server, in a session of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from jeroboam.cli import process
from jeroboam.cli.errors import Refused
from jeroboam.cli.progress import Progress
from jeroboam.files import private_folder
from jeroboam.settings import Settings

STOP_SECONDS = 30.0
LAST_LINES = 15


def log_file(settings: Settings) -> Path:
    return settings.data / "log" / "jeroboam.log"


def detach(settings: Settings, arguments: list[str], environment: Mapping[str, str]) -> None:
    """Starts `jeroboam up ARGUMENTS` in the background, with `environment` on top of ours; returns when it is ready.

    Relays its progress. Raises Refused with the end of its log if it ends before that.
    """
    running = process.find_running(settings.data)
    if running is not None:
        Progress().plain(f"jeroboam runs on {settings.data} already: pid {running.pid}, {running.url}")
        return
    log = log_file(settings)
    private_folder(settings.data)
    private_folder(log.parent)
    reading, writing = os.pipe()
    # What is said before the log is set up (a crash, say) goes into the same file.
    handle = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        started = subprocess.Popen(
            [sys.executable, "-m", "jeroboam.cli", "up", *arguments, "--progress-fd", str(writing)],
            stdin=subprocess.DEVNULL,
            stdout=handle,
            stderr=handle,
            pass_fds=[writing],
            start_new_session=True,
            env={**os.environ, **environment},
            cwd="/",
        )
    finally:
        os.close(handle)
        os.close(writing)
    try:
        with os.fdopen(reading) as said:
            for line in said:
                print(line, end="", flush=True)
    except KeyboardInterrupt:
        raise Refused(
            f"it goes on starting in the background (pid {started.pid}); `jeroboam status` shows it"
        ) from None
    running = process.find_running(settings.data)
    if running is None or not running.ready:
        started.wait(STOP_SECONDS)
        raise Refused(f"cannot start in the background; {log} ends with\n{_end_of(log)}")
    Progress().plain(f"  runs in the background: pid {running.pid}, log {log}; stop it with `jeroboam down`")


def down(data: Path) -> None:
    """Ends the `jeroboam up` of `data` and waits until it is gone. Raises Refused if it will not go."""
    progress = Progress()
    running = process.find_running(data)
    if running is None:
        progress.plain(f"nothing to stop: no `jeroboam up` runs on {data}")
        return
    progress(f"stopping pid {running.pid}")
    if not process.end(running, STOP_SECONDS):
        raise Refused(f"cannot stop pid {running.pid}: it does not end, not even when killed; see `ps {running.pid}`")
    progress("stopped; containers go on running, and `jeroboam up` finds them again")


def _end_of(log: Path) -> str:
    with log.open("rb") as file:
        file.seek(max(0, file.seek(0, os.SEEK_END) - 16384))
        return "\n".join(file.read().decode(errors="replace").splitlines()[-LAST_LINES:])
