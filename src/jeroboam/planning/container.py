"""The next step for a container: one at a time, each idempotent, so that a crash between any two loses nothing.

The conductor looks, asks for the next step, takes it, and asks again until the answer is `Rest`.
"""

from dataclasses import dataclass
from enum import StrEnum

from jeroboam.model.container import ContainerSpec, ContainerStatus, Restart, RunState
from jeroboam.model.observed import Observed, State
from jeroboam.planning.definition import definition_digest, networking_digest


class Hold(StrEnum):
    """What the quota tree says of the container's charge."""

    ADMITTED = "admitted"
    WAITING = "waiting"
    """Queued, or accepted and waiting for what a reclaim brings."""
    EVICTED = "evicted"


@dataclass(frozen=True, slots=True)
class Charge:
    """Where the container stands in the quota tree. Times in seconds since the epoch.

    `deadline`: when its own wait ends, if that is known. `evict_at`: from then on it has to go, whatever its owner
    wants; `claimant`: the project that gets its units (an id: who may see the name is the reader's matter).
    """

    hold: Hold = Hold.ADMITTED
    reason: str = ""
    deadline: float | None = None
    evict_at: float | None = None
    claimant: str | None = None


@dataclass(frozen=True, slots=True)
class Desired:
    """What is wanted: the spec under its name, how far the status says it got, and what the quota allows.

    `limits_refused`: the engine's words where it has refused its memory and vcpus: they are not asked for again now.
    """

    name: str
    spec: ContainerSpec
    status: ContainerStatus
    charge: Charge = Charge()
    deleting: bool = False
    limits_refused: str = ""


@dataclass(frozen=True, slots=True)
class Create:
    """Make it. `drifted` says that it existed before and vanished."""

    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Start:
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Stop:
    """`leaving`: its charge asks for it, not its owner, who wants it to run again as soon as it may."""

    timeout: int
    drifted: bool = False
    leaving: bool = False


@dataclass(frozen=True, slots=True)
class Restarting:
    timeout: int


@dataclass(frozen=True, slots=True)
class Pause:
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Unpause:
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Update:
    """Set memory (MiB) and vcpus (thousandths) on the running container."""

    memory: int
    vcpus: int


@dataclass(frozen=True, slots=True)
class Rejoin:
    """Join the networks of the spec under the present name, leave the others."""


@dataclass(frozen=True, slots=True)
class Remove:
    """Take it away: to delete it, or (`again`) to make it anew: from a changed definition, or for its first network."""

    again: bool = False
    drifted: bool = False


@dataclass(frozen=True, slots=True)
class Evict:
    """It stands still: tell the quota tree that its units are free."""


@dataclass(frozen=True, slots=True)
class Forget:
    """Nothing of it is left: release the charge and drop the object."""


@dataclass(frozen=True, slots=True)
class AutoRemove:
    """It ran to its end and was to be removed then: ask for its deletion."""


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """The owner's last ask is carried out: remember its revision."""


@dataclass(frozen=True, slots=True)
class Rest:
    """Nothing to do. `vanished`: it is gone and neither its restart policy nor auto_heal wants it back."""

    vanished: bool = False


Step = (
    Create
    | Start
    | Stop
    | Restarting
    | Pause
    | Unpause
    | Update
    | Rejoin
    | Remove
    | Evict
    | Forget
    | AutoRemove
    | Fulfilled
    | Rest
)

LEAVE_SECONDS = 10
_ALIVE = (State.RUNNING, State.PAUSED, State.RESTARTING)


def plan(desired: Desired, seen: Observed | None, now: float) -> Step:
    """The next step. `seen` is the container as the engine shows it, None where there is none."""
    if desired.deleting:
        return _delete(desired, seen)
    if desired.charge.evict_at is not None and now >= desired.charge.evict_at:
        return Stop(_leave_within(desired), leaving=True) if _alive(seen) else Evict()
    if desired.charge.hold is not Hold.ADMITTED:
        return Stop(_leave_within(desired), leaving=True) if _alive(seen) else Rest()
    if seen is None:
        return _absent(desired)
    if seen.definition != definition_digest(desired.spec) or (desired.spec.networks and not seen.joinable):
        return Remove(again=True)
    if seen.state is State.CREATED and desired.status.definition != seen.definition:
        # Its create may have been broken off: files and networks that it left out are made good.
        return Create()
    return _stop(desired, seen) or _adjust(desired, seen) or _run(desired, seen)


def _leave_within(desired: Desired) -> int:
    """Seconds between signal and kill of one that has to go: its owner may shorten them, others wait for its units."""
    return min(desired.spec.intent.timeout, LEAVE_SECONDS)


def _alive(seen: Observed | None) -> bool:
    return seen is not None and seen.state in _ALIVE


def _pending(desired: Desired) -> bool:
    return desired.status.intent_done < desired.spec.intent.revision


def _delete(desired: Desired, seen: Observed | None) -> Step:
    if seen is None:
        return Forget()
    polite = desired.spec.intent.state is RunState.STOPPED and _pending(desired)
    if polite and _alive(seen):
        return Stop(desired.spec.intent.timeout)
    return Remove()


def _absent(desired: Desired) -> Step:
    """Never made, made and gone, or gone and now asked for again."""
    # Also where we took it away to make it anew, and were killed before we could.
    if desired.status.definition != definition_digest(desired.spec):
        return Create()
    heals = desired.spec.restart.recreates or desired.spec.auto_heal
    if heals or _pending(desired):
        return Create(drifted=not _pending(desired))
    return Rest(vanished=True)


def _stop(desired: Desired, seen: Observed) -> Step | None:
    """A stop comes before everything: what the engine will not change can be stopped all the same."""
    stopping = _pending(desired) and desired.spec.intent.state is RunState.STOPPED
    return _pending_run(desired, seen) if stopping else None


def _adjust(desired: Desired, seen: Observed) -> Step | None:
    """What can be changed without making it anew."""
    spec = desired.spec
    if not desired.limits_refused and (seen.memory, seen.vcpus) != (spec.memory, spec.vcpus):
        return Update(spec.memory, spec.vcpus)
    if desired.status.networking != networking_digest(desired.name, spec):
        return Rejoin()
    return None


def _run(desired: Desired, seen: Observed) -> Step:
    step = _pending_run(desired, seen) if _pending(desired) else _kept_run(desired, seen)
    if step is not None:
        return step
    return Fulfilled() if _pending(desired) else Rest()


def _pending_run(desired: Desired, seen: Observed) -> Step | None:
    """The step towards what its owner asked for last, None when it is there."""
    intent = desired.spec.intent
    match intent.state, seen.state:
        case RunState.RUNNING, _ if _started_since(seen, max(intent.asked_at, desired.status.redo_after)):
            return Unpause() if seen.state is State.PAUSED else None
        case RunState.RUNNING, State.RUNNING | State.PAUSED if intent.restart and not _started_since(
            seen, intent.asked_at
        ):
            return Restarting(intent.timeout)
        case RunState.RUNNING | RunState.PAUSED, State.CREATED | State.EXITED:
            return Start()
        case RunState.RUNNING, State.PAUSED:
            return Unpause()
        case RunState.STOPPED, State.RUNNING | State.PAUSED | State.RESTARTING:
            return Stop(intent.timeout)
        case RunState.PAUSED, State.RUNNING:
            return Pause()
        case _, State.DEAD:
            return Remove(again=True)
    return None


def _started_since(seen: Observed, asked_at: float) -> bool:
    """Whether it was started for the present ask: then an exit is its own doing, however soon it came."""
    return asked_at > 0 and seen.started_at is not None and seen.started_at >= asked_at


def _kept_run(desired: Desired, seen: Observed) -> Step | None:
    """The step back to what its owner asked for, where somebody else moved it; None when it may stay as it is."""
    spec = desired.spec
    heals = spec.restart.name in (Restart.ALWAYS, Restart.UNLESS_STOPPED)
    match spec.intent.state, seen.state:
        case RunState.RUNNING, State.EXITED if spec.auto_remove:
            return AutoRemove()
        case RunState.RUNNING, State.EXITED if heals:
            return Start(drifted=True)
        case RunState.RUNNING, State.PAUSED if heals or spec.auto_heal:
            return Unpause(drifted=True)
        case RunState.STOPPED, State.RUNNING | State.RESTARTING | State.PAUSED:
            return Stop(spec.intent.timeout, drifted=True)
        case RunState.PAUSED, State.RUNNING:
            return Pause(drifted=True)
        case _, State.DEAD if heals or spec.auto_heal:
            # Seen in the middle of somebody else's removal, too.
            return Remove(again=True, drifted=True)
    return None
