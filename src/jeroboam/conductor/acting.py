"""Taking one step on the engine. Every step is idempotent: after a crash it is taken again."""

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace

from sqlalchemy import Connection

from jeroboam.backends.base import Backend
from jeroboam.backends.data import PullProgress
from jeroboam.backends.errors import BackendError, Missing, NetworkMissing, Permanent, PortTaken, Taken, Temporary
from jeroboam.conductor.bounds import Bound
from jeroboam.conductor.definitions import Definitions, Surroundings
from jeroboam.conductor.images import Images
from jeroboam.conductor.secrets import CredentialStore
from jeroboam.conductor.turn import LeaseLost, Turn
from jeroboam.model import names
from jeroboam.model.container import ContainerStatus, Phase, RunState
from jeroboam.model.events import EventType
from jeroboam.model.observed import Observed, State
from jeroboam.planning import container as steps
from jeroboam.planning.container import Step
from jeroboam.planning.definition import definition_digest, networking_digest
from jeroboam.planning.report import drifted
from jeroboam.settings import Settings
from jeroboam.store import events, ledger, objects, work
from jeroboam.store.database import Database

STOPS_PER_PROJECT = 3
"""At once, of those whose owner lets them take long."""


class Actor:
    """Thread-safe; remembers only which networks it has seen on the engine."""

    def __init__(
        self,
        database: Database,
        backend: Backend,
        settings: Settings,
        credentials: CredentialStore,
        clock: Callable[[], float],
    ) -> None:
        self._database = database
        self._backend = backend
        self._credentials = credentials
        self._clock = clock
        self._images = Images(database, backend, max(1, settings.engine.workers // 2))
        self._slow_stops = Bound("long stops", STOPS_PER_PROJECT, max(1, settings.engine.workers // 4))
        self._definitions = Definitions(database, settings)
        self._networks: set[str] = set()
        self._making_networks = threading.Lock()

    def name(self, turn: Turn) -> str:
        return names.container_name(self._database.installation, turn.obj.id)

    def look(self, turn: Turn) -> Observed | None:
        turn.looked_at = self._clock()
        return self._backend.observe(self.name(turn))

    def act(self, turn: Turn, step: Step, seen: Observed | None) -> Observed | None:
        """Takes `step` and returns what the engine shows afterwards. Raises BackendError, Problem."""
        try:
            return self._take(turn, step, seen)
        except NetworkMissing as error:
            # Somebody has removed it: at the next try it is made anew, and joined.
            self._networks.difference_update(self.around(turn).network_names)
            turn.status = replace(turn.status, networking=None)
            raise Temporary(f"{error}; it is made anew") from error
        except PortTaken as error:
            self._move_port(turn, seen, error)
            raise Temporary(f"{error}; the next one is tried") from error

    def _take(self, turn: Turn, step: Step, seen: Observed | None) -> Observed | None:
        match step:
            case steps.Fulfilled():
                turn.fulfilled()
                return seen
            case steps.Create(is_repair):
                seen = self._create(turn)
                self._note_drift(turn, step, is_repair)
                return seen
            case steps.Rejoin():
                self._rejoin(turn, seen)
            case steps.Remove(_, is_repair):
                self._backend.remove(self.name(turn))
                turn.status = replace(turn.status, definition=None, intent_done=0)
                self._note_drift(turn, step, is_repair)
            case _:
                self._run(turn, step)
        return self.look(turn)

    def _run(self, turn: Turn, step: Step) -> None:
        """The steps that are one call of the engine's."""
        name, backend = self.name(turn), self._backend
        match step:
            case steps.Start():
                backend.start(name)
                if turn.obj.spec.intent.state is RunState.RUNNING:
                    turn.fulfilled()
            case steps.Restarting(timeout):
                with self._patience(turn, timeout):
                    backend.restart(name, timeout)
                turn.fulfilled()
            case steps.Stop(timeout):
                if step.leaving:
                    self._note_redo(turn)
                with self._patience(turn, timeout):
                    backend.stop(name, timeout)
            case steps.Pause():
                backend.pause(name)
            case steps.Unpause():
                backend.unpause(name)
            case steps.Update(memory, vcpus):
                self._update(turn, memory, vcpus)
        self._note_drift(turn, step, getattr(step, "drifted", False))

    def _move_port(self, turn: Turn, seen: Observed | None, error: PortTaken) -> None:
        """Something past us has a host port. Only who never ran is made anew for it: others have files to lose."""
        never_ran = seen is not None and seen.state is State.CREATED
        if not never_ran or error.host_port is None or not self._definitions.move_port(turn.obj, error.host_port):
            raise error
        self._backend.remove(self.name(turn))
        turn.status = replace(turn.status, definition=None)
        # Without a look after it, the echo of the removal would wake it at once.
        self.look(turn)

    def _update(self, turn: Turn, memory: int, vcpus: int) -> None:
        """A refusal is told and ends nothing: it goes on with the limits that it has."""
        try:
            self._backend.update(self.name(turn), memory=memory, vcpus=vcpus)
        except Missing:
            raise
        except Permanent as error:
            turn.limits_refused = str(error)

    def _patience(self, turn: Turn, timeout: int) -> AbstractContextManager[None]:
        """Who may take long to stop holds a worker for so long: only few may at once."""
        if timeout <= steps.LEAVE_SECONDS:
            return nullcontext()
        return self._slow_stops.hold(turn.obj.project_id, f"stop container {turn.obj.name}")

    def _note_drift(self, turn: Turn, step: Step, is_repair: bool) -> None:
        if not is_repair:
            return
        now, done = self._clock(), type(step).__name__.lower()
        message = f"Somebody else changed the container on the engine; repaired ({done})."
        turn.status = drifted(turn.status, message, now)
        with self._database.write() as tx:
            events.append(tx, turn.event(EventType.DRIFTED, message, {"repair": done}, now))

    def _create(self, turn: Turn) -> Observed:
        obj = turn.obj
        credentials = self._credentials.of(obj.project_id, obj.spec.registry)
        image_id = self._images.resolve(obj.project_id, obj.spec, credentials, self._pull_progress(turn))
        around = self.around(turn)
        self._ensure_surroundings(turn, around)
        self._note_unfinished(turn)
        try:
            seen = self._backend.create(self._definitions.definition(obj, image_id, around))
        except BackendError:
            # Somebody may have removed a network that we remember: look for it again at the next try.
            self._networks.difference_update(around.network_names)
            raise
        first = turn.status.phase is Phase.CREATING
        turn.status = replace(
            turn.status,
            # Where it was made before it says no longer that it runs, should its start fail.
            phase=Phase.CREATING if first else Phase.CREATED,
            definition=definition_digest(obj.spec),
            networking=networking_digest(obj.name, obj.spec),
            image_id=image_id,
            intent_done=0,
        )
        return seen

    def _note_unfinished(self, turn: Turn) -> None:
        """Where it was made before: whoever finds it after a crash must not take it for that one, whole."""
        if turn.obj.status.definition is not None:
            self._note(turn, replace(turn.status, definition=None))

    def _note_redo(self, turn: Turn) -> None:
        """If it may stay after all, whoever finds it stopped starts it again: its owner has not asked for the stop."""
        self._note(turn, replace(turn.status, intent_done=0, redo_after=self._clock()))

    def _note(self, turn: Turn, status: ContainerStatus) -> None:
        """What has to be known before the engine is asked. Raises LeaseLost: then it is not to be asked at all."""
        turn.status = status
        with self._database.write() as tx:
            if not work.progress(tx, turn.work, status, self._clock()):
                raise LeaseLost(turn.obj.id)

    def around(self, turn: Turn) -> Surroundings:
        if turn.around is None:
            turn.around = self._definitions.surroundings(turn.obj)
        return turn.around

    def network_names(self, turn: Turn, seen: Observed | None) -> dict[str, str]:
        """The engine's names of its networks mapped to the project's."""
        return dict(self.around(turn).network_names) if seen is not None and seen.addresses else {}

    def _ensure_surroundings(self, turn: Turn, around: Surroundings) -> None:
        labels = {
            names.LABEL_INSTALLATION: self._database.installation,
            names.LABEL_PROJECT: turn.obj.project_id,
        }
        for engine, project_name in around.networks:
            self._ensure_network(engine, project_name, labels)
        # Its own volumes carry its id, so that what may be left of them is known from what a project keeps.
        own = {mount.destination for mount in turn.obj.spec.volumes if mount.name is None}
        for binding in around.volumes:
            whose = {names.LABEL_OBJECT: turn.obj.id} if binding.destination in own else {}
            self._backend.ensure_volume(binding.volume, {**labels, **whose})

    def _ensure_network(self, engine: str, name: str, labels: Mapping[str, str]) -> None:
        """One at a time: of two that make the same network the engine tells one that its subnet is taken."""
        project_id = labels[names.LABEL_PROJECT]
        with self._making_networks:
            if engine in self._networks:
                return
            # Who waited for the lock reads where the one before has moved it.
            subnet = self._definitions.subnet(project_id, name)
            try:
                there = self._backend.ensure_network(engine, subnet, {**labels, names.LABEL_NAME: name})
            except Taken as error:
                other = self._definitions.renumber(project_id, name, subnet)
                raise Temporary(f"{error}; {other} is tried next") from None
            if there != subnet:
                self._definitions.found_with(project_id, name, there)
            self._networks.add(engine)

    def _rejoin(self, turn: Turn, seen: Observed | None) -> None:
        around = self.around(turn)
        self._ensure_surroundings(turn, around)
        for attachment in self._definitions.attachments(turn.obj, around):
            self._backend.connect(self.name(turn), attachment)
        joined = set(seen.networks) if seen else set()
        for engine in joined - set(around.network_names):
            self._backend.disconnect(self.name(turn), engine)
        turn.status = replace(turn.status, networking=networking_digest(turn.obj.name, turn.obj.spec))

    def _pull_progress(self, turn: Turn) -> Callable[[PullProgress], None]:
        """Writes the pull's progress as events: at its start and then at most once a second.

        Ends a pull that nobody waits for any more: it may take as long as the registry likes.
        """
        last = 0.0

        def note(progress: PullProgress) -> None:
            nonlocal last
            now = self._clock()
            if now - last < 1.0:
                return
            first, last = last == 0.0, now
            with self._database.write() as tx:
                self._check_wanted(tx, turn, now)
                if first:
                    turn.status = replace(turn.status, task="image_pulling")
                    work.progress(tx, turn.work, turn.status, now)
                message = f"Pulling {turn.obj.spec.image}: {progress.status}"
                data: dict[str, object] = {
                    "layer": progress.layer,
                    "current": progress.current,
                    "total": progress.total,
                }
                events.append(tx, turn.event(EventType.PULL, message, data, now))

        return note

    def _check_wanted(self, tx: Connection, turn: Turn, now: float) -> None:
        obj, claim = objects.find(tx, turn.obj.id), turn.work.claim
        if obj is None or obj.deleting is not None:
            raise Temporary(f"cannot go on pulling {turn.obj.spec.image}: the container is to be deleted")
        leaving = None if claim is None else ledger.claim(tx, claim.id).leaving
        if leaving is not None and leaving.deadline <= now:
            raise Temporary(f"cannot go on pulling {turn.obj.spec.image}: the container has to leave")
