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
        # By token, too: where a lease ran out its object may be in hand a second time, under the next one.
        self._held: dict[tuple[str, int], tuple[Work, float]] = {}

    def hold(self, item: Work) -> None:
        with self._lock:
            self._held[_key(item)] = (item, self._clock() + self._seconds)

    def drop(self, item: Work) -> None:
        with self._lock:
            self._held.pop(_key(item), None)

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
                if _key(item) in self._held:
                    self._held[_key(item)] = (item, now + self._seconds)


def _key(item: Work) -> tuple[str, int]:
    return item.object.id, item.token
