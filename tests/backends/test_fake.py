"""What a test can do to the fake engine."""

import threading

import pytest

from jeroboam.backends.data import Credentials, Definition, PortBinding, PullProgress
from jeroboam.backends.errors import ImageDenied, ImageMissing, Missing, Permanent, PortTaken, Temporary
from jeroboam.backends.fake import Call, FakeBackend, RegistryImage
from jeroboam.model.container import HealthCheck, Restart, RestartPolicy
from jeroboam.model.names import LABEL_OBJECT
from jeroboam.model.observed import State


@pytest.fixture
def fake() -> FakeBackend:
    return FakeBackend(images=["app:1"])


def _definition(name: str = "c", *command: str, **more: object) -> Definition:
    values: dict[str, object] = {"memory": 32, "vcpus": 500, "pids": 10, **more}
    return Definition(name, "app:1", {LABEL_OBJECT: name}, command=command, **values)  # type: ignore[arg-type]


def _state(fake: FakeBackend, name: str = "c") -> State | None:
    seen = fake.observe(name)
    return seen.state if seen else None


def test_calls_are_recorded_whatever_becomes_of_them(fake: FakeBackend) -> None:
    definition = _definition()
    fake.create(definition)
    with pytest.raises(Missing):
        fake.start("other")
    fake.stop("c", timeout=3)
    assert fake.calls == [
        Call("create", (definition,)),
        Call("start", ("other",)),
        Call("stop", ("c",), {"timeout": 3}),
    ]


def test_a_call_fails_as_often_as_told(fake: FakeBackend) -> None:
    fake.faults.fail("create", times=2)
    for _ in range(2):
        with pytest.raises(Temporary):
            fake.create(_definition())
        assert _state(fake) is None
    fake.create(_definition())
    assert _state(fake) is State.CREATED


def test_every_call_fails_until_the_engine_is_healed(fake: FakeBackend) -> None:
    fake.faults.fail(error=Permanent("cannot go on"), times=None)
    for attempt in (fake.ping, fake.containers, fake.capacity):
        with pytest.raises(Permanent, match="cannot go on"):
            attempt()
    fake.faults.heal()
    fake.ping()


def test_a_lost_answer_has_had_its_effect(fake: FakeBackend) -> None:
    fake.faults.lose_reply("create")
    with pytest.raises(Temporary):
        fake.create(_definition())
    assert _state(fake) is State.CREATED


@pytest.mark.parametrize(("after", "meanwhile"), [(False, None), (True, State.CREATED)])
def test_a_call_hangs_until_released(fake: FakeBackend, *, after: bool, meanwhile: State | None) -> None:
    gate = fake.faults.hang("create", after=after)
    thread = threading.Thread(target=fake.create, args=(_definition(),))
    thread.start()
    assert gate.reached.wait(10)
    assert _state(fake) is meanwhile
    gate.release()
    thread.join(10)
    assert _state(fake) is State.CREATED


def test_healing_releases_those_that_hang(fake: FakeBackend) -> None:
    gate = fake.faults.hang("ping")
    thread = threading.Thread(target=fake.ping)
    thread.start()
    assert gate.reached.wait(10)
    fake.faults.heal()
    thread.join(10)
    assert not thread.is_alive()


def test_time_passes_only_in_tick(fake: FakeBackend) -> None:
    fake.create(_definition("c", "sleep", "3600"))
    fake.start("c")
    fake.tick(3599)
    assert _state(fake) is State.RUNNING
    fake.tick(2)
    assert _state(fake) is State.EXITED


def test_what_happens_behind_our_back_is_heard(fake: FakeBackend) -> None:
    for name in ("gone", "crashed", "changed"):
        fake.create(_definition(name, "serve"))
        fake.start(name)
    stream = fake.events(None)
    fake.vanish("gone")
    fake.crash("crashed", 137, oom=True)
    fake.meddle("changed", memory=999)
    heard = [next(stream) for _ in range(4)]
    assert [(event.object_id, event.action) for event in heard] == [
        ("gone", "destroy"),
        ("crashed", "oom"),
        ("crashed", "die"),
        ("changed", "update"),
    ]
    crashed, changed = fake.observe("crashed"), fake.observe("changed")
    assert crashed is not None
    assert (crashed.oom_killed, crashed.exit_code) == (True, 137)
    assert changed is not None
    assert changed.memory == 999


def test_events_break_after_what_was_heard(fake: FakeBackend) -> None:
    stream = fake.events(None)
    fake.create(_definition())
    fake.break_events()
    assert next(stream).action == "create"
    with pytest.raises(Temporary):
        next(stream)


def test_restart_policies(fake: FakeBackend) -> None:
    fake.create(_definition("c", "exit", "1", restart=RestartPolicy(Restart.ON_FAILURE, 2)))
    fake.start("c")
    seen = []
    for _ in range(3):
        seen.append(_state(fake))
        fake.tick()
    assert seen == [State.RESTARTING, State.RESTARTING, State.EXITED]


def test_health_is_what_a_test_says(fake: FakeBackend) -> None:
    fake.create(_definition("c", "serve", healthcheck=HealthCheck(("true",))))
    fake.start("c")
    before = fake.observe("c")
    fake.meddle("c", health="unhealthy")
    after = fake.observe("c")
    assert before is not None
    assert after is not None
    assert (before.health, after.health) == ("starting", "unhealthy")


def test_a_port_that_a_stranger_has(fake: FakeBackend) -> None:
    fake.occupied_ports.add(8080)
    fake.create(_definition("c", "serve", ports=(PortBinding(80, "tcp", "127.0.0.1", 8080),)))
    with pytest.raises(PortTaken):
        fake.start("c")


def test_pulling(fake: FakeBackend) -> None:
    fake.registry["open:1"] = RegistryImage()
    fake.registry["r.example/closed:1"] = RegistryImage("me", "secret")
    told: list[PullProgress] = []
    assert fake.pull("open:1", None, told.append) == fake.image_id("open:1")
    assert told[-1].current == told[-1].total > 0
    with pytest.raises(ImageMissing):
        fake.pull("none:1", None)
    for credentials in (None, Credentials("r.example", "me", "wrong")):
        with pytest.raises(ImageDenied):
            fake.pull("r.example/closed:1", credentials)
    assert fake.pull("r.example/closed:1", Credentials("r.example", "me", "secret"))
