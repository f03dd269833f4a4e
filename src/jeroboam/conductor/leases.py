"""The leases that this conductor holds, kept alive while the work on them goes on."""

import threading
from collections.abc import Callable

import structlog

from jeroboam.model.errors import Problem
from jeroboam.store import work
from jeroboam.store.database import Database
from jeroboam.store.work import Work

log = structlog.get_logger(__name__)


class Leases:
    """Thread-safe."""

    def __init__(self, database: Database, seconds: float, clock: Callable[[], float]) -> None:
        self._database = database
        self._seconds = seconds
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Work, float]] = {}

    def hold(self, item: Work) -> None:
        with self._lock:
            self._held[item.object.id] = (item, self._clock() + self._seconds)

    def drop(self, item: Work) -> None:
        with self._lock:
            self._held.pop(item.object.id, None)

    def renew(self) -> None:
        """Renews those that are more than half over: short work never costs a renewal."""
        now = self._clock()
        with self._lock:
            old = [item for item, until in self._held.values() if until - now < self._seconds / 2]
        if not old:
            return
        try:
            with self._database.write() as tx:
                kept = [item for item in old if work.extend(tx, item, now, self._seconds)]
        except Problem as error:
            log.warning("leases.not_renewed", reason=str(error), count=len(old))
            return
        with self._lock:
            for item in kept:
                if item.object.id in self._held:
                    self._held[item.object.id] = (item, now + self._seconds)
