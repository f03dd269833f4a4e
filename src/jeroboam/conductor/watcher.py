"""Listens to the engine's event stream: what somebody else does to a container is looked at within moments."""

import threading
from collections.abc import Callable

import structlog

from jeroboam.backends.base import Backend
from jeroboam.backends.errors import BackendError
from jeroboam.conductor.echoes import Echoes, skew
from jeroboam.model.container import KIND
from jeroboam.model.errors import Problem
from jeroboam.store import work
from jeroboam.store.database import Database

log = structlog.get_logger(__name__)

QUIET = ("exec_", "top", "attach", "resize", "archive-path", "extract-to-dir", "export", "copy")
"""What tenants do through us, and what changes nothing that a status shows."""


class Watcher:
    """One thread. After a gap in the stream every container is looked at once."""

    def __init__(self, database: Database, backend: Backend, echoes: Echoes, clock: Callable[[], float]) -> None:
        self._database = database
        self._backend = backend
        self._echoes = echoes
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watcher", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """The stream itself ends when the backend is closed."""
        self._stop.set()

    def join(self, timeout: float) -> None:
        self._thread.join(timeout)

    def _run(self) -> None:
        wait = 0.5
        while not self._stop.is_set():
            try:
                began = self._clock()
                apart = skew(began, self._backend.clock(), self._clock())
                self._look_at_all(began)
                wait = 0.5
                self._listen(began, apart)
            except (BackendError, Problem) as error:
                if not self._stop.is_set():
                    log.warning("engine.stream_broken", backend=self._backend.name, reason=str(error), retry=wait)
            except Exception:
                log.exception("engine.stream_failed", backend=self._backend.name)
            self._stop.wait(wait)
            wait = min(wait * 2, 30.0)

    def _look_at_all(self, now: float) -> None:
        with self._database.write() as tx:
            work.wake_all(tx, KIND, now)

    def _listen(self, since: float, apart: float) -> None:
        """`apart`: what the engine's times lack to ours."""
        for line in self._backend.events(since - apart):
            if self._stop.is_set():
                return
            if line.action.startswith(QUIET) or not self._echoes.heard(line.object_id, line.at + apart):
                continue
            with self._database.write() as tx:
                work.wake(tx, [line.object_id], self._clock())
