"""A container as its owner declares it (spec) and as the system finds it (status). No code writes both."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from jeroboam.model.conditions import Conditions
from jeroboam.model.quantities import CONTAINERS, MEMORY, VCPUS

KIND = "container"


class PullPolicy(StrEnum):
    ALWAYS = "always"
    IF_NOT_PRESENT = "ifnotpresent"
    NEVER = "never"


class Restart(StrEnum):
    NO = "no"
    ON_FAILURE = "on-failure"
    ALWAYS = "always"
    UNLESS_STOPPED = "unless-stopped"


class OnEvict(StrEnum):
    """What becomes of a container that was reclaimed: it stays stopped, or it asks again as soon as there is room."""

    STOP = "stop"
    REQUEUE = "requeue"


class RunState(StrEnum):
    CREATED = "created"
    RUNNING = "running"
    STOPPED = "stopped"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Intent:
    """The run state that its owner asked for last, and the generation of that ask.

    A container that exits by itself after the ask was carried out is not an error and is not started again by us
    (that is its restart policy's business): only a newer `revision` is.
    """

    state: RunState = RunState.CREATED
    revision: int = 1
    restart: bool = False
    timeout: int = 10
    """Seconds between the polite signal and the kill when stopping."""
    asked_at: float = 0.0
    """When it was asked for: a container that started later was started for this ask."""


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    name: Restart = Restart.NO
    maximum_retry_count: int = 0

    @property
    def recreates(self) -> bool:
        """Whether a container that vanished is made again."""
        return self.name is not Restart.NO


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """Times in seconds; 0 means the engine's default."""

    test: tuple[str, ...]
    interval: int = 0
    timeout: int = 0
    retries: int = 0


@dataclass(frozen=True, slots=True)
class VolumeMount:
    """A named volume of the project (`name`), or one that lives and dies with the container (`name` None)."""

    destination: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class HostMount:
    """A folder or file of the host; only an operator's policy lets there be any."""

    destination: str
    source: str


@dataclass(frozen=True, slots=True)
class TmpfsMount:
    destination: str
    size_mib: int


@dataclass(frozen=True, slots=True)
class FileMount:
    """A file put into the container before it first starts; `content` is base64."""

    destination: str
    content: str


@dataclass(frozen=True, slots=True)
class NetworkSpec:
    """A network of the project by name; the project's `default` is made when first needed."""

    network: str = "default"
    ipv4: str | None = None


@dataclass(frozen=True, slots=True)
class PortSpec:
    port: int
    protocol: str = "tcp"
    host_port: int | None = None
    """None: the next free one of the operator's range."""


@dataclass(frozen=True, slots=True)
class Link:
    """Another container of the project: reachable under `alias`, its environment shared as ALIAS_ENV_<KEY>."""

    target: str
    alias: str


@dataclass(frozen=True, slots=True)
class QuotaSpec:
    """What a claim is made of, beside cpu and memory."""

    priority: int | None = None
    """None: the usual one, or the most that the project's node allows."""
    shortage: str = "refuse"
    reservation: str | None = None
    reclaimable: bool = True
    on_evict: OnEvict = OnEvict.STOP
    extra: Mapping[str, int] = field(default_factory=dict)
    """Amounts of resources that the operator added, by name."""


@dataclass(frozen=True, slots=True)
class ContainerSpec:
    image: str
    intent: Intent = Intent()
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    registry: str | None = None
    """Id of the stored credentials to pull with."""
    command: tuple[str, ...] = ()
    entrypoint: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    workdir: str | None = None
    hostname: str | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    restart: RestartPolicy = RestartPolicy()
    healthcheck: HealthCheck | None = None
    tty: bool = False
    interactive: bool = False
    auto_remove: bool = False
    auto_heal: bool = False
    privileged: bool = False
    """Only an operator's policy lets this be true."""
    runtime: str | None = None
    """The engine's name of it; None: its default, and only an operator's policy lets it be another."""
    vcpus: int = 250
    """Thousandths."""
    memory: int = 256
    """MiB."""
    pids: int = 512
    networks: tuple[NetworkSpec, ...] = (NetworkSpec(),)
    """Empty: no network at all."""
    ports: tuple[PortSpec, ...] = ()
    volumes: tuple[VolumeMount, ...] = ()
    host_mounts: tuple[HostMount, ...] = ()
    tmpfs: tuple[TmpfsMount, ...] = ()
    files: tuple[FileMount, ...] = ()
    links: tuple[Link, ...] = ()
    quota: QuotaSpec = QuotaSpec()
    rebuild: int = 0
    """Grows when its owner asks for it to be made anew from the same definition."""
    hints: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    """As the client sent them, to show them again."""

    def amounts(self) -> dict[str, int]:
        """What it is charged: one container, its vcpus (thousandths), its memory (MiB), and what it names."""
        return {CONTAINERS: 1, VCPUS: self.vcpus, MEMORY: self.memory, **self.quota.extra}


class Phase(StrEnum):
    """Zun's statuses, those of them that a container here can have."""

    CREATING = "Creating"
    CREATED = "Created"
    RUNNING = "Running"
    STOPPED = "Stopped"
    PAUSED = "Paused"
    RESTARTING = "Restarting"
    ERROR = "Error"
    DELETING = "Deleting"
    DELETED = "Deleted"
    UNKNOWN = "Unknown"


@dataclass(frozen=True, slots=True)
class Address:
    network: str
    addr: str
    prefix: int = 24
    version: int = 4
    mac: str | None = None


@dataclass(frozen=True, slots=True)
class PublishedPort:
    port: int
    protocol: str
    host_ip: str
    host_port: int


@dataclass(frozen=True, slots=True)
class ContainerStatus:
    phase: Phase = Phase.CREATING
    reason: str = ""
    """A sentence for a person: Zun's status_reason."""
    task: str | None = None
    """What the conductor is doing at this moment (Zun's task_state), for example `image_pulling`."""
    conditions: Conditions = ()
    backend_id: str | None = None
    host: str | None = None
    image_id: str | None = None
    definition: str | None = None
    """Digest of the definition that the container was last made from; None: it was never made."""
    networking: str | None = None
    """Digest of the name and networks that it was last joined under."""
    addresses: tuple[Address, ...] = ()
    ports: tuple[PublishedPort, ...] = ()
    intent_done: int = 0
    """The intent revision that was last carried out."""
    redo_after: float = 0.0
    """When it was last evicted: a start before that does not count for the present ask."""
    exit_code: int | None = None
    started_at: float | None = None
    finished_at: float | None = None
    health: str | None = None
    evicted_by: str | None = None
    """The project that reclaimed its units: for those who may know."""
    failures: int = 0
    """Tries in a row that failed: what the back-off grows with."""
