"""What is on the fake engine, and the ways to look it up. Everything is guarded by one condition, `changed`."""

import hashlib
import ipaddress
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from jeroboam.backends.data import Definition, Happened, NetworkAttachment
from jeroboam.backends.errors import Missing, NotOurs
from jeroboam.backends.fake.faults import Call, Faults
from jeroboam.backends.fake.programs import Step
from jeroboam.model.container import Address, PublishedPort
from jeroboam.model.names import LABEL_DEFINITION, LABEL_INSTALLATION, LABEL_OBJECT
from jeroboam.model.observed import Observed, State


@dataclass(frozen=True, slots=True)
class RegistryImage:
    """An image that can be pulled; with `password` only by those who have it."""

    username: str | None = None
    password: str | None = None
    layers: int = 2


@dataclass(frozen=True, slots=True)
class LogLine:
    at: float
    stream: str
    data: bytes


@dataclass(slots=True)
class Joined:
    """An end on a network; it has an address only while the container runs."""

    attachment: NetworkAttachment
    network_id: str
    address: Address | None = None


@dataclass(slots=True)
class FakeContainer:
    """A container with all that can change in it; `labels` are the engine's, the installation's included."""

    id: str
    definition: Definition
    labels: Mapping[str, str]
    image_id: str
    memory: int
    vcpus: int
    state: State = State.CREATED
    exit_code: int | None = None
    error: str = ""
    oom_killed: bool = False
    health: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    restarts: int = 0
    joined: dict[str, Joined] = field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    on_term: int | None = None
    wakes_at: float = 0.0
    output: list[LogLine] = field(default_factory=list)
    files: dict[str, bytes] = field(default_factory=dict)

    @property
    def up(self) -> bool:
        """Has a process."""
        return self.state in (State.RUNNING, State.PAUSED)


@dataclass(slots=True)
class FakeNetwork:
    id: str
    name: str
    subnet: str
    labels: Mapping[str, str]


class World:
    """The engine's belongings. `now` is its clock, which `tick` alone moves ahead of the machine's."""

    def __init__(self, name: str, installation: str, images: Iterable[str], clock: Callable[[], float]) -> None:
        self.name = name
        self.installation = installation
        self.faults = Faults()
        self.calls: list[Call] = []
        self.changed = threading.Condition(threading.RLock())
        self.images: dict[str, str] = {reference: image_digest(reference) for reference in images}
        self.registry: dict[str, RegistryImage] = {}
        self.standing: dict[str, FakeContainer] = {}
        self.nets: dict[str, FakeNetwork] = {}
        self.vols: dict[str, Mapping[str, str]] = {}
        self.occupied_ports: set[int] = set()
        self.happenings: list[Happened] = []
        self._clock = clock
        self._ahead = 0.0
        self._counter = 0

    def now(self) -> float:
        return self._clock() + self._ahead

    def new_id(self) -> str:
        self._counter += 1
        return hashlib.sha256(f"{self.name}{id(self)}{self._counter}".encode()).hexdigest()

    def emit(self, container: FakeContainer, action: str, **attributes: str) -> None:
        """A line of the event stream, if the container is ours; wakes whoever waits for any change."""
        if self.is_ours(container.labels):
            told = {"name": container.definition.name, "image": container.definition.image, **attributes}
            self.happenings.append(Happened(container.labels.get(LABEL_OBJECT, ""), action, self.now(), told))
        self.changed.notify_all()

    def is_ours(self, labels: Mapping[str, str]) -> bool:
        return labels.get(LABEL_INSTALLATION) == self.installation

    def look(self, name: str) -> FakeContainer | None:
        """Raises NotOurs."""
        found = self.standing.get(name)
        if found is not None and not self.is_ours(found.labels):
            raise NotOurs(f"cannot touch container {name}: it is not ours; remove or rename it, and we make our own")
        return found

    def find(self, name: str, doing: str) -> FakeContainer:
        """Raises Missing, NotOurs."""
        found = self.look(name)
        if found is None:
            raise Missing(f"cannot {doing} container {name}: no such container")
        return found

    def network(self, name: str) -> FakeNetwork | None:
        """Raises NotOurs."""
        found = self.nets.get(name)
        if found is not None and not self.is_ours(found.labels):
            raise NotOurs(f"cannot use network {name}: it is not ours; remove it, and we make our own")
        return found

    def free_address(self, network: FakeNetwork) -> str | None:
        """The lowest address of the subnet that no running container has; its first is the gateway's."""
        taken = self.addresses(network.name)
        hosts = list(ipaddress.ip_network(network.subnet).hosts())[1:]
        return next((str(host) for host in hosts if str(host) not in taken), None)

    def addresses(self, network: str) -> set[str]:
        ends = (container.joined.get(network) for container in self.standing.values())
        return {end.address.addr for end in ends if end is not None and end.address is not None}


def image_digest(reference: str) -> str:
    return f"sha256:{hashlib.sha256(reference.encode()).hexdigest()}"


def observed(container: FakeContainer) -> Observed:
    """The container as the contract shows it."""
    definition = container.definition
    ended = container.state in (State.EXITED, State.DEAD, State.RESTARTING) or bool(container.error)
    return Observed(
        id=container.id,
        name=definition.name,
        object_id=container.labels.get(LABEL_OBJECT, ""),
        state=container.state,
        definition=container.labels.get(LABEL_DEFINITION, ""),
        image_id=container.image_id,
        exit_code=container.exit_code if ended else None,
        error=container.error,
        oom_killed=container.oom_killed,
        started_at=container.started_at,
        finished_at=container.finished_at,
        health=container.health,
        addresses=tuple(end.address for _, end in sorted(container.joined.items()) if end.address is not None),
        networks=tuple(sorted(container.joined)),
        joinable=bool(definition.networks),
        ports=tuple(
            PublishedPort(binding.port, binding.protocol, binding.host_ip, binding.host_port)
            for binding in definition.ports
            if container.up
        ),
        memory=container.memory,
        vcpus=container.vcpus,
        pids=definition.pids,
    )
