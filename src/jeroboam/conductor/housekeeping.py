"""What has to be looked after once a minute: history, reservations that end, leftovers on the engine, its size."""

from collections.abc import Callable, Iterable

import structlog

from jeroboam.backends.base import Backend
from jeroboam.backends.errors import BackendError
from jeroboam.conductor.engine import KnownEngine
from jeroboam.model import names
from jeroboam.model.errors import Unavailable
from jeroboam.model.quantities import CONTAINERS, MEMORY, VCPUS
from jeroboam.settings import Settings
from jeroboam.store import events, history, ledger, networks, objects, volumes
from jeroboam.store.database import Database

log = structlog.get_logger(__name__)

EVENTS_KEPT = 7 * 86400.0
"""Seconds."""


class _Orphans:
    """Things that nobody owns, by name, and since when. They are left alone for a while: the row may be on its way."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def old(self, found: Iterable[str], now: float, grace: float) -> list[str]:
        """Those of `found` that were found for `grace` seconds."""
        self._since = {name: self._since.get(name, now) for name in found}
        return [name for name, since in self._since.items() if now - since >= grace]


class Housekeeping:
    """Each chore stands for itself: one that fails is logged and tried again at the next round."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        engine: KnownEngine,
        settings: Settings,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._backend = backend
        self._engine = engine
        self._settings = settings
        self._clock = clock
        self._containers, self._networks, self._volumes, self._idle_networks = (_Orphans() for _ in range(4))

    def run(self) -> None:
        # History first: its minute has just begun. Last what may wait for the engine.
        for chore in (self._history, self._reservations, self._old_rows):
            self._do(chore)
        on_engine = (
            self._capacity,
            self._orphan_containers,
            self._unused_networks,
            self._orphan_networks,
            self._orphan_volumes,
        )
        if self._do(self._engine.host):
            for chore in on_engine:
                self._do(chore)

    def _do(self, chore: Callable[[], object]) -> bool:
        """Whether it is done."""
        name = chore.__name__.strip("_")
        try:
            chore()
        except (BackendError, Unavailable) as error:
            log.warning("housekeeping.put_off", chore=name, reason=str(error))
        except Exception:
            log.exception("housekeeping.failed", chore=name)
        else:
            return True
        return False

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

    def _orphan_containers(self) -> None:
        """Containers of ours whose object is gone, or that somebody renamed, so that another takes their place."""
        found = []
        for summary in self._backend.containers():
            name = names.container_name(self._database.installation, summary.object_id)
            with self._database.read() as tx:
                if summary.name != name or objects.find(tx, summary.object_id) is None:
                    found.append(summary.name)
        self._remove(self._containers, found, self._backend.remove)

    def _unused_networks(self) -> None:
        """A network that no object of its project has used for a while is given back; it is made anew when needed."""
        with self._database.read() as tx:
            unused = [row.id for row in networks.unused(tx)]
        for ident in self._idle_networks.old(unused, self._clock(), self._settings.conductor.resync_seconds):
            with self._database.write() as tx:
                gone = networks.remove_if_unused(tx, ident)
            if gone:
                # What the engine keeps is an orphan from now on.
                self._try(self._backend.remove_network, names.network_name(self._database.installation, ident))

    def _orphan_networks(self) -> None:
        """Networks of ours without a row: the engine was away, or we were killed, when the row went."""
        there = [network.name for network in self._backend.networks()]
        with self._database.read() as tx:
            known = {names.network_name(self._database.installation, row.id) for row in networks.listing(tx, None)}
        self._remove(self._networks, set(there) - known, self._backend.remove_network)

    def _orphan_volumes(self) -> None:
        """Objects' own volumes without a row. A project's volumes hold what it wants to keep: never those."""
        there = [volume.name for volume in self._backend.volumes() if names.LABEL_OBJECT in volume.labels]
        with self._database.read() as tx:
            known = {names.volume_name(self._database.installation, row.id) for row in volumes.listing(tx, None)}
        self._remove(self._volumes, set(there) - known, self._backend.remove_volume)

    def _remove(self, orphans: _Orphans, found: Iterable[str], remove: Callable[[str], None]) -> None:
        for name in orphans.old(found, self._clock(), self._settings.conductor.orphan_grace):
            if self._try(remove, name):
                log.warning("orphan.removed", name=name)

    def _try(self, remove: Callable[[str], None], name: str) -> bool:
        """Whether it is gone: one that the engine keeps does not keep the others."""
        try:
            remove(name)
        except BackendError as error:
            log.warning("orphan.kept", name=name, reason=str(error))
            return False
        return True

    def _old_rows(self) -> None:
        with self._database.write() as tx:
            events.prune(tx, self._clock() - EVENTS_KEPT)
            ledger.prune_changes(tx)
