"""The two engines that the contract is tested on, with what only a test may do to them."""

import uuid
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol, TypeVar

import docker

from jeroboam.backends.base import Backend
from jeroboam.backends.data import Definition
from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.fake import FakeBackend
from jeroboam.model.names import LABEL_DEFINITION, LABEL_OBJECT, container_name, network_name, volume_name
from jeroboam.model.observed import Observed, State
from tests.engine import Engine, wait_until

T = TypeVar("T")

POLITE = ("sh", "-c", "trap 'exit 0' TERM; while true; do sleep 0.05; done")
"""Runs for ever, and ends at once when asked politely."""


class House(Protocol):
    """`foreign_*` make things that are not ours; `pass_time` lets processes go on where time stands still."""

    backend: Backend
    image: str
    installation: str

    def pass_time(self) -> None: ...
    def foreign_container(self, name: str) -> None: ...
    def foreign_state(self, name: str) -> str: ...
    def foreign_network(self, name: str, subnet: str) -> None: ...
    def foreign_volume(self, name: str) -> None: ...
    def remove_network_behind_us(self, name: str) -> None: ...
    def free_port(self) -> int: ...


class Bench:
    """A test's own corner of a house: unique names, and everything cleared afterwards."""

    def __init__(self, house: House, subnets: Iterator[str]) -> None:
        self.house = house
        self.backend = house.backend
        self._subnets = subnets
        self._containers: list[str] = []
        self._networks: list[str] = []
        self._volumes: list[str] = []

    def definition(self, *command: str, **more: Any) -> Definition:
        object_id = str(uuid.uuid4())
        name = container_name(self.house.installation, object_id)
        self._containers.append(name)
        labels = {LABEL_OBJECT: object_id, LABEL_DEFINITION: "d1", **more.pop("labels", {})}
        values: Mapping[str, Any] = {"image": self.house.image, "memory": 32, "vcpus": 500, "pids": 64, **more}
        return Definition(name=name, labels=labels, command=command, **values)

    def created(self, *command: str, **more: Any) -> str:
        definition = self.definition(*command, **more)
        self.backend.create(definition)
        return definition.name

    def running(self, *command: str, **more: Any) -> str:
        name = self.created(*(command or POLITE), **more)
        self.backend.start(name)
        return name

    def subnet(self) -> str:
        return next(self._subnets)

    def network_name(self) -> str:
        name = network_name(self.house.installation, str(uuid.uuid4()))
        self._networks.append(name)
        return name

    def network(self, subnet: str | None = None) -> str:
        name = self.network_name()
        self.backend.ensure_network(name, subnet or self.subnet(), {})
        return name

    def volume_name(self) -> str:
        name = volume_name(self.house.installation, str(uuid.uuid4()))
        self._volumes.append(name)
        return name

    def see(self, name: str) -> Observed:
        seen = self.backend.observe(name)
        assert seen is not None, f"{name} is gone"
        return seen

    def until(self, condition: Callable[[], T | None], what: str) -> T:
        def ask() -> T | None:
            self.house.pass_time()
            return condition()

        return wait_until(ask, what)

    def until_state(self, name: str, state: State) -> Observed:
        def ask() -> Observed | None:
            seen = self.see(name)
            return seen if seen.state is state else None

        return self.until(ask, f"{name} is {state}")

    def forget(self, container: str) -> None:
        """Leaves a foreign container of that name to its house."""
        self._containers.remove(container)

    def clear(self) -> None:
        for name in self._containers:
            self.backend.remove(name)
        for name in self._networks:
            self.backend.remove_network(name)
        for name in self._volumes:
            self.backend.remove_volume(name)


class FakeHouse:
    image = "jeroboam/busybox:local"
    installation = "test"

    def __init__(self) -> None:
        self.fake = FakeBackend("fake", self.installation, images=(self.image,))
        self.backend: Backend = self.fake
        self._port = 20000

    def pass_time(self) -> None:
        self.fake.tick(0.1)

    def foreign_container(self, name: str) -> None:
        self.fake.plant_container(Definition(name, self.image, {}, memory=32, vcpus=500, pids=64))

    def foreign_state(self, name: str) -> str:
        return self.fake.standing[name].state.value

    def foreign_network(self, name: str, subnet: str) -> None:
        self.fake.plant_network(name, subnet)

    def foreign_volume(self, name: str) -> None:
        self.fake.plant_volume(name)

    def remove_network_behind_us(self, name: str) -> None:
        self.fake.remove_network_behind_us(name)

    def free_port(self) -> int:
        self._port += 1
        return self._port

    def clear(self) -> None:
        """All of it goes with the object."""


class EngineHouse:
    """Foreign things are made by the docker SDK, and removed by `clear` by their ids."""

    def __init__(self, backend: DockerBackend, engine: Engine, image: str) -> None:
        self.backend: Backend = backend
        self.installation = backend.installation
        self.image = image
        self.engine = engine
        self.client = docker.APIClient(engine.url, version="auto")
        self._removals: list[Callable[[], object]] = []

    def pass_time(self) -> None:
        """It passes by itself."""

    def foreign_container(self, name: str) -> None:
        made = self.client.create_container(self.image, ["sleep", "60"], name=name)["Id"]
        self._removals.append(lambda: self.client.remove_container(made, force=True))

    def foreign_state(self, name: str) -> str:
        return str(self.client.inspect_container(name)["State"]["Status"])

    def foreign_network(self, name: str, subnet: str) -> None:
        pools = docker.types.IPAMConfig(pool_configs=[docker.types.IPAMPool(subnet=subnet)])
        made = self.client.create_network(name, ipam=pools)["Id"]
        self._removals.append(lambda: self.client.remove_network(made))

    def foreign_volume(self, name: str) -> None:
        self.client.create_volume(name)
        self._removals.append(lambda: self.client.remove_volume(name))

    def remove_network_behind_us(self, name: str) -> None:
        self.client.remove_network(name)

    def free_port(self) -> int:
        return self.engine.free_port()

    def clear(self) -> None:
        for remove in self._removals:
            remove()
        self.client.close()
