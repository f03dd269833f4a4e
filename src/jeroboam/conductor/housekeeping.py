"""What has to be looked after once a minute: history, reservations that end, leftovers on the engine, its size."""

from collections.abc import Callable

import structlog

from jeroboam.backends.base import Backend
from jeroboam.backends.errors import BackendError, Temporary
from jeroboam.model import names
from jeroboam.model.quantities import CONTAINERS, MEMORY, VCPUS
from jeroboam.settings import Settings
from jeroboam.store import events, history, ledger, networks, objects
from jeroboam.store.database import Database

log = structlog.get_logger(__name__)

EVENTS_KEPT = 7 * 86400.0
"""Seconds."""


class Housekeeping:
    """Each chore stands for itself: one that fails is logged and tried again at the next round."""

    def __init__(self, database: Database, backend: Backend, settings: Settings, clock: Callable[[], float]) -> None:
        self._database = database
        self._backend = backend
        self._settings = settings
        self._clock = clock
        self._strays: dict[str, float] = {}
        self._idle_networks: dict[str, float] = {}

    def run(self) -> None:
        # History first: the others may wait for the engine, and its minute has just begun.
        ledger_chores = (self._history, self._capacity, self._reservations)
        for chore in (*ledger_chores, self._orphans, self._unused_networks, self._old_events):
            try:
                chore()
            except BackendError as error:
                log.warning("housekeeping.put_off", chore=chore.__name__.strip("_"), reason=str(error))
            except Exception:
                log.exception("housekeeping.failed", chore=chore.__name__.strip("_"))

    def _history(self) -> None:
        """Several conductors may come at once: whoever is first writes."""
        now = self._clock()
        history.take(self._database, now)
        history.roll(self._database, now)

    def _capacity(self) -> None:
        """The root of the quota tree is what the machine has, times the operator's ratios."""
        size, ratio = self._backend.capacity(), self._settings.capacity
        amounts = {
            VCPUS: int(size.cpus * 1000 * ratio.cpu_ratio),
            MEMORY: int(size.memory * ratio.memory_ratio),
            CONTAINERS: -1,
        }
        with self._database.write() as tx:
            ledger.set_capacity(tx, amounts, self._clock())

    def _reservations(self) -> None:
        with self._database.write() as tx:
            ledger.due(tx, self._clock())

    def _orphans(self) -> None:
        """Containers with our label whose object is gone, or that somebody renamed, so that another takes their place.

        Left alone for a while, in case the row is on its way.
        """
        now, found = self._clock(), {}
        for summary in self._backend.containers():
            name = names.container_name(self._database.installation, summary.object_id)
            with self._database.read() as tx:
                if summary.name != name or objects.find(tx, summary.object_id) is None:
                    found[summary.name] = self._strays.get(summary.name, now)
        self._strays = found
        for name, since in found.items():
            if now - since >= self._settings.conductor.orphan_grace:
                self._backend.remove(name)
                log.warning("orphan.removed", container=name)

    def _unused_networks(self) -> None:
        """A network that no object of its project has used for a while is given back; it is made anew when needed."""
        now, idle = self._clock(), {}
        with self._database.read() as tx:
            unused = networks.unused(tx)
        for row in unused:
            idle[row.id] = self._idle_networks.get(row.id, now)
            if now - idle[row.id] < self._settings.conductor.resync_seconds:
                continue
            with self._database.write() as tx:
                if not networks.remove_if_unused(tx, row.id):
                    continue
            try:
                self._backend.remove_network(names.network_name(self._database.installation, row.id))
            except Temporary as error:
                log.warning("network.still_used", network=row.id, reason=str(error))
        self._idle_networks = idle

    def _old_events(self) -> None:
        with self._database.write() as tx:
            events.prune(tx, self._clock() - EVENTS_KEPT)
