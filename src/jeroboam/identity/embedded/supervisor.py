"""Keystone as a child process: started, watched, restarted with back-off, ended with us however we end."""

import http.client
import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections import deque
from pathlib import Path
from urllib.parse import urlsplit

import structlog

from jeroboam.identity.embedded import child
from jeroboam.identity.embedded.layout import Layout
from jeroboam.identity.embedded.prepare import CHILD, child_environment
from jeroboam.settings import Settings

READY_DEADLINE = 90.0
"""Seconds from start to the first answer; it takes 2 to 5."""
STOP_DEADLINE = 5.0
BACKOFF_FIRST, BACKOFF_CAP, STEADY = 1.0, 30.0, 60.0
"""Seconds: between restarts, at most, and how long a child must have lived for its end to count as the first."""
log = structlog.get_logger(__name__)


class KeystoneFailed(Exception):
    """Keystone did not start; the message says why and what helps."""


class Supervisor:
    """Runs one Keystone on settings.api.host and identity.keystone_port, prepared beforehand (prepare.py).

    The child is started by a thread that lives as long as the child may: the kernel's "die with your parent" means
    the parent thread.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._layout = Layout(settings.data)
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._first_ended = threading.Event()
        self._child: subprocess.Popen[bytes] | None = None
        self._said: deque[str] = deque(maxlen=12)
        self.restarts = 0

    @property
    def pid(self) -> int | None:
        """Of gunicorn's master, while there is one."""
        running = self._child
        return running.pid if running is not None and running.poll() is None else None

    def start(self) -> None:
        """Starts the child; `wait_ready` waits for it. Raises KeystoneFailed where its port is taken."""
        check_port_free(self._settings)
        self._thread = threading.Thread(target=self._supervise, name="keystone-supervisor", daemon=True)
        self._thread.start()

    def wait_ready(self, deadline: float = READY_DEADLINE) -> None:
        """Returns when Keystone answers. Raises KeystoneFailed with its last words if it ends, or is late."""
        until = time.monotonic() + deadline
        while not self.healthy():
            if self._first_ended.is_set():
                raise KeystoneFailed("cannot start Keystone: it ended at once:\n" + "\n".join(self._said))
            if self._stopping.is_set():
                raise KeystoneFailed("cannot start Keystone: it was told to stop")
            if time.monotonic() > until:
                last = "\n".join(self._said) or "it said nothing"
                raise KeystoneFailed(f"cannot start Keystone: no answer within {deadline:g} s:\n{last}")
            self._stopping.wait(0.05)

    def healthy(self, timeout: float = 2.0) -> bool:
        """Whether Keystone answers now."""
        return self.pid is not None and answers(self._settings.identity_internal_url, timeout)

    def stop(self) -> None:
        """Ends the child and waits until it is gone. Idempotent."""
        self._stopping.set()
        running = self._child
        if running is not None and running.poll() is None:
            # Not SIGTERM: gunicorn would wait for connections that clients keep open.
            running.send_signal(signal.SIGINT)
            try:
                running.wait(STOP_DEADLINE)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
        if self._thread is not None:
            self._thread.join()

    def _supervise(self) -> None:
        pause = BACKOFF_FIRST
        while not self._stopping.is_set():
            started = time.monotonic()
            code = self._run_once()
            if self._stopping.is_set():
                return
            self._first_ended.set()
            if time.monotonic() - started > STEADY:
                pause = BACKOFF_FIRST
            log.error("keystone_ended", exit_code=code, restart_in_seconds=pause, said=list(self._said)[-3:])
            if self._stopping.wait(pause):
                return
            self.restarts += 1
            pause = min(2 * pause, BACKOFF_CAP)

    def _run_once(self) -> int:
        """Runs a child to its end, passing on what it says."""
        environment = {
            **child_environment(),
            "OS_KEYSTONE_CONFIG_FILES": str(self._layout.config),
            "JEROBOAM_PARENT_PID": str(os.getpid()),
        }
        self._child = running = subprocess.Popen(
            command(self._settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=environment,
            # Ctrl-C in a terminal goes to us alone: we end the child when the API no longer needs it.
            start_new_session=True,
        )
        if self._stopping.is_set():
            running.terminate()
        assert running.stdout is not None
        with running.stdout:
            for raw in running.stdout:
                line = raw.decode(errors="replace").rstrip()
                self._said.append(line)
                if not self._stopping.is_set():  # how it complains about being ended is of no use
                    log.info("keystone_says", line=line)
        return running.wait()


def command(settings: Settings) -> list[str]:
    """The command line of the child. No secret is in it."""
    host = settings.api.host
    arguments = [
        *(sys.executable, "-m", "gunicorn"),
        *("--config", str(Path(child.__file__).with_name("gunicorn_conf.py"))),
        *("--bind", f"{f'[{host}]' if ':' in host else host}:{settings.identity.keystone_port}"),
    ]
    if settings.api.tls_cert and settings.api.tls_key:
        arguments += ["--certfile", str(settings.api.tls_cert), "--keyfile", str(settings.api.tls_key)]
    return [*arguments, f"{CHILD}.wsgi:application"]


def check_port_free(settings: Settings) -> None:
    """Raises KeystoneFailed if something listens where Keystone is to listen."""
    host, port = settings.api.host, settings.identity.keystone_port
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise KeystoneFailed(
                f"cannot start Keystone on {host}:{port}: {error.strerror}; give another port with --keystone-port"
            ) from None


def answers(url: str, timeout: float) -> bool:
    """Whether a Keystone answers at `url` (.../v3). It is told nothing, so its certificate is not checked."""
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port
    connection: http.client.HTTPConnection
    if parts.scheme == "https":
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        connection = http.client.HTTPSConnection(host, port, timeout=timeout, context=context)
    else:
        connection = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
