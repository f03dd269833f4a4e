"""The rooms of the fake engine put together, with what a test can do behind everybody's back."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from jeroboam.backends.data import Capacity, Definition, Happened
from jeroboam.backends.errors import Temporary
from jeroboam.backends.fake.containers import CPUS, MEMORY
from jeroboam.backends.fake.faults import contract_call
from jeroboam.backends.fake.networks import Networks
from jeroboam.backends.fake.passthrough import Passthrough
from jeroboam.backends.fake.world import FakeContainer, FakeNetwork


class FakeEvents:
    def __init__(self, engine: "FakeBackend", begin: int) -> None:
        self._engine = engine
        self._next = begin
        self._closed = self._broken = False

    def __iter__(self) -> Iterator[Happened]:
        return self

    def __next__(self) -> Happened:
        with self._engine.changed:
            while not self._closed:
                if self._next < len(self._engine.happenings):
                    self._next += 1
                    return self._engine.happenings[self._next - 1]
                if self._broken:
                    raise Temporary("cannot follow the engine's events: the engine ended the stream; subscribe again")
                self._engine.changed.wait()
        raise StopIteration

    def close(self) -> None:
        with self._engine.changed:
            self._closed = True
            self._engine.changed.notify_all()

    def snap(self) -> None:
        """What the engine's end does to every stream: what was heard is still told, then it breaks."""
        with self._engine.changed:
            self._broken = True
            self._engine.changed.notify_all()


class FakeBackend(Networks, Passthrough):
    """A `base.Backend` in memory. Thread-safe.

    `images` are on the engine from the start, `registry` holds what can be pulled. `calls` records every call of the
    contract, `faults` makes the next ones fail.
    """

    def __init__(
        self,
        name: str = "fake",
        installation: str = "test",
        images: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(name, installation, images, clock)
        self.execs = {}
        self._streams: list[FakeEvents] = []

    @contract_call
    def ping(self) -> None:
        """Answers, unless a fault says otherwise."""

    @contract_call
    def capacity(self) -> Capacity:
        host = f"{self.name}-host"
        return Capacity(f"{self.name}-id", host, cpus=CPUS, memory=MEMORY, engine="Fake Engine 1", os="fake")

    @contract_call
    def clock(self) -> float:
        return self.now()

    @contract_call
    def events(self, since: float | None) -> FakeEvents:
        with self.changed:
            past = [at for at, line in enumerate(self.happenings) if since is not None and line.at >= since]
            stream = FakeEvents(self, past[0] if past else len(self.happenings))
            self._streams.append(stream)
            return stream

    def close(self) -> None:
        for stream in self._streams:
            stream.close()

    # behind everybody's back
    def vanish(self, name: str) -> None:
        """Somebody removes the container."""
        with self.changed:
            self.emit(self.standing.pop(name), "destroy")

    def crash(self, name: str, exit_code: int = 1, *, oom: bool = False) -> None:
        """Its process ends by itself; its restart policy has a say."""
        with self.changed:
            self.end(self.standing[name], exit_code, restarts=True, oom=oom)

    def meddle(self, name: str, **changes: Any) -> None:
        """Sets attributes of the FakeContainer, and tells nobody but the event stream."""
        with self.changed:
            container = self.standing[name]
            for key, value in changes.items():
                setattr(container, key, value)
            self.emit(container, "update")

    def plant_container(self, definition: Definition) -> FakeContainer:
        """A container that is not ours, whatever its name and labels say."""
        with self.changed:
            image = self.find_image(definition.image) or ""
            labels = {key: value for key, value in definition.labels.items() if not key.startswith("io.jeroboam.")}
            planted = FakeContainer(self.new_id(), definition, labels, image, definition.memory, definition.vcpus)
            self.standing[definition.name] = planted
            return planted

    def plant_network(self, name: str, subnet: str) -> None:
        """A network that is not ours."""
        with self.changed:
            self.nets[name] = FakeNetwork(self.new_id(), name, subnet, {})

    def plant_volume(self, name: str) -> None:
        """A volume that is not ours."""
        with self.changed:
            self.vols[name] = {}

    def remove_network_behind_us(self, name: str) -> None:
        with self.changed:
            del self.nets[name]
            for container in self.standing.values():
                if name in container.joined:
                    container.joined[name].address = None

    def break_events(self) -> None:
        """Every stream of events breaks, as when the engine restarts."""
        with self.changed:
            streams, self._streams = self._streams, []
        for stream in streams:
            stream.snap()
