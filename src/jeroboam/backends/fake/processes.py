"""The life of the fake engine's processes: how they begin, go on with time, and end."""

import ipaddress

from jeroboam.backends.errors import NetworkMissing, Permanent, PortTaken, Taken
from jeroboam.backends.fake import programs
from jeroboam.backends.fake.programs import Exit, Say
from jeroboam.backends.fake.world import FakeContainer, Joined, LogLine, World
from jeroboam.model.container import Address, Restart
from jeroboam.model.observed import State

_FAILED_TO_START = 127


class Processes(World):
    def tick(self, seconds: float = 0.0) -> None:
        """Lets time pass: sleeping processes wake, and those that wait for their restart policy begin again."""
        with self.changed:
            self._ahead += seconds
            waiting = [container for container in self.standing.values() if container.state is State.RESTARTING]
            for container in list(self.standing.values()):
                self._advance(container)
            for container in waiting:
                container.restarts += 1
                self.begin(container)

    def begin(self, container: FakeContainer) -> None:
        """Starts its process. Raises Taken, NetworkMissing, Permanent."""
        self._check_ports(container)
        self._take_addresses(container)
        argv = container.definition.entrypoint + container.definition.command
        if not programs.exists(argv):
            container.exit_code = _FAILED_TO_START
            container.error = f'exec: "{argv[0]}": executable file not found in $PATH'
            self._give_back(container)
            raise Permanent(f"cannot start container {container.definition.name}: {container.error}")
        planned = programs.program(argv, container.files.get, stdin=container.definition.stdin)
        container.steps, container.on_term = planned.steps, planned.on_term
        container.state, container.error, container.exit_code = State.RUNNING, "", None
        container.oom_killed = False
        container.started_at = container.wakes_at = self.now()
        container.health = "starting" if container.definition.healthcheck else None
        self.emit(container, "start")
        self._advance(container)

    def end(self, container: FakeContainer, code: int, *, restarts: bool, oom: bool = False) -> None:
        """Its process ends with `code`; `restarts` is whether its restart policy has a say."""
        container.steps = ()
        container.exit_code, container.oom_killed = code, oom
        container.finished_at = self.now()
        self._give_back(container)
        container.state = State.RESTARTING if restarts and _restarts(container, code) else State.EXITED
        if oom:
            self.emit(container, "oom")
        self.emit(container, "die", exitCode=str(code))

    def _advance(self, container: FakeContainer) -> None:
        while container.state is State.RUNNING and container.wakes_at <= self.now():
            step, container.steps = container.steps[0], container.steps[1:]
            match step:
                case Say(data, stream):
                    self.say(container, data, stream)
                case Exit(code):
                    self.end(container, code, restarts=True)
                case _:
                    container.wakes_at = self.now() + step.seconds

    def say(self, container: FakeContainer, data: bytes, stream: str = "stdout") -> None:
        container.output.append(LogLine(self.now(), stream, data))
        self.changed.notify_all()

    def _check_ports(self, container: FakeContainer) -> None:
        others = [other for other in self.standing.values() if other.up and other is not container]
        taken = {(binding.protocol, binding.host_port) for other in others for binding in other.definition.ports}
        for binding in container.definition.ports:
            if binding.host_port in self.occupied_ports or (binding.protocol, binding.host_port) in taken:
                where = f"{binding.host_ip}:{binding.host_port}"
                name = container.definition.name
                message = f"cannot start container {name}: bind for {where} failed: port is already allocated"
                raise PortTaken(message, binding.host_port)

    def _take_addresses(self, container: FakeContainer) -> None:
        try:
            for name, end in container.joined.items():
                self.take_address(container, name, end)
        except Exception:
            self._give_back(container)
            raise

    def take_address(self, container: FakeContainer, name: str, end: Joined) -> None:
        """Raises NetworkMissing, Taken."""
        doing = f"start container {container.definition.name}"
        network = self.nets.get(name)
        if network is None or (end.network_id and network.id != end.network_id):
            raise NetworkMissing(f"cannot {doing}: network {name} not found")
        wanted = end.attachment.ipv4
        if wanted and wanted in self.addresses(name):
            raise Taken(f"cannot {doing}: address already in use")
        address = wanted or self.free_address(network)
        if address is None:
            raise Taken(f"cannot {doing}: no available addresses on network {name}")
        octets = [0x02, 0x42, *ipaddress.ip_address(address).packed]
        mac = ":".join(f"{octet:02x}" for octet in octets)
        end.network_id = network.id
        end.address = Address(name, address, ipaddress.ip_network(network.subnet).prefixlen, 4, mac)

    @staticmethod
    def _give_back(container: FakeContainer) -> None:
        for end in container.joined.values():
            end.address = None


def _restarts(container: FakeContainer, code: int) -> bool:
    policy = container.definition.restart
    if policy.name is Restart.ON_FAILURE:
        return code != 0 and (not policy.maximum_retry_count or container.restarts < policy.maximum_retry_count)
    return policy.name in (Restart.ALWAYS, Restart.UNLESS_STOPPED)
