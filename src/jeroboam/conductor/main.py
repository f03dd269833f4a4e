"""The conductor: takes objects whose turn it is, and works on many of them at once."""

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog

from jeroboam.backends.base import Backend
from jeroboam.backends.errors import BackendError
from jeroboam.conductor import owner
from jeroboam.conductor.containers import ContainerController
from jeroboam.conductor.echoes import Echoes
from jeroboam.conductor.engine import KnownEngine
from jeroboam.conductor.housekeeping import Housekeeping
from jeroboam.conductor.leases import Leases
from jeroboam.conductor.secrets import CredentialStore, SecretBox
from jeroboam.conductor.turn import LeaseLost
from jeroboam.conductor.watcher import Watcher
from jeroboam.conductor.workers import Workers
from jeroboam.model.errors import Problem
from jeroboam.settings import Settings
from jeroboam.store import work
from jeroboam.store.database import Database
from jeroboam.store.work import Work

log = structlog.get_logger(__name__)

HOUSEKEEPING_SECONDS = 60.0
URGENT_WORKERS = 4
"""Beside all others, for what must not wait while those are busy: deletions, and who has to leave for somebody."""
_PAST = 0.1
"""Seconds. Of two clocks one is always a little ahead: who waits for a minute must not wake before it."""


def until_next_minute(now: float) -> float:
    """How long housekeeping rests: history is of whole minutes."""
    return HOUSEKEEPING_SECONDS - now % HOUSEKEEPING_SECONDS + _PAST


class Conductor:
    """One backend's conductor. `start` and `stop` once each; stopping leaves the containers as they are."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        settings: Settings,
        box: SecretBox,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._owner = owner.new()
        self._echoes = Echoes()
        self._leases = Leases(database, settings.conductor.lease_seconds, clock)
        credentials = CredentialStore(database, box)
        self._engine = KnownEngine(database, backend)
        self._controller = ContainerController(database, backend, self._engine, settings, credentials, clock)
        self._watcher = Watcher(database, backend, self._echoes, clock)
        self._housekeeping = Housekeeping(database, backend, self._engine, settings, clock)
        count = settings.engine.workers
        self._pool = ThreadPoolExecutor(count + URGENT_WORKERS, thread_name_prefix="worker")
        self._workers, self._urgent_workers = Workers(count), Workers(URGENT_WORKERS)
        self._share = max(1, count // 2)
        self._stopping = threading.Event()
        self._dispatcher = threading.Thread(target=self._dispatch, name="dispatcher", daemon=True)
        self._keeper = threading.Thread(target=self._keep, name="keeper", daemon=True)
        self._housekeeper = threading.Thread(target=self._keep_house, name="housekeeper", daemon=True)

    def start(self) -> None:
        """Raises Unavailable where the engine is not the installation's; one that is away is asked when it is back."""
        with suppress(BackendError):
            self._engine.host()
        self._bury()
        self._dispatcher.start()
        self._keeper.start()
        self._housekeeper.start()
        self._watcher.start()

    def _bury(self) -> None:
        """Takes over at once from conductors of this machine that are dead: after a kill nobody waits for a lease."""
        with self._database.read() as tx:
            dead = [name for name in work.owners(tx) if owner.is_dead(name)]
        if not dead:
            return
        with self._database.write() as tx:
            for name in dead:
                work.expire(tx, name, self._clock())

    def stop(self, timeout: float = 10.0) -> None:
        """Ends after the work in hand, or after `timeout` seconds; what is left is taken up when its lease ends."""
        self._stopping.set()
        self._watcher.stop()
        self._database.signal.notify()
        deadline = time.monotonic() + timeout
        # The dispatcher first: after it nobody hands out work.
        for thread in (self._dispatcher, self._keeper, self._housekeeper):
            thread.join(max(0.1, deadline - time.monotonic()))
        self._pool.shutdown(wait=False)
        self._workers.retire(deadline)
        self._urgent_workers.retire(deadline)

    def _dispatch(self) -> None:
        seen = -1
        while not self._stopping.is_set():
            try:
                wait = self._take()
            except Problem as error:
                log.warning("conductor.cannot_take", reason=str(error))
                wait = self._settings.conductor.poll_seconds
            except Exception:
                log.exception("conductor.dispatch_failed")
                wait = self._settings.conductor.poll_seconds
            if wait > 0:
                seen = self._database.signal.wait(seen, wait)

    def _take(self) -> float:
        """Hands out what is due, as far as there are workers; returns how long there is nothing to do."""
        poll = self._settings.conductor.poll_seconds
        with self._database.read() as tx:
            due = work.next_wake(tx)
        now = self._clock()
        if due is None or due > now:
            return poll if due is None else min(poll, due - now)
        if count := self._workers.reserve():
            return 0.0 if self._hand_out(self._workers, count, now, urgent=False) else poll
        # All are busy, perhaps for long.
        count = self._urgent_workers.reserve()
        if not (count and self._hand_out(self._urgent_workers, count, now, urgent=True)):
            self._workers.wait(poll)
        return 0.0

    def _hand_out(self, workers: Workers, count: int, now: float, *, urgent: bool) -> bool:
        """Whether there was anything for these `count` workers. No project gets more than its share of all workers."""
        seconds, items = self._settings.conductor.lease_seconds, list[Work]()
        try:
            items = work.take(self._database, self._owner, count, now, seconds, share=self._share, urgent=urgent)
        finally:
            # Whatever happened: a worker that is not given back is lost for ever.
            workers.give_back(count - len(items))
        for item in items:
            self._leases.hold(item)
            self._echoes.begin(item.object.id)
            self._pool.submit(self._work, item, workers)
        return bool(items)

    def _work(self, item: Work, workers: Workers) -> None:
        looked_at = 0.0
        try:
            looked_at = self._controller.reconcile(item)
        except LeaseLost:
            log.info("lease.lost", object=item.object.id)
        except Exception:
            # Not even its failure could be written: its lease runs out, and it is tried again then.
            log.exception("reconcile.failed", object=item.object.id)
        finally:
            self._leases.drop(item)
            workers.give_back()
            if self._echoes.end(item.object.id, looked_at):
                self._wake(item.object.id)

    def _wake(self, object_id: str) -> None:
        try:
            with self._database.write() as tx:
                work.wake(tx, [object_id], self._clock())
        except Problem as error:
            log.warning("wake.lost", object=object_id, reason=str(error))

    def _keep(self) -> None:
        """Leases, apart from all that may wait for the engine: work that takes long must not lose its lease to it."""
        while not self._stopping.is_set():
            try:
                self._leases.renew()
            except Exception:
                log.exception("leases.failed")
            self._stopping.wait(min(self._settings.conductor.lease_seconds / 4, 5.0))

    def _keep_house(self) -> None:
        while not self._stopping.is_set():
            self._housekeeping.run()
            self._stopping.wait(until_next_minute(self._clock()))
