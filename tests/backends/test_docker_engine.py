"""What only a real engine shows: limits that hold, tenants that do not reach each other, bytes that are not lost."""

import socket
from pathlib import Path

import pytest

from jeroboam.backends.data import Definition, File, NetworkAttachment, PortBinding, VolumeBinding
from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.docker.owned import Known
from jeroboam.backends.errors import Missing, NotOurs, Permanent, PortTaken
from jeroboam.model.container import HealthCheck, HostMount, TmpfsMount
from jeroboam.model.observed import State
from tests.backends.houses import POLITE, Bench, EngineHouse
from tests.engine import Engine

pytestmark = pytest.mark.engine


def _run(bench: Bench, name: str, *command: str) -> str:
    result = bench.backend.exec_run(name, command, 20)
    return result.output.decode()


def _reached(bench: Bench, name: str, host: str) -> bool:
    """Whether a web server at `host` answers a container. (Static busybox's wget crashes looking up `http`.)"""
    talk = f"printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {host} 80"
    result = bench.backend.exec_run(name, ("sh", "-c", talk), 20)
    return result.output.endswith(b"served\n")


def _server(bench: Bench, network: str, alias: str, **more: object) -> str:
    script = "trap 'exit 0' TERM; echo served > /tmp/index.html; httpd -f -h /tmp & wait"
    name = bench.running("sh", "-c", script, networks=(NetworkAttachment(network, (alias,)),), **more)
    bench.until(lambda: _reached(bench, name, "127.0.0.1"), "the server serves")
    return name


def test_limits_hold_within_the_container(engine_bench: Bench) -> None:
    name = engine_bench.running(memory=48, vcpus=500, pids=20)
    v1 = "/sys/fs/cgroup/memory/memory.limit_in_bytes"
    limit = _run(engine_bench, name, "sh", "-c", f"cat {v1} 2>/dev/null || cat /sys/fs/cgroup/memory.max")
    assert int(limit) == 48 << 20
    status = _run(engine_bench, name, "cat", "/proc/1/status")
    assert "NoNewPrivs:\t1" in status
    forks = engine_bench.backend.exec_run(name, ("sh", "-c", "for i in $(seq 40); do sleep 5 & done; echo $?"), 20)
    assert b"can't fork" in forks.output


def test_a_port_that_a_process_has_is_taken(engine_bench: Bench, engine: Engine) -> None:
    with engine.within(lambda: socket.create_server(("127.0.0.1", 0))) as stranger:
        binding = PortBinding(80, "tcp", "127.0.0.1", stranger.getsockname()[1])
        attached = (NetworkAttachment(engine_bench.network()),)
        name = engine_bench.created(*POLITE, networks=attached, ports=(binding,))
        with pytest.raises(PortTaken) as refused:
            engine_bench.backend.start(name)
        assert refused.value.host_port == binding.host_port
        assert engine_bench.see(name).state is State.CREATED, "it never ran: nothing is lost with it"
    engine_bench.backend.start(name)


def test_an_address_that_the_machine_has_not_is_no_taken_port(engine_bench: Bench) -> None:
    attached = (NetworkAttachment(engine_bench.network()),)
    binding = PortBinding(80, "tcp", "203.0.113.9", 20000)
    name = engine_bench.created(*POLITE, networks=attached, ports=(binding,))
    with pytest.raises(Permanent, match="cannot assign requested address") as refused:
        engine_bench.backend.start(name)
    assert not isinstance(refused.value, PortTaken)


def test_the_document_has_no_way_to_the_host(engine_bench: Bench, engine_house: EngineHouse) -> None:
    seen = engine_house.client.inspect_container(engine_bench.running(memory=32))["HostConfig"]
    assert seen["Memory"] == seen["MemorySwap"] == 32 << 20
    assert (seen["Privileged"], seen["AutoRemove"], seen["IpcMode"]) == (False, False, "private")
    assert seen["SecurityOpt"] == ["no-new-privileges"]
    assert (seen["PidMode"], seen["UTSMode"], seen["UsernsMode"], seen["NetworkMode"]) == ("", "", "", "none")
    assert not any(seen[key] for key in ("Binds", "Devices", "CapAdd", "VolumesFrom", "Mounts") if seen.get(key))
    assert seen["LogConfig"] == {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "3"}}


def test_a_definition_may_name_a_runtime_and_folders_of_the_host(engine_bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "word").write_text("of the host")
    name = engine_bench.running(runtime="runc", host_mounts=(HostMount("/host", str(tmp_path)),))
    assert _run(engine_bench, name, "cat", "/host/word") == "of the host"
    with pytest.raises(Permanent, match="runtime"):
        engine_bench.running(runtime="no-such-runtime")


def test_environment_folder_hostname_and_tmpfs(engine_bench: Bench) -> None:
    name = engine_bench.running(
        environment={"GREETING": "a=b c", "EMPTY": ""},
        workdir="/var",
        hostname="jupiter",
        tmpfs=(TmpfsMount("/scratch", 2),),
    )
    assert _run(engine_bench, name, "sh", "-c", 'echo "$GREETING|$EMPTY|$(pwd)|$(hostname)"') == "a=b c||/var|jupiter\n"
    assert " 2048 " in _run(engine_bench, name, "df", "-k", "/scratch")


def test_an_entrypoint_takes_the_command_as_arguments(engine_bench: Bench) -> None:
    name = engine_bench.running("one two", "three", entrypoint=("echo", "said:"))
    engine_bench.until_state(name, State.EXITED)
    logs = engine_bench.backend.logs(name, stdout=True, stderr=True, timestamps=False, tail=None, since=None)
    assert b"".join(logs) == b"said: one two three\n"


def test_containers_of_a_network_find_each_other_by_alias_and_link(engine_bench: Bench) -> None:
    network = engine_bench.network()
    server = _server(engine_bench, network, "web")
    client = engine_bench.running(networks=(NetworkAttachment(network, links=((server, "shop"),)),))
    assert _reached(engine_bench, client, "web")
    assert _reached(engine_bench, client, "shop")


def test_containers_of_another_network_are_out_of_reach(engine_bench: Bench) -> None:
    network = engine_bench.network()
    server = _server(engine_bench, network, "web")
    [address] = engine_bench.see(server).addresses
    stranger = engine_bench.running(networks=(NetworkAttachment(engine_bench.network()),))
    lonely = engine_bench.running()
    for container in (stranger, lonely):
        assert not _reached(engine_bench, container, address.addr)
        assert not _reached(engine_bench, container, "web")


def test_a_published_port_is_reached_from_the_host(engine_bench: Bench, engine: Engine) -> None:
    port = engine_bench.house.free_port()
    binding = PortBinding(80, "tcp", "127.0.0.1", port)
    _server(engine_bench, engine_bench.network(), "web", ports=(binding,))
    with engine.connect("127.0.0.1", port) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        assert b"200 OK" in sock.recv(4096)


def test_a_volume_outlives_its_container(engine_bench: Bench) -> None:
    volume = engine_bench.volume_name()
    engine_bench.backend.ensure_volume(volume, {})
    mounted = (VolumeBinding(volume, "/data"),)
    first = engine_bench.running(volumes=mounted)
    _run(engine_bench, first, "sh", "-c", "echo kept > /data/file")
    engine_bench.backend.remove(first)
    assert _run(engine_bench, engine_bench.running(volumes=mounted), "cat", "/data/file") == "kept\n"


def test_running_out_of_memory_is_seen(engine_bench: Bench) -> None:
    name = engine_bench.running("sh", "-c", "a=x; while true; do a=$a$a; done", memory=16)
    seen = engine_bench.until_state(name, State.EXITED)
    assert (seen.oom_killed, seen.exit_code) == (True, 137)


@pytest.mark.parametrize(
    ("test", "health"), [(("true",), "healthy"), (("CMD-SHELL", "exit 1"), "unhealthy")], ids=["well", "ill"]
)
def test_health_is_seen_and_heard(engine_bench: Bench, test: tuple[str, ...], health: str) -> None:
    stream = engine_bench.backend.events(None)
    name = engine_bench.running(healthcheck=HealthCheck(test, interval=1, timeout=2, retries=1))
    engine_bench.until(lambda: engine_bench.see(name).health == health, f"it is {health}")
    heard = next(event for event in stream if event.action.startswith("health_status"))
    stream.close()
    assert heard.action == f"health_status: {health}"


def test_the_first_bytes_of_a_command_are_not_lost(engine_bench: Bench) -> None:
    """The engine may send them together with its answer's header."""
    name = engine_bench.running()
    for _ in range(20):
        assert _run(engine_bench, name, "echo", "at once") == "at once\n"


def test_a_flood_of_output_is_cut(engine_bench: Bench) -> None:
    name = engine_bench.running(memory=64)
    result = engine_bench.backend.exec_run(name, ("sh", "-c", "yes | head -c 5000000; exit 9"), 60)
    assert result.exit_code == 9
    assert (1 << 20) < len(result.output) < (1 << 20) + 100
    assert result.output.endswith(b"[cut: the output is longer than 1 MiB]\n")


def test_two_installations_do_not_see_each_other(engine_bench: Bench, engine: Engine, image: str) -> None:
    other = DockerBackend("other", engine.url, "another")
    name = "jeroboam-another-shared"
    try:
        made = other.create(Definition(name, image, {}, memory=32, vcpus=500, pids=64, command=POLITE))
        other.start(name)
        exec_id = other.exec_create(name, ("cat",), tty=False)
        assert made.id not in [one.id for one in engine_bench.backend.containers()]
        for attempt in (engine_bench.backend.exec_attach, engine_bench.backend.exec_container):
            with pytest.raises(Missing):
                attempt(exec_id)
        assert other.exec_container(exec_id) == made.id
    finally:
        other.remove(name)
        other.close()


def test_a_container_replaced_behind_our_back_is_not_touched(engine_bench: Bench, engine_house: EngineHouse) -> None:
    """Its name was seen as ours before: the one that has it now is not."""
    definition = engine_bench.definition(*POLITE)
    engine_bench.backend.create(definition)
    engine_house.client.remove_container(definition.name)
    engine_house.foreign_container(definition.name)
    engine_bench.forget(definition.name)
    with pytest.raises(NotOurs):
        engine_bench.backend.start(definition.name)
    with pytest.raises(NotOurs):
        engine_bench.backend.remove(definition.name)
    assert engine_house.foreign_state(definition.name) == "created"


class Forgetful(dict[str, Known]):
    """What other threads may do to what is remembered: it is forgotten at once."""

    def __setitem__(self, name: str, known: Known) -> None:
        """Nothing stays."""


def test_what_is_forgotten_meanwhile_is_found_again(engine_bench: Bench, docker_backend: DockerBackend) -> None:
    remembered, docker_backend._known = docker_backend._known, Forgetful()
    try:
        definition = engine_bench.definition(*POLITE, files=(File("/greeting", b"hello"),))
        for _ in range(2):
            docker_backend.create(definition)
        docker_backend.start(definition.name)
        assert _run(engine_bench, definition.name, "cat", "/greeting") == "hello"
    finally:
        docker_backend._known = remembered


class Meddler(str):
    """The id of a container that is compared at the very moment at which another thread remembers one more."""

    def __new__(cls, known: dict[str, Known]) -> "Meddler":
        made = super().__new__(cls, "meddler")
        made.known = known
        return made

    known: dict[str, Known]

    def __ne__(self, other: object) -> bool:
        self.known[f"another-{len(self.known)}"] = Known("another", False)
        return True

    __hash__ = str.__hash__


def test_a_command_is_found_while_others_are_remembered(engine_bench: Bench, docker_backend: DockerBackend) -> None:
    container = engine_bench.running()
    command = docker_backend.exec_create(container, ("true",), tty=False)
    remembered = docker_backend._known
    crowd: dict[str, Known] = {}
    crowd |= {"meddler": Known(Meddler(crowd), False), container: remembered[container]}
    docker_backend._known = crowd
    try:
        assert docker_backend.exec_container(command) == remembered[container].id
    finally:
        docker_backend._known = remembered
    assert len(crowd) > 2, "it was changed meanwhile"
