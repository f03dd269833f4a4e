"""Table of what planning answers, and the property that following its answers always comes to rest."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeroboam.model.container import (
    ContainerSpec,
    ContainerStatus,
    HealthCheck,
    Intent,
    NetworkSpec,
    Restart,
    RestartPolicy,
    RunState,
)
from jeroboam.model.observed import Observed, State
from jeroboam.planning import container as steps
from jeroboam.planning.container import Charge, Desired, Hold, Step, plan
from jeroboam.planning.definition import _essentials, definition_digest, networking_digest

NOW = 1000.0
ADMITTED = Charge()
SPEC = ContainerSpec("busybox", intent=Intent(RunState.RUNNING, revision=2))


def desired(
    spec: ContainerSpec = SPEC,
    *,
    done: int = 0,
    made: bool = True,
    charge: Charge = ADMITTED,
    deleting: bool = False,
    redo_after: float = 0.0,
) -> Desired:
    status = ContainerStatus(
        definition=definition_digest(spec) if made else None,
        networking=networking_digest("web", spec),
        intent_done=done,
        redo_after=redo_after,
    )
    return Desired("web", spec, status, charge, deleting)


def seen(state: State, spec: ContainerSpec = SPEC, **changes: object) -> Observed:
    shown = Observed(
        "c1", "web", "o1", state, definition_digest(spec), "sha256:1", memory=spec.memory, vcpus=spec.vcpus
    )
    return replace(shown, **changes)  # type: ignore[arg-type]


def with_intent(state: RunState, **changes: object) -> ContainerSpec:
    return replace(SPEC, intent=Intent(state, revision=2), **changes)  # type: ignore[arg-type]


ALWAYS = with_intent(RunState.RUNNING, restart=RestartPolicy(Restart.ALWAYS))
STOPPED = with_intent(RunState.STOPPED)
CREATED = with_intent(RunState.CREATED)
PAUSED = with_intent(RunState.PAUSED)
ALONE = replace(SPEC, networks=())
RESTART = replace(SPEC, intent=Intent(RunState.RUNNING, revision=2, restart=True))
ASKED = replace(SPEC, intent=Intent(RunState.RUNNING, revision=2, asked_at=500.0))
PATIENT = replace(SPEC, intent=Intent(RunState.RUNNING, revision=2, timeout=300))
WAITING = Charge(Hold.WAITING, "wait")
LEAVING = Charge(evict_at=NOW + 30)
DUE = Charge(evict_at=NOW)
REST = steps.Rest()
LEAVE = steps.Stop(10, leaving=True)

CASES: list[tuple[str, Desired, Observed | None, Step]] = [
    ("never made", desired(made=False), None, steps.Create()),
    ("made, to be started", desired(), seen(State.CREATED), steps.Start()),
    ("made half, or whole without our knowing", desired(made=False), seen(State.CREATED), steps.Create()),
    ("made half, and not to be started", desired(CREATED, made=False), seen(State.CREATED, CREATED), steps.Create()),
    ("runs: the ask is carried out", desired(), seen(State.RUNNING), steps.Fulfilled()),
    ("runs and that is known", desired(done=2), seen(State.RUNNING), steps.Rest()),
    ("ended by itself", desired(done=2), seen(State.EXITED), steps.Rest()),
    ("ended before we could note that it ran", desired(ASKED), seen(State.EXITED, started_at=501.0), steps.Fulfilled()),
    ("ran before it was asked for", desired(ASKED), seen(State.EXITED, started_at=499.0), steps.Start()),
    ("was evicted since", desired(ASKED, redo_after=600.0), seen(State.EXITED, started_at=501.0), steps.Start()),
    ("restart", desired(RESTART), seen(State.RUNNING), steps.Restarting(10)),
    (
        "restarted, and its stop for others failed",
        desired(replace(RESTART, intent=replace(RESTART.intent, asked_at=500.0)), redo_after=600.0),
        seen(State.RUNNING, started_at=501.0),
        steps.Fulfilled(),
    ),
    ("restart of what stands still", desired(RESTART), seen(State.EXITED), steps.Start()),
    ("stop", desired(STOPPED), seen(State.RUNNING, STOPPED), steps.Stop(10)),
    ("pause", desired(PAUSED), seen(State.RUNNING, PAUSED), steps.Pause()),
    ("pause of what stands still", desired(PAUSED), seen(State.EXITED, PAUSED), steps.Start()),
    ("unpause", desired(), seen(State.PAUSED), steps.Unpause()),
    (
        "stopped behind our back, must run",
        desired(ALWAYS, done=2),
        seen(State.EXITED, ALWAYS),
        steps.Start(drifted=True),
    ),
    ("started behind our back", desired(STOPPED, done=2), seen(State.RUNNING, STOPPED), steps.Stop(10, drifted=True)),
    ("paused behind our back", desired(done=2), seen(State.PAUSED), steps.Rest()),
    ("paused behind our back, must run", desired(ALWAYS, done=2), seen(State.PAUSED, ALWAYS), steps.Unpause(True)),
    ("removed to be made anew", replace(desired(done=2), spec=replace(SPEC, command=("x",))), None, steps.Create()),
    ("vanished", desired(done=2), None, steps.Rest(vanished=True)),
    ("vanished, must run", desired(ALWAYS, done=2), None, steps.Create(drifted=True)),
    ("vanished, heals", desired(replace(SPEC, auto_heal=True), done=2), None, steps.Create(drifted=True)),
    ("vanished, asked for again", desired(), None, steps.Create()),
    (
        "seen in the middle of its removal",
        desired(ALWAYS, done=2),
        seen(State.DEAD, ALWAYS),
        steps.Remove(again=True, drifted=True),
    ),
    ("memory changed", desired(done=2), seen(State.RUNNING, memory=1), steps.Update(SPEC.memory, SPEC.vcpus)),
    ("memory changed, and is to stop", desired(STOPPED), seen(State.RUNNING, STOPPED, memory=1), steps.Stop(10)),
    ("memory refused", replace(desired(), limits_refused="no"), seen(State.CREATED, memory=1), steps.Start()),
    ("memory refused, at rest", replace(desired(done=2), limits_refused="no"), seen(State.RUNNING, memory=1), REST),
    ("made from another definition", desired(done=2), seen(State.RUNNING, definition="old"), steps.Remove(again=True)),
    (
        "made without a network, is to join one",
        desired(done=2),
        seen(State.RUNNING, joinable=False),
        steps.Remove(again=True),
    ),
    (
        "made without a network, is to have none",
        desired(ALONE, done=2),
        seen(State.RUNNING, ALONE, joinable=False),
        REST,
    ),
    (
        "is to leave its last network",
        replace(desired(done=2), spec=ALONE),
        seen(State.RUNNING, ALONE),
        steps.Rejoin(),
    ),
    ("renamed", replace(desired(done=2), name="db"), seen(State.RUNNING), steps.Rejoin()),
    (
        "ran to its end, to be removed",
        desired(replace(SPEC, auto_remove=True), done=2),
        seen(State.EXITED),
        steps.AutoRemove(),
    ),
    ("waits for quota", desired(made=False, charge=WAITING), None, steps.Rest()),
    ("waits for quota, came back running", desired(charge=WAITING), seen(State.RUNNING), LEAVE),
    ("leaves later", desired(done=2, charge=LEAVING), seen(State.RUNNING), steps.Rest()),
    ("leaves now", desired(done=2, charge=DUE), seen(State.RUNNING), LEAVE),
    ("leaves now, and not as slowly as it likes", desired(PATIENT, charge=DUE), seen(State.RUNNING), LEAVE),
    ("leaves now, stands still", desired(done=2, charge=DUE), seen(State.EXITED), steps.Evict()),
    ("leaves now, was never made", desired(made=False, charge=DUE), None, steps.Evict()),
    ("evicted", desired(charge=Charge(Hold.EVICTED)), seen(State.EXITED), steps.Rest()),
    ("deleting", desired(deleting=True), seen(State.RUNNING), steps.Remove()),
    ("deleting, politely", desired(STOPPED, deleting=True), seen(State.RUNNING, STOPPED), steps.Stop(10)),
    ("deleting, gone", desired(deleting=True), None, steps.Forget()),
    ("deleting what leaves now", desired(deleting=True, charge=DUE), None, steps.Forget()),
]


@pytest.mark.parametrize(("wanted", "shown", "step"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_next_step(wanted: Desired, shown: Observed | None, step: Step) -> None:
    assert plan(wanted, shown, NOW) == step


def test_an_ask_changes_no_definition_but_a_command_does() -> None:
    assert definition_digest(SPEC) == definition_digest(replace(STOPPED, memory=7, vcpus=7))
    assert definition_digest(SPEC) != definition_digest(replace(SPEC, command=("true",)))
    assert definition_digest(SPEC) != definition_digest(replace(SPEC, rebuild=1))


def test_networks_are_no_part_of_a_definition() -> None:
    for networks in ((), (NetworkSpec("back"),), (NetworkSpec(), NetworkSpec("back"))):
        assert definition_digest(replace(SPEC, networks=networks)) == definition_digest(SPEC)


def test_what_is_as_by_default_is_no_part_of_a_digest() -> None:
    """Else a field that a later version adds would make every container anew."""
    declared = _essentials(replace(SPEC, healthcheck=HealthCheck(("true",))))
    assert set(declared) == {"image", "intent", "healthcheck"}
    assert declared["healthcheck"] == {"test": ["true"]}


def follow(wanted: Desired, shown: Observed | None, step: Step) -> tuple[Desired, Observed | None]:
    """A perfect engine and conductor: what is seen after the step."""
    status, spec = wanted.status, wanted.spec
    match step:
        case steps.Create():
            status = replace(
                status, definition=definition_digest(spec), networking=networking_digest(wanted.name, spec)
            )
            shown = seen(State.CREATED, spec)
        case steps.Remove():
            status, shown = replace(status, definition=None, intent_done=0), None
        case steps.Start() | steps.Unpause() | steps.Restarting():
            assert shown is not None
            shown = replace(shown, state=State.RUNNING, started_at=NOW)
            if spec.intent.state is RunState.RUNNING:
                status = replace(status, intent_done=spec.intent.revision)
        case steps.Stop():
            assert shown is not None
            shown = replace(shown, state=State.EXITED)
        case steps.Pause():
            assert shown is not None
            shown = replace(shown, state=State.PAUSED)
        case steps.Update(memory, vcpus):
            assert shown is not None
            shown = replace(shown, memory=memory, vcpus=vcpus)
        case steps.Rejoin():
            status = replace(status, networking=networking_digest(wanted.name, spec))
        case steps.Fulfilled():
            status = replace(status, intent_done=spec.intent.revision)
        case steps.Evict():
            wanted = replace(wanted, charge=Charge(Hold.EVICTED))
        case steps.AutoRemove():
            wanted = replace(wanted, deleting=True)
    return replace(wanted, status=status), shown


specs = st.builds(
    ContainerSpec,
    image=st.just("busybox"),
    intent=st.builds(
        Intent,
        state=st.sampled_from(RunState),
        revision=st.integers(1, 3),
        restart=st.booleans(),
        asked_at=st.sampled_from([0.0, 500.0]),
    ),
    restart=st.builds(RestartPolicy, st.sampled_from(Restart)),
    auto_heal=st.booleans(),
    auto_remove=st.booleans(),
)
charges = st.sampled_from([Charge(), WAITING, LEAVING, DUE, Charge(Hold.EVICTED)])


@given(
    spec=specs,
    charge=charges,
    deleting=st.booleans(),
    made=st.booleans(),
    done=st.integers(0, 3),
    state=st.none() | st.sampled_from(State),
    memory=st.sampled_from([1, 256]),
    digest=st.sampled_from(["old", "right"]),
)
def test_following_the_plan_comes_to_rest(
    spec: ContainerSpec,
    charge: Charge,
    deleting: bool,
    made: bool,
    done: int,
    state: State | None,
    memory: int,
    digest: str,
) -> None:
    wanted = desired(spec, made=made, done=done, charge=charge, deleting=deleting)
    shown = None
    if state is not None:
        shown = seen(state, spec, memory=memory, definition=definition_digest(spec) if digest == "right" else "old")
    for _ in range(16):
        step = plan(wanted, shown, NOW)
        if isinstance(step, steps.Forget):
            assert wanted.deleting
            assert shown is None
            return
        if isinstance(step, steps.Rest):
            break
        wanted, shown = follow(wanted, shown, step)
    else:
        raise AssertionError(f"no rest: {step}")
    alive = shown is not None and shown.state in (State.RUNNING, State.PAUSED, State.RESTARTING)
    if wanted.charge.hold is not Hold.ADMITTED:
        assert not alive
