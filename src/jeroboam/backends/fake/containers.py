"""Containers of the fake engine from create to remove."""

import signal as signals

from jeroboam.backends.data import Definition, NetworkAttachment, Summary
from jeroboam.backends.docker.definition import check_network, create_document, files_tar
from jeroboam.backends.errors import ImageMissing, Missing, NetworkMissing, Permanent, WrongState
from jeroboam.backends.fake import programs
from jeroboam.backends.fake.faults import contract_call
from jeroboam.backends.fake.processes import Processes
from jeroboam.backends.fake.world import FakeContainer, Joined, observed
from jeroboam.model.names import LABEL_INSTALLATION
from jeroboam.model.observed import Observed, State

CPUS = 8
MEMORY = 16384
_MINIMUM_MEMORY = 6
_LETHAL = ("KILL", "SIGKILL", "9")
_POLITE = ("TERM", "INT", "HUP", "QUIT")


class Containers(Processes):
    @contract_call
    def create(self, definition: Definition) -> Observed:
        # What a real engine must never be asked for is not to be asked of this one either.
        create_document(definition, self.installation)
        files_tar(definition.files)
        with self.changed:
            found = self.look(definition.name)
            if found is None:
                found = self._make(definition)
            elif found.state is State.CREATED:
                self._complete(found, definition)
            return observed(found)

    def _make(self, definition: Definition) -> FakeContainer:
        doing = f"create container {definition.name}"
        image = self.find_image(definition.image)
        if image is None:
            raise ImageMissing(f"cannot {doing}: No such image: {definition.image}")
        if definition.memory < _MINIMUM_MEMORY or definition.vcpus > CPUS * 1000:
            raise Permanent(f"cannot {doing}: at least {_MINIMUM_MEMORY} MiB and at most {CPUS} cpus are allowed")
        container = FakeContainer(
            id=self.new_id(),
            definition=definition,
            labels={**definition.labels, LABEL_INSTALLATION: self.installation},
            image_id=image,
            memory=definition.memory,
            vcpus=definition.vcpus,
            joined={attachment.network: Joined(attachment, "") for attachment in definition.networks},
            files={file.destination: file.content for file in definition.files},
        )
        self.standing[definition.name] = container
        for volume in definition.volumes:
            self.vols.setdefault(volume.volume, {LABEL_INSTALLATION: self.installation})
        self.emit(container, "create")
        return container

    @staticmethod
    def _complete(container: FakeContainer, definition: Definition) -> None:
        """Makes good what a create that was broken off left out."""
        container.files.update({file.destination: file.content for file in definition.files})
        for attachment in definition.networks:
            container.joined.setdefault(attachment.network, Joined(attachment, ""))

    def find_image(self, reference: str) -> str | None:
        """By name, where a missing tag means `latest`, or by id."""
        if reference in self.images.values():
            return reference
        return self.images.get(reference) or self.images.get(f"{reference}:latest")

    @contract_call
    def observe(self, name: str) -> Observed | None:
        with self.changed:
            found = self.look(name)
            return observed(found) if found is not None else None

    @contract_call
    def containers(self) -> list[Summary]:
        with self.changed:
            ours = [observed(found) for found in self.standing.values() if self.is_ours(found.labels)]
        return [Summary(seen.id, seen.name, seen.object_id, seen.state, seen.definition) for seen in ours]

    @contract_call
    def start(self, name: str) -> None:
        with self.changed:
            container = self.find(name, "start")
            if container.state is State.PAUSED:
                raise WrongState(f"cannot start container {name}: it is paused; unpause it")
            if container.state is not State.RUNNING:
                container.restarts = 0
                self.begin(container)

    @contract_call
    def stop(self, name: str, timeout: int) -> None:
        with self.changed:
            self._stop(self.find(name, "stop"))

    def _stop(self, container: FakeContainer) -> None:
        if container.state is State.RESTARTING:
            container.state = State.EXITED
        if container.up:
            polite = container.on_term
            self.end(container, programs.KILLED if polite is None else polite, restarts=False)
            self.emit(container, "stop")

    @contract_call
    def restart(self, name: str, timeout: int) -> None:
        with self.changed:
            container = self.find(name, "restart")
            self._stop(container)
            self.begin(container)
            self.emit(container, "restart")

    @contract_call
    def pause(self, name: str) -> None:
        with self.changed:
            container = self._running(name, "pause")
            if container.state is State.RUNNING:
                container.state = State.PAUSED
                self.emit(container, "pause")

    @contract_call
    def unpause(self, name: str) -> None:
        with self.changed:
            container = self._running(name, "unpause")
            if container.state is State.PAUSED:
                container.state = State.RUNNING
                self.emit(container, "unpause")

    @contract_call
    def kill(self, name: str, signal: str) -> None:
        word = signal.upper().removeprefix("SIG")
        if f"SIG{word}" not in signals.Signals.__members__ and not word.isdigit():
            raise Permanent(f"cannot kill container {name}: Invalid signal: {signal}")
        with self.changed:
            container = self._running(name, "kill")
            self.emit(container, "kill", signal=signal)
            if word in _LETHAL:
                self.end(container, programs.KILLED, restarts=True)
            elif word in _POLITE and container.on_term is not None:
                self.end(container, container.on_term, restarts=True)

    @contract_call
    def remove(self, name: str) -> None:
        with self.changed:
            container = self.look(name)
            if container is None:
                return
            if container.up:
                self.end(container, programs.KILLED, restarts=False)
            del self.standing[name]
            self.emit(container, "destroy")

    @contract_call
    def update(self, name: str, *, memory: int | None = None, vcpus: int | None = None) -> None:
        if (memory is not None and memory < _MINIMUM_MEMORY) or (vcpus is not None and not 0 < vcpus <= CPUS * 1000):
            raise Permanent(f"cannot update container {name}: at least {_MINIMUM_MEMORY} MiB and at most {CPUS} cpus")
        with self.changed:
            container = self.find(name, "update")
            container.memory = container.memory if memory is None else memory
            container.vcpus = container.vcpus if vcpus is None else vcpus
            self.emit(container, "update")

    @contract_call
    def connect(self, name: str, attachment: NetworkAttachment) -> None:
        check_network(attachment.network, name)
        with self.changed:
            network = self.network(attachment.network)
            if network is None:
                raise NetworkMissing(f"cannot connect container {name}: network {attachment.network} not found")
            container = self.find(name, "connect")
            if not container.definition.networks:
                raise Permanent(f"cannot connect container {name}: it was made in private (none) mode")
            end = container.joined.get(attachment.network)
            if end is not None and end.attachment == attachment and end.network_id in ("", network.id):
                return
            fresh = Joined(attachment, network.id)
            container.joined.pop(attachment.network, None)
            if container.up:
                self.take_address(container, attachment.network, fresh)
            container.joined[attachment.network] = fresh

    @contract_call
    def disconnect(self, name: str, network: str) -> None:
        with self.changed:
            container = self.look(name)
            if container is not None:
                container.joined.pop(network, None)

    def _running(self, name: str, doing: str) -> FakeContainer:
        container = self.find(name, doing)
        if not container.up:
            raise WrongState(f"cannot {doing} container {name}: it is not running")
        return container

    def _by_id(self, container_id: str) -> FakeContainer:
        for container in self.standing.values():
            if container.id == container_id and self.is_ours(container.labels):
                return container
        raise Missing("cannot find the container: it is not on the engine any more")
