"""The pure parts: what is asked of an engine, and how its answers are read."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jeroboam.backends.data import Definition, NetworkAttachment, PortBinding, VolumeBinding
from jeroboam.backends.docker import reading
from jeroboam.backends.docker.definition import create_document
from jeroboam.backends.docker.refusals import refusal
from jeroboam.backends.docker.streams import Demultiplexer, json_lines
from jeroboam.backends.docker.usage import usage
from jeroboam.backends.errors import (
    BackendError,
    ImageMissing,
    Missing,
    NetworkMissing,
    Permanent,
    PortTaken,
    Taken,
    Temporary,
    WrongState,
)
from jeroboam.model.container import HealthCheck, HostMount, Restart, RestartPolicy, TmpfsMount
from jeroboam.model.observed import State

WHOLE = Definition(
    name="jeroboam-i-1",
    image="app:1",
    labels={"io.jeroboam.object": "1", "io.jeroboam.installation": "somebody else's", "colour": "red"},
    memory=64,
    vcpus=1500,
    pids=99,
    command=("serve",),
    entrypoint=("/init",),
    environment={"A": "1"},
    workdir="/srv",
    hostname="h",
    restart=RestartPolicy(Restart.ON_FAILURE, 3),
    healthcheck=HealthCheck(("curl", "localhost"), interval=2, timeout=1, retries=4),
    stdin=True,
    networks=(NetworkAttachment("n1", ("web",), "10.0.0.5", (("other", "db"),)), NetworkAttachment("n2")),
    ports=(PortBinding(80, "tcp", "127.0.0.1", 8080), PortBinding(80, "tcp", "127.0.0.1", 8081)),
    volumes=(VolumeBinding("v1", "/data"),),
    host_mounts=(HostMount("/host", "/srv"),),
    tmpfs=(TmpfsMount("/scratch", 8),),
    runtime="runsc",
    log_max_mib=5,
    log_files=2,
)


def test_the_whole_create_document() -> None:
    assert create_document(WHOLE, "i") == {
        "Image": "app:1",
        "Labels": {"io.jeroboam.object": "1", "io.jeroboam.installation": "i", "colour": "red"},
        "Env": ["A=1"],
        "Tty": False,
        "OpenStdin": True,
        "ExposedPorts": {"80/tcp": {}},
        "Cmd": ["serve"],
        "Entrypoint": ["/init"],
        "WorkingDir": "/srv",
        "Hostname": "h",
        "Healthcheck": {
            "Test": ["CMD", "curl", "localhost"],
            "Interval": 2_000_000_000,
            "Timeout": 1_000_000_000,
            "Retries": 4,
        },
        "NetworkingConfig": {
            "EndpointsConfig": {
                "n1": {"Aliases": ["web"], "Links": ["other:db"], "IPAMConfig": {"IPv4Address": "10.0.0.5"}}
            }
        },
        "HostConfig": {
            "Memory": 64 << 20,
            "MemorySwap": 64 << 20,
            "NanoCpus": 1_500_000_000,
            "PidsLimit": 99,
            "Privileged": False,
            "SecurityOpt": ["no-new-privileges"],
            "IpcMode": "private",
            "AutoRemove": False,
            "NetworkMode": "n1",
            "PortBindings": {
                "80/tcp": [
                    {"HostIp": "127.0.0.1", "HostPort": "8080"},
                    {"HostIp": "127.0.0.1", "HostPort": "8081"},
                ]
            },
            "RestartPolicy": {"Name": "on-failure", "MaximumRetryCount": 3},
            "LogConfig": {"Type": "json-file", "Config": {"max-size": "5m", "max-file": "2"}},
            "Mounts": [
                {
                    "Type": "volume",
                    "Source": "v1",
                    "Target": "/data",
                    "VolumeOptions": {"Labels": {"io.jeroboam.installation": "i"}},
                },
                {"Type": "tmpfs", "Target": "/scratch", "TmpfsOptions": {"SizeBytes": 8 << 20}},
                {"Type": "bind", "Source": "/srv", "Target": "/host"},
            ],
            "Runtime": "runsc",
        },
    }


@pytest.mark.parametrize(
    ("status", "words", "kind"),
    [
        (404, "No such container: x", Missing),
        (404, "No such image: x:1", ImageMissing),
        (404, "network abc not found", NetworkMissing),
        (409, "Container x is not running", WrongState),
        (500, "Container x is not paused", WrongState),
        (409, "removal of container x is already in progress", Temporary),
        (409, "remove v: volume is in use - [x]", Temporary),
        (403, "network n id 1 has active endpoints", Temporary),
        (403, "Pool overlaps with other one on this address space", Taken),
        (403, "Address already in use", Taken),
        (500, "Bind for 127.0.0.1:80 failed: port is already allocated", PortTaken),
        (500, "Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use", PortTaken),
        (500, "failed to bind host port for 127.0.0.1:80:172.17.0.2:80/tcp: address already in use", PortTaken),
        (500, "failed to bind host port for 10.9.9.9:80:172.17.0.2:80/tcp: cannot assign requested address", Permanent),
        (
            500,
            "Error starting userland proxy: listen tcp4 10.9.9.9:80: bind: cannot assign requested address",
            Permanent,
        ),
        (500, "failed to bind host port 127.0.0.1:80/tcp: permission denied", Permanent),
        (500, "OCI runtime create failed: exec: nope: not found", Permanent),
        (400, "Minimum memory limit allowed is 6MB", Permanent),
        (500, "Cannot kill container: x: The linux daemon does not support signal 99", Permanent),
        (403, "whatever", Permanent),
        (500, "whatever", Temporary),
        (503, "", Temporary),
    ],
)
def test_refusals_have_types_and_keep_the_engines_words(status: int, words: str, kind: type[BackendError]) -> None:
    error = refusal(status, words, "start container c")
    assert type(error) is kind
    assert str(error).startswith("cannot start container c: ")
    assert words in str(error)


@pytest.mark.parametrize(
    ("words", "port"),
    [
        ("driver failed on endpoint c (5e1f): Bind for 127.0.0.1:8001 failed: port is already allocated", 8001),
        ("Bind for :::8001 failed: port is already allocated", 8001),
        ("Error starting userland proxy: listen tcp4 127.0.0.1:8001: bind: address already in use", 8001),
        ("Error starting userland proxy: listen tcp6 [::1]:8001: bind: address already in use", 8001),
        ("failed to bind host port for 127.0.0.1:8001:172.17.0.2:80/tcp: address already in use", 8001),
        ("failed to bind host port 127.0.0.1:8001/tcp: address already in use", 8001),
        ("port is already allocated", None),
    ],
)
def test_of_a_taken_host_port_the_engine_says_which(words: str, port: int | None) -> None:
    error = refusal(500, words, "start container c:80")
    assert isinstance(error, PortTaken)
    assert error.host_port == port


_FRAMES = st.lists(st.tuples(st.sampled_from([1, 2]), st.binary(max_size=40)), max_size=8)


@given(frames=_FRAMES, cuts=st.lists(st.integers(0, 400), max_size=12))
def test_frames_are_taken_out_however_the_stream_is_cut(frames: list[tuple[int, bytes]], cuts: list[int]) -> None:
    raw = b"".join(bytes([stream, 0, 0, 0]) + len(data).to_bytes(4, "big") + data for stream, data in frames)
    demultiplexer = Demultiplexer()
    bounds = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    parts = [demultiplexer.feed(raw[start:end]) for start, end in itertools.pairwise(bounds)]
    assert b"".join(parts) == b"".join(data for _, data in frames)


@given(st.lists(st.integers(0, 60), max_size=6))
def test_lines_are_put_together_however_the_stream_is_cut(cuts: list[int]) -> None:
    raw = '{"a": "ü"}\r\n{"b": 2}\n\n{"c": 3}'.encode()
    bounds = [0, *sorted(cut for cut in cuts if cut < len(raw)), len(raw)]
    chunks = (raw[start:end] for start, end in itertools.pairwise(bounds))
    assert list(json_lines(chunks)) == [{"a": "ü"}, {"b": 2}, {"c": 3}]


def _sample(second: int, cpu_ns: int) -> dict[str, object]:
    return {
        "read": f"2026-11-23T10:00:{second:02}.000000000Z",
        "cpu_stats": {"cpu_usage": {"total_usage": cpu_ns}},
        "memory_stats": {"usage": 30 << 20, "limit": 100 << 20, "stats": {"total_inactive_file": 5 << 20}},
        "blkio_stats": {"io_service_bytes_recursive": [{"op": "Read", "value": 7}, {"op": "Write", "value": 9}]},
        "networks": {"eth0": {"rx_bytes": 1, "tx_bytes": 2}, "eth1": {"rx_bytes": 10, "tx_bytes": 20}},
    }


def test_figures_from_two_samples() -> None:
    assert usage("c", _sample(10, 1_000_000_000), _sample(12, 4_000_000_000)) == {
        "CONTAINER": "c",
        "CPU %": pytest.approx(150.0),
        "MEM USAGE(MiB)": 25.0,
        "MEM LIMIT(MiB)": 100.0,
        "MEM %": 25.0,
        "BLOCK I/O(B)": "7/9",
        "NET I/O(B)": "11/22",
    }


def test_figures_of_a_container_without_network_or_disk() -> None:
    bare = {"read": "2026-11-23T10:00:10Z", "cpu_stats": {"cpu_usage": {"total_usage": 5}}, "memory_stats": {}}
    assert usage("c", bare, bare)["CPU %"] == 0.0
    assert usage("c", bare, bare)["NET I/O(B)"] == "0/0"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0001-01-01T00:00:00Z", None), ("", None), (None, None), ("1970-01-01T00:00:01.5Z", 1.5)],
)
def test_times(text: str | None, expected: float | None) -> None:
    assert reading.seconds(text) == expected


@pytest.mark.parametrize(("word", "state"), [("running", State.RUNNING), ("removing", State.DEAD), ("new", State.DEAD)])
def test_states_that_we_do_not_know_are_dead(word: str, state: State) -> None:
    assert reading.state_of(word) is state
