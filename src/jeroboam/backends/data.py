"""What goes to a backend and comes back from it: plain data, in the engine's names and our units."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from jeroboam.model.container import HealthCheck, HostMount, RestartPolicy, TmpfsMount
from jeroboam.model.observed import State

NO_RESTART = RestartPolicy()


@dataclass(frozen=True, slots=True)
class Capacity:
    """What the engine's machine has: `cpus` whole cores, `memory` in MiB, and its host name.

    `id` tells the engine from any other, and stays for as long as its data do.
    """

    id: str
    host: str
    cpus: int
    memory: int
    engine: str
    """Name and version, for people: `Docker Engine 20.10.24`."""
    kernel: str = ""
    architecture: str = ""
    os: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NetworkAttachment:
    """`network` is the engine's name of it; `links`: (engine's container name, alias) pairs."""

    network: str
    aliases: tuple[str, ...] = ()
    ipv4: str | None = None
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class PortBinding:
    port: int
    protocol: str
    host_ip: str
    host_port: int


@dataclass(frozen=True, slots=True)
class VolumeBinding:
    """`volume` is the engine's name of it."""

    volume: str
    destination: str


@dataclass(frozen=True, slots=True)
class File:
    destination: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Definition:
    """Everything that a container is made from, checked and complete: names and labels are the engine's.

    The backend adds the installation's label. The limits must be above 0: the engine would take 0 for "none".
    """

    name: str
    image: str
    labels: Mapping[str, str]
    memory: int
    vcpus: int
    pids: int
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    hostname: str | None = None
    restart: RestartPolicy = NO_RESTART
    healthcheck: HealthCheck | None = None
    tty: bool = False
    stdin: bool = False
    privileged: bool = False
    runtime: str | None = None
    networks: tuple[NetworkAttachment, ...] = ()
    ports: tuple[PortBinding, ...] = ()
    volumes: tuple[VolumeBinding, ...] = ()
    host_mounts: tuple[HostMount, ...] = ()
    tmpfs: tuple[TmpfsMount, ...] = ()
    files: tuple[File, ...] = ()
    log_max_mib: int = 10
    log_files: int = 3


@dataclass(frozen=True, slots=True)
class Summary:
    """What a listing knows cheaply of one of our containers."""

    id: str
    name: str
    object_id: str
    state: State
    definition: str


@dataclass(frozen=True, slots=True)
class Happened:
    """A line of the engine's event stream about one of our containers; `action` is the engine's word (die, oom...)."""

    object_id: str
    action: str
    at: float
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Credentials:
    """For a private registry. Never printed: repr leaves the password out."""

    registry: str
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class PullProgress:
    """`current` and `total` are bytes, 0 where unknown."""

    layer: str
    status: str
    current: int = 0
    total: int = 0


@dataclass(frozen=True, slots=True)
class Network:
    name: str
    subnet: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Volume:
    name: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ExecResult:
    """`output` is stdout and stderr as the engine interleaves them."""

    exit_code: int
    output: bytes


@dataclass(frozen=True, slots=True)
class Archive:
    """`data` is a tar; `stat` as Docker gives it: name, size, mode, mtime, linkTarget."""

    data: bytes
    stat: Mapping[str, object]
