"""What a container's status says: a pure view of what was declared, what was seen and where its charge stands."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from jeroboam.model.conditions import Condition, ConditionType, drop, put
from jeroboam.model.container import ContainerStatus, Phase, RunState
from jeroboam.model.observed import Observed, State
from jeroboam.planning.container import Desired, Hold

_PHASES = {
    State.CREATED: Phase.CREATED,
    State.RUNNING: Phase.RUNNING,
    State.PAUSED: Phase.PAUSED,
    State.RESTARTING: Phase.RESTARTING,
    State.EXITED: Phase.STOPPED,
    State.DEAD: Phase.ERROR,
}
_WANTED = {
    RunState.CREATED: (Phase.CREATED, Phase.RUNNING, Phase.STOPPED, Phase.PAUSED),
    RunState.RUNNING: (Phase.RUNNING,),
    RunState.STOPPED: (Phase.STOPPED, Phase.CREATED),
    RunState.PAUSED: (Phase.PAUSED,),
}


def report(
    desired: Desired, seen: Observed | None, networks: Mapping[str, str], now: float, *, vanished: bool = False
) -> ContainerStatus:
    """The status after a look that met no failure. `networks` maps the engine's names to the project's.

    `vanished`: the container is gone and nothing wants it back.
    """
    status = _facts(desired.status, seen, networks)
    phase = Phase.ERROR if vanished else _phase(desired, seen)
    conditions = drop(status.conditions, ConditionType.STALLED)
    conditions = put(conditions, _quota(desired, now))
    ready = phase in _WANTED[desired.spec.intent.state] and desired.charge.hold is Hold.ADMITTED
    conditions = put(conditions, Condition(ConditionType.READY, ready, phase.value, since=now))
    conditions = put(conditions, Condition(ConditionType.PROGRESSING, False, "Settled", since=now))
    if vanished:
        conditions = put(conditions, Condition(ConditionType.STALLED, True, "Vanished", VANISHED, now))
    if desired.limits_refused:
        conditions = put(
            conditions, Condition(ConditionType.STALLED, True, "LimitsRefused", desired.limits_refused, now)
        )
    reason = VANISHED if vanished else desired.limits_refused or _reason(desired, seen)
    return replace(status, phase=phase, reason=reason, conditions=conditions, task=None, failures=0)


VANISHED = (
    "The container was removed from the engine by somebody else, and neither its restart policy nor auto_heal asks to "
    "make it again: start it to have a new one, or delete it."
)


def failed(status: ContainerStatus, code: str, message: str, now: float, *, permanent: bool) -> ContainerStatus:
    """The status after a step that failed. A temporary failure leaves the phase: the next try may pass unnoticed."""
    conditions = put(status.conditions, Condition(ConditionType.STALLED, True, code, message, now))
    conditions = put(conditions, Condition(ConditionType.PROGRESSING, not permanent, code, message, now))
    phase = Phase.ERROR if permanent else status.phase
    return replace(
        status, phase=phase, reason=message, conditions=conditions, task=None, failures=min(status.failures + 1, 64)
    )


def drifted(status: ContainerStatus, message: str, now: float) -> ContainerStatus:
    """Remembers that somebody moved the container behind our back, and what was done about it."""
    return replace(
        status, conditions=put(status.conditions, Condition(ConditionType.DRIFTED, True, "Repaired", message, now))
    )


def _facts(status: ContainerStatus, seen: Observed | None, networks: Mapping[str, str]) -> ContainerStatus:
    if seen is None:
        return replace(status, backend_id=None, addresses=(), health=None)
    addresses = tuple(replace(a, network=networks.get(a.network, a.network)) for a in seen.addresses)
    ended = seen.state in (State.EXITED, State.DEAD)
    return replace(
        status,
        backend_id=seen.id,
        image_id=seen.image_id,
        addresses=addresses,
        ports=seen.ports or status.ports,
        exit_code=seen.exit_code if ended else None,
        started_at=seen.started_at,
        finished_at=seen.finished_at if ended else None,
        health=seen.health,
    )


def _phase(desired: Desired, seen: Observed | None) -> Phase:
    if desired.deleting:
        return Phase.DELETING
    if seen is not None:
        return _PHASES[seen.state]
    return Phase.STOPPED if desired.charge.hold is Hold.EVICTED or desired.status.evicted_by else Phase.CREATING


def _quota(desired: Desired, now: float) -> Condition:
    charge = desired.charge
    if charge.hold is Hold.WAITING:
        return Condition(ConditionType.QUOTA_RESERVED, False, "Waiting", charge.reason, now, charge.deadline)
    if charge.hold is Hold.EVICTED:
        return Condition(ConditionType.QUOTA_RESERVED, False, "Evicted", EVICTED, now)
    if charge.evict_at is not None:
        return Condition(ConditionType.QUOTA_RESERVED, True, "Leaving", leaving(charge.evict_at), now, charge.evict_at)
    return Condition(ConditionType.QUOTA_RESERVED, True, "Admitted", since=now)


EVICTED = (
    "Evicted: it ran on borrowed capacity, and the project that the capacity belongs to took it back. "
    "Its definition and volumes are kept: start it again when there is room."
)


def taking_back(count: int, deadline: float | None) -> str:
    """What a container says that waits for `count` others to leave, by `deadline`."""
    until = "" if deadline is None else f"; they are stopped at {clock(deadline)}"
    return f"Waits for capacity that is being taken back from {count} other container(s){until}."


def queued(why: str = "") -> str:
    """What a container says that waits in the queue; `why`: where it does not fit."""
    return "Waits in the queue of the quota for what others release" + (f": {why}" if why else ".")


def leaving(at: float) -> str:
    return f"Runs on borrowed capacity that its owner takes back: it will be stopped at {clock(at)}."


def clock(at: float) -> str:
    """A moment as people read it, in UTC."""
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def _reason(desired: Desired, seen: Observed | None) -> str:
    charge = desired.charge
    if charge.hold is Hold.WAITING:
        return charge.reason
    if charge.hold is Hold.EVICTED:
        return EVICTED
    if charge.evict_at is not None:
        return leaving(charge.evict_at)
    if seen is None:
        return ""
    return _ended(seen) if seen.state in (State.EXITED, State.DEAD) else ""


def _ended(seen: Observed) -> str:
    if seen.oom_killed:
        return f"Killed: it used more than its {seen.memory} MiB of memory. Give it more with `update --memory`."
    if seen.error:
        return seen.error
    return f"Exited with code {seen.exit_code}." if seen.exit_code else ""
