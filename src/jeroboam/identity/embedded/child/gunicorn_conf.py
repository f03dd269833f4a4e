"""gunicorn's configuration. Everything that varies comes from the command line and the environment."""

import ctypes
import os
import signal
from typing import Any

PR_SET_PDEATHSIG = 1

workers = 1
worker_class = "gthread"
threads = 4
timeout = 60
graceful_timeout = 2
keepalive = 30
proc_name = "jeroboam-keystone"
loglevel = "warning"
umask = 0o077
control_socket_disable = True


def _die_with_parent(parent: int) -> None:
    """The kernel ends us when our parent ends, however that happens."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we asked
        os._exit(1)


def on_starting(server: Any) -> None:
    _die_with_parent(int(os.environ["JEROBOAM_PARENT_PID"]))


def post_fork(server: Any, worker: Any) -> None:
    _die_with_parent(server.pid)
