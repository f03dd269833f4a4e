"""The controller of containers: looks, asks planning for the next step, takes it, and records what it saw."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

import structlog
from sqlalchemy import Connection

from jeroboam.backends.base import Backend
from jeroboam.backends.errors import BackendError, Temporary
from jeroboam.conductor.acting import Actor
from jeroboam.conductor.engine import KnownEngine
from jeroboam.conductor.secrets import CredentialStore
from jeroboam.conductor.turn import LeaseLost, Turn, charge_of
from jeroboam.model import names
from jeroboam.model.container import ContainerSpec, ContainerStatus, OnEvict, Phase
from jeroboam.model.errors import Problem, Unavailable
from jeroboam.model.events import EventType
from jeroboam.model.observed import Observed
from jeroboam.planning import container as steps
from jeroboam.planning.backoff import backoff
from jeroboam.planning.container import Charge, Hold, plan
from jeroboam.planning.report import failed, report
from jeroboam.settings import Settings
from jeroboam.store import events, ledger, objects, ports, volumes, work
from jeroboam.store.database import Database
from jeroboam.store.work import Work

log = structlog.get_logger(__name__)

MAX_STEPS = 16
"""More than any legal sequence: whoever needs more is going round in circles, and tries again later."""


class ContainerController:
    """Thread-safe: conductors call `reconcile` for many objects at once, for each of them one at a time."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        engine: KnownEngine,
        settings: Settings,
        credentials: CredentialStore,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._backend = backend
        self._engine = engine
        self._limits = settings.conductor
        self._clock = clock
        self._actor = Actor(database, backend, settings, credentials, clock)

    def reconcile(self, item: Work) -> float:
        """Brings the object as far as it goes now; returns the time of the last look. Raises LeaseLost."""
        turn = Turn.of(item, self._clock())
        try:
            self._advance(turn)
        except LeaseLost:
            raise
        except (BackendError, Problem) as error:
            permanent = not isinstance(error, Temporary | Unavailable)
            self._stall(turn, type(error).__name__, str(error), permanent=permanent)
        except Exception:
            # A poisoned object costs itself only: it backs off like one whose engine is away.
            log.exception("reconcile.failed", object=turn.obj.id)
            self._stall(turn, "InternalError", "Something unforeseen went wrong: see the conductor's log.")
        return turn.looked_at

    def _advance(self, turn: Turn) -> None:
        self._engine.host()
        seen = self._actor.look(turn)
        for _ in range(MAX_STEPS):
            step = plan(turn.desired(), seen, self._clock())
            match step:
                case steps.Rest(vanished):
                    return self._settle(turn, seen, vanished=vanished)
                case steps.Forget():
                    return self._forget(turn)
                case steps.Evict():
                    return self._evict(turn, seen)
                case steps.AutoRemove():
                    return self._auto_remove(turn, seen)
            seen = self._actor.act(turn, step, seen)
        raise Temporary(
            f"cannot bring the container to rest in {MAX_STEPS} steps: it changes as fast as it is repaired"
        )

    def _settle(self, turn: Turn, seen: Observed | None, *, vanished: bool) -> None:
        now, charge = self._clock(), turn.charge
        status = report(turn.desired(), seen, self._actor.network_names(turn, seen), now, vanished=vanished)
        if charge.hold is Hold.ADMITTED and charge.evict_at is None:
            status = replace(status, evicted_by=None)
        status = replace(status, host=self._engine.host())
        wake_at = charge.evict_at or now + self._limits.resync_seconds
        self._finish(turn, status, wake_at, settled=not turn.limits_refused)

    def _stall(self, turn: Turn, code: str, message: str, *, permanent: bool = False) -> None:
        """Nothing is a dead end: what looks permanent is tried again too, only rarely."""
        now = self._clock()
        status = failed(turn.status, code, message, now, permanent=permanent)
        wait = self._limits.resync_seconds if permanent else self._backoff(status.failures)
        log.warning("container.stalled", object=turn.obj.id, code=code, reason=message, retry_in=round(wait, 1))
        self._finish(turn, status, _next_try(turn, now + wait))

    def _backoff(self, failures: int) -> float:
        return backoff(failures, self._limits.backoff_first, self._limits.backoff_cap, random.random())  # noqa: S311

    def _finish(self, turn: Turn, status: ContainerStatus, wake_at: float, *, settled: bool = False) -> None:
        now, before = self._clock(), turn.obj.status
        with self._database.write() as tx:
            if (status.phase, status.reason) != (before.phase, before.reason):
                data: dict[str, object] = {"phase": status.phase.value, "before": before.phase.value}
                events.append(tx, turn.event(EventType.PHASE, status.reason or status.phase.value, data, now))
            self._write(tx, turn, status, now, wake_at)
            if settled:
                self._give_back(tx, turn, now)

    def _give_back(self, tx: Connection, turn: Turn, now: float) -> None:
        """What the container was charged before it was made smaller, now that the engine has made it so."""
        if turn.work.claim is None or _less(turn.work.claim.amounts, turn.obj.spec) is None:
            return
        obj = objects.find(tx, turn.obj.id)
        less = _less(ledger.claim(tx, turn.work.claim.id).amounts, turn.obj.spec)
        if less is not None and obj is not None and obj.generation == turn.obj.generation:
            ledger.resize(tx, turn.work.claim.id, less, now)

    def _write(self, tx: Connection, turn: Turn, status: ContainerStatus, now: float, wake_at: float) -> None:
        """Raises LeaseLost, which rolls back the whole transaction, where another conductor has taken over."""
        seen = turn.obj.generation
        if not work.finish(tx, turn.work, status, observed_generation=seen, now=now, wake_at=wake_at):
            raise LeaseLost(turn.obj.id)

    def _evict(self, turn: Turn, seen: Observed | None) -> None:
        """It stands still: credit its units, to the claimant first, and say why it left."""
        claim, now = turn.work.claim, self._clock()
        if claim is None:
            raise LeaseLost(turn.obj.id)
        networks = self._actor.network_names(turn, seen)
        with self._database.write() as tx:
            turn.charge = charge_of(ledger.claim(tx, claim.id))
            claimant, evict_at = turn.charge.claimant, turn.charge.evict_at
            if evict_at is None or evict_at > now:
                # While it was stopped the claimant withdrew, or gave it more time: it goes on.
                return self._write(tx, turn, turn.status, now, now)
            ledger.evicted(tx, claim.id, now)
            turn.charge = Charge(Hold.EVICTED)
            if turn.obj.spec.quota.on_evict is OnEvict.REQUEUE:
                ledger.requeue(tx, claim.id, now)
                turn.charge = charge_of(ledger.claim(tx, claim.id))
            turn.status = replace(turn.status, evicted_by=claimant, intent_done=0, redo_after=now)
            status = replace(report(turn.desired(), seen, networks, now), phase=Phase.STOPPED)
            back = turn.charge.hold is Hold.ADMITTED
            self._write(tx, turn, status, now, now if back else now + self._limits.resync_seconds)

    def _auto_remove(self, turn: Turn, seen: Observed | None) -> None:
        now = self._clock()
        status = report(turn.desired(), seen, self._actor.network_names(turn, seen), now)
        with self._database.write() as tx:
            self._write(tx, turn, status, now, now)
            objects.mark_deleting(tx, turn.obj, now)

    def _forget(self, turn: Turn) -> None:
        """The engine has confirmed that the container is gone: its own volumes go, then the charge and the object."""
        obj = turn.obj
        with self._database.read() as tx:
            own = [v for v in volumes.listing(tx, obj.project_id) if v.object_id == obj.id]
        for volume in own:
            self._backend.remove_volume(names.volume_name(self._database.installation, volume.id))
        now = self._clock()
        with self._database.write() as tx:
            if not work.held(tx, turn.work):
                raise LeaseLost(obj.id)
            for volume in own:
                volumes.remove(tx, volume.id)
            ports.release(tx, obj.id)
            if turn.work.claim is not None:
                ledger.release(tx, turn.work.claim.id, now)
            events.append(tx, turn.event(EventType.DELETED, "Deleted", {}, now))
            objects.remove(tx, obj.id)


def _next_try(turn: Turn, at: float) -> float:
    """`at`, or when the container has to leave: unless that is what failed, which waits as long as anything else."""
    evict_at = turn.charge.evict_at
    return at if evict_at is None or evict_at <= turn.began else min(at, evict_at)


def _less(held: Mapping[str, int], spec: ContainerSpec) -> dict[str, int] | None:
    """What `spec` needs of what its claim holds, None where that is all of it."""
    wanted = spec.amounts()
    less = {resource: min(amount, wanted.get(resource, amount)) for resource, amount in held.items()}
    return less if less != held else None
