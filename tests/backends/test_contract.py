"""What every backend promises of containers, from create to remove."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace

import pytest

from jeroboam.backends.base import Backend
from jeroboam.backends.data import File, NetworkAttachment, VolumeBinding
from jeroboam.backends.errors import ImageMissing, Missing, NotOurs, Permanent, Temporary, WrongState
from jeroboam.model.container import Restart, RestartPolicy
from jeroboam.model.names import LABEL_OBJECT
from jeroboam.model.observed import Observed, State
from tests.backends.houses import POLITE, Bench

DEAF = ("sleep", "600")
"""As process 1 it does not hear a polite signal."""


def test_a_created_container_is_there_and_not_started(bench: Bench, backend: Backend) -> None:
    definition = bench.definition(*POLITE, memory=48, vcpus=250, pids=33)
    made = backend.create(definition)
    seen = bench.see(definition.name)
    assert (made.state, seen.state) == (State.CREATED, State.CREATED)
    assert made.id == seen.id
    assert (seen.name, seen.object_id, seen.definition) == (definition.name, definition.labels[LABEL_OBJECT], "d1")
    assert (seen.memory, seen.vcpus, seen.pids) == (48, 250, 33)
    assert seen.image_id == backend.image_id(definition.image)
    assert seen.exit_code is None
    assert seen.started_at is None


def test_creating_it_again_adopts_the_first(bench: Bench, backend: Backend) -> None:
    definition = bench.definition(*POLITE)
    first = backend.create(definition)
    backend.start(definition.name)
    second = backend.create(replace(definition, memory=64))
    assert (second.id, second.state, second.memory) == (first.id, State.RUNNING, 32)


def test_adopting_makes_good_what_a_broken_off_create_left_out(bench: Bench, backend: Backend) -> None:
    first, second = bench.network(), bench.network()
    networks = (NetworkAttachment(first), NetworkAttachment(second))
    whole = bench.definition(*POLITE, files=(File("/etc/motd", b"hello"),), networks=networks)
    backend.create(replace(whole, files=(), networks=networks[:1]))
    backend.create(whole)
    backend.start(whole.name)
    assert {address.network for address in bench.see(whole.name).addresses} == {first, second}
    assert backend.exec_run(whole.name, ("cat", "/etc/motd"), 10).output == b"hello"


def test_many_creates_at_once_make_one_container(bench: Bench, backend: Backend) -> None:
    definition = bench.definition(*POLITE)

    def create(_: int) -> Observed | None:
        with suppress(Temporary):  # The name is reserved already, and the container not to be seen yet.
            return backend.create(definition)
        return None

    with ThreadPoolExecutor(8) as pool:
        made = [one for one in pool.map(create, range(8)) if one is not None]
    assert len({one.id for one in made}) == 1
    assert [one.name for one in backend.containers()].count(definition.name) == 1


def test_an_unknown_image_is_named(bench: Bench, backend: Backend) -> None:
    with pytest.raises(ImageMissing, match="no-such-image:1"):
        backend.create(bench.definition(image="no-such-image:1"))


@pytest.mark.parametrize("limits", [{"memory": 0}, {"vcpus": 0}, {"pids": 0}, {"memory": 1}, {"vcpus": 9_000_000}])
def test_limits_that_are_none_or_beyond_the_engine_are_refused(
    bench: Bench, backend: Backend, limits: dict[str, int]
) -> None:
    definition = bench.definition(**limits)
    with pytest.raises(Permanent, match="cannot create container"):
        backend.create(definition)
    assert backend.observe(definition.name) is None


@pytest.mark.parametrize("network", ["host", "bridge", "none", "default", "", "container:abc"])
def test_a_network_that_is_a_namespace_of_the_host_is_refused(bench: Bench, backend: Backend, network: str) -> None:
    with pytest.raises(Permanent, match="only networks of ours"):
        backend.create(bench.definition(networks=(NetworkAttachment(network),)))
    with pytest.raises(Permanent, match="only networks of ours"):
        backend.connect(bench.created(), NetworkAttachment(network))


@pytest.mark.parametrize("path", ["/", "/etc", "a/b", ""])
def test_a_folder_of_the_host_is_no_volume(bench: Bench, backend: Backend, path: str) -> None:
    with pytest.raises(Permanent, match="host folders are never mounted"):
        backend.create(bench.definition(volumes=(VolumeBinding(path, "/data"),)))


@pytest.mark.parametrize("destination", ["../x", "/a/../../x", "x", "/"])
def test_files_go_to_absolute_paths(bench: Bench, backend: Backend, destination: str) -> None:
    definition = bench.definition(files=(File(destination, b""),))
    with pytest.raises(Permanent, match="absolute path"):
        backend.create(definition)
    assert backend.observe(definition.name) is None


def test_start_is_idempotent(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    first = bench.see(name)
    backend.start(name)
    second = bench.see(name)
    assert first.state is State.RUNNING
    assert second.started_at == first.started_at is not None


def test_a_command_that_does_not_exist_says_so(bench: Bench, backend: Backend) -> None:
    name = bench.created("no-such-command")
    with pytest.raises(Permanent, match="no-such-command"):
        backend.start(name)
    seen = bench.see(name)
    assert (seen.state, seen.exit_code) == (State.CREATED, 127)
    assert "no-such-command" in seen.error


@pytest.mark.parametrize("code", [0, 3])
def test_an_end_leaves_its_exit_code(bench: Bench, code: int) -> None:
    name = bench.running("sh", "-c", f"exit {code}")
    seen = bench.until_state(name, State.EXITED)
    assert seen.exit_code == code
    assert seen.started_at is not None
    assert seen.finished_at is not None
    assert seen.finished_at >= seen.started_at
    assert seen.addresses == ()


def test_an_exited_container_can_be_started_again(bench: Bench, backend: Backend) -> None:
    name = bench.running("sleep", "0.1")
    first = bench.until_state(name, State.EXITED)
    backend.start(name)
    again = bench.see(name)
    assert again.started_at is not None
    assert first.started_at is not None
    assert again.started_at > first.started_at


@pytest.mark.parametrize(("command", "code"), [(POLITE, 0), (DEAF, 137)])
def test_stop_asks_and_then_kills(bench: Bench, backend: Backend, command: tuple[str, ...], code: int) -> None:
    name = bench.running(*command)
    # A shell hears signals only once it has set its trap.
    bench.until(lambda: command is DEAF or backend.exec_run(name, ("true",), 10).exit_code == 0, "it runs")
    backend.stop(name, 0 if command is DEAF else 10)
    backend.stop(name, 0)
    seen = bench.see(name)
    assert (seen.state, seen.exit_code) == (State.EXITED, code)


def test_stopping_what_never_ran_changes_nothing(bench: Bench, backend: Backend) -> None:
    name = bench.created()
    backend.stop(name, 0)
    assert bench.see(name).state is State.CREATED


def test_pause_and_unpause_are_idempotent(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    backend.pause(name)
    backend.pause(name)
    assert bench.see(name).state is State.PAUSED
    backend.unpause(name)
    backend.unpause(name)
    assert bench.see(name).state is State.RUNNING


def test_a_paused_container_can_be_stopped_and_not_started(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    backend.pause(name)
    with pytest.raises(WrongState, match="unpause"):
        backend.start(name)
    backend.stop(name, 10)
    assert bench.see(name).state is State.EXITED


def test_what_does_not_run_cannot_be_paused_killed_or_looked_into(bench: Bench, backend: Backend) -> None:
    name = bench.created()
    attempts: list[Callable[[], object]] = [
        lambda: backend.pause(name),
        lambda: backend.unpause(name),
        lambda: backend.kill(name, "TERM"),
        lambda: backend.exec_run(name, ("true",), 5),
        lambda: backend.exec_create(name, ("true",), tty=False),
        lambda: backend.attach(name),
        lambda: backend.top(name, None),
        lambda: backend.stats(name),
    ]
    for attempt in attempts:
        with pytest.raises(WrongState):
            attempt()


def test_kill_sends_the_signal(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    with pytest.raises(Permanent, match="NOSUCH"):
        backend.kill(name, "NOSUCH")
    backend.kill(name, "KILL")
    assert bench.until_state(name, State.EXITED).exit_code == 137


def test_restart_begins_anew_from_any_state(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    first = bench.see(name)
    backend.restart(name, 10)
    second = bench.see(name)
    assert second.state is State.RUNNING
    assert (second.started_at or 0) > (first.started_at or 0)
    backend.stop(name, 10)
    backend.restart(name, 10)
    assert bench.see(name).state is State.RUNNING


def test_remove_takes_it_away_whatever_its_state(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    backend.pause(name)
    backend.remove(name)
    backend.remove(name)
    assert backend.observe(name) is None
    assert name not in [one.name for one in backend.containers()]


def test_one_that_was_made_anew_by_somebody_else_is_found_again(bench: Bench, backend: Backend) -> None:
    definition = bench.definition(*POLITE)
    first = backend.create(definition)
    backend.remove(definition.name)
    second = backend.create(definition)
    assert first.id != second.id
    backend.start(definition.name)
    assert bench.see(definition.name).state is State.RUNNING


def test_update_changes_the_limits_of_one_that_runs(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    backend.update(name, memory=64)
    backend.update(name, vcpus=750)
    seen = bench.see(name)
    assert (seen.memory, seen.vcpus, seen.state) == (64, 750, State.RUNNING)
    with pytest.raises(Permanent):
        backend.update(name, memory=1)


def test_what_is_not_there_is_missing(bench: Bench, backend: Backend) -> None:
    name = bench.definition().name
    attempts: list[Callable[[], object]] = [
        lambda: backend.start(name),
        lambda: backend.stop(name, 0),
        lambda: backend.pause(name),
        lambda: backend.unpause(name),
        lambda: backend.restart(name, 0),
        lambda: backend.kill(name, "KILL"),
        lambda: backend.update(name, memory=64),
        lambda: backend.exec_run(name, ("true",), 5),
        lambda: backend.attach(name),
        lambda: backend.top(name, None),
        lambda: backend.stats(name),
        lambda: backend.get_archive(name, "/etc", 1000),
        lambda: backend.put_archive(name, "/etc", b""),
    ]
    assert backend.observe(name) is None
    for attempt in attempts:
        with pytest.raises(Missing):
            attempt()


def test_what_is_not_ours_is_never_touched_whatever_its_name(bench: Bench, backend: Backend) -> None:
    definition = bench.definition(*POLITE)
    network = bench.network()
    bench.house.foreign_container(definition.name)
    attempts: list[Callable[[str], object]] = [
        lambda name: backend.create(definition),
        backend.observe,
        backend.start,
        lambda name: backend.stop(name, 0),
        backend.pause,
        backend.unpause,
        lambda name: backend.restart(name, 0),
        lambda name: backend.kill(name, "KILL"),
        backend.remove,
        lambda name: backend.update(name, memory=64),
        lambda name: backend.connect(name, NetworkAttachment(network)),
        lambda name: backend.logs(name, stdout=True, stderr=True, timestamps=False, tail=None, since=None),
        lambda name: backend.exec_run(name, ("true",), 5),
        lambda name: backend.exec_create(name, ("true",), tty=False),
        backend.attach,
        lambda name: backend.resize(name, 80, 25),
        lambda name: backend.top(name, None),
        backend.stats,
        lambda name: backend.get_archive(name, "/etc", 1000),
        lambda name: backend.put_archive(name, "/etc", b""),
    ]
    for attempt in attempts:
        with pytest.raises(NotOurs):
            attempt(definition.name)
    assert bench.house.foreign_state(definition.name) == "created"
    assert definition.name not in [one.name for one in backend.containers()]
    bench.forget(definition.name)


@pytest.mark.parametrize("policy", [Restart.ALWAYS, Restart.ON_FAILURE])
def test_a_restart_policy_is_the_engines_business(bench: Bench, policy: Restart) -> None:
    name = bench.running("sh", "-c", "sleep 0.1; exit 1", restart=RestartPolicy(policy))
    first = bench.see(name)
    bench.until(lambda: (bench.see(name).started_at or 0) > (first.started_at or 0), "it was started again")


def test_restarts_on_failure_come_to_an_end(bench: Bench) -> None:
    name = bench.running("sh", "-c", "exit 4", restart=RestartPolicy(Restart.ON_FAILURE, 1))
    assert bench.until_state(name, State.EXITED).exit_code == 4


def test_the_machine_has_figures(backend: Backend) -> None:
    backend.ping()
    capacity = backend.capacity()
    assert capacity.cpus >= 1
    assert capacity.memory >= 64
    assert capacity.host
    assert capacity.engine
    assert capacity.id == backend.capacity().id != ""


def test_its_clock_is_the_one_of_its_containers(bench: Bench, backend: Backend) -> None:
    before = backend.clock()
    started = bench.see(bench.running()).started_at
    assert started is not None
    assert before <= started <= backend.clock()
