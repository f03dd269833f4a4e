"""From what a client sent to the declaration that is stored: pure, everything checked that needs no look-up."""

import base64
import binascii
import ipaddress
import posixpath
import shlex
from collections.abc import Sequence

from jeroboam.api.containers import hints as hinting
from jeroboam.api.containers.hints import Hints
from jeroboam.api.containers.schema import FILE_LIMIT, CreateContainer, HealthCheckBody, Mount, Net, RestartBody
from jeroboam.model.container import (
    ContainerSpec,
    FileMount,
    HealthCheck,
    HostMount,
    Intent,
    NetworkSpec,
    PortSpec,
    PullPolicy,
    Restart,
    RestartPolicy,
    RunState,
    VolumeMount,
)
from jeroboam.model.errors import Forbidden, Malformed, Unsupported
from jeroboam.model.names import LABEL_PREFIX, check_name
from jeroboam.model.quantities import parse_memory, parse_vcpus
from jeroboam.settings import Containers

LEAST_MEMORY = 6
"""MiB: no engine takes less."""
LEAST_VCPUS = 10
"""Thousandths: no engine takes less."""
DEFINITION_LIMIT = 256 << 10
"""Bytes of what a client may fill freely, together. Files count as they are sent, in base64."""
COMMAND_IS_LIST = 20
TTY_IS_OWN_FIELD = 36
_SYSTEM = ("/proc", "/sys", "/dev")
_SHARED_MEMORY = "/dev/shm"  # noqa: S108 - a place in the container, not here


def spec_of(body: CreateContainer, defaults: Containers, version: int, run: bool, now: float) -> ContainerSpec:
    """`version`: the minor microversion. Links and registry still hold what the client called them.

    Raises Malformed, Unsupported, Forbidden.
    """
    hints = hinting.parse(body.hints or {})
    volumes, host_mounts, files = _mounts(body.mounts or [])
    interactive = bool(body.interactive)
    tty = body.tty if body.tty is not None else interactive and version < TTY_IS_OWN_FIELD
    restart = _restart(body.restart_policy)
    if body.auto_remove and restart.name is not Restart.NO:
        raise Malformed("cannot remove a container automatically that has a restart policy: choose one of the two")
    spec = ContainerSpec(
        image=body.image,
        intent=Intent(RunState.RUNNING if run else RunState.CREATED, asked_at=now),
        pull_policy=PullPolicy((body.image_pull_policy or "ifnotpresent").lower()),
        registry=body.registry,
        command=_command(body.command, version),
        entrypoint=tuple(body.entrypoint or ()),
        environment=body.environment or {},
        workdir=body.workdir,
        hostname=body.hostname,
        labels=_labels(body.labels or {}),
        restart=restart,
        healthcheck=_health(body.healthcheck),
        tty=bool(tty),
        interactive=interactive,
        auto_remove=bool(body.auto_remove),
        auto_heal=bool(body.auto_heal),
        privileged=bool(body.privileged),
        runtime=body.runtime,
        vcpus=vcpus_of(body.cpu) if body.cpu is not None else defaults.vcpus,
        memory=memory_of(body.memory) if body.memory is not None else defaults.memory,
        pids=hints.pids or defaults.pids,
        networks=_networks(body.nets or []),
        ports=_ports(body, hints),
        volumes=volumes,
        host_mounts=host_mounts,
        tmpfs=hints.tmpfs,
        files=files,
        links=hints.links,
        quota=hints.quota,
        hints={key: tuple(value) if isinstance(value, list) else value for key, value in (body.hints or {}).items()},
    )
    _check_together(spec)
    return spec


def vcpus_of(cpu: int | float | str) -> int:
    """Thousandths. Raises Malformed."""
    vcpus = parse_vcpus(format(cpu, "f") if isinstance(cpu, float) else str(cpu))
    if vcpus < LEAST_VCPUS:
        raise Malformed(f"cannot give a container {cpu} vCPUs: 0.01 is the least")
    return vcpus


def memory_of(memory: int | str) -> int:
    """MiB. Raises Malformed."""
    mib = parse_memory(str(memory))
    if mib < LEAST_MEMORY:
        raise Malformed(f"cannot give a container {memory} MiB of memory: {LEAST_MEMORY} is the least")
    return mib


def refuse_unsupported(body: CreateContainer, host: str) -> None:
    """What Zun's client can ask for and is not done here. Raises Unsupported."""
    if body.security_groups:
        raise Unsupported("cannot use security groups: each project's networks are closed to others; use exposed ports")
    if body.disk is not None:
        raise Unsupported("cannot limit the disk of a container: the engine's storage does not; leave it out")
    if body.cpu_policy not in (None, "shared"):
        raise Unsupported("cannot dedicate CPUs: all are shared by cpu; leave cpu_policy out")
    if body.image_driver not in (None, "docker", "None"):
        raise Unsupported("cannot take images from there: only from registries and the engine; use image driver docker")
    if body.host not in (None, host):
        raise Unsupported(f"cannot choose this host: the only one is {host}; leave it out")
    if body.availability_zone not in (None, ZONE):
        raise Unsupported(f"cannot choose this availability zone: the only one is {ZONE}; leave it out")


ZONE = "nova"
"""OpenStack's name for the zone of a cloud that has one."""


def _command(command: list[str] | str | None, version: int) -> tuple[str, ...]:
    if not isinstance(command, str):
        return tuple(command or ())
    if version >= COMMAND_IS_LIST:
        raise Malformed(f"cannot read the command: from version 1.{COMMAND_IS_LIST} on it is a list of words")
    return split(command)


def split(command: str) -> tuple[str, ...]:
    """The words of a command line. Raises Malformed."""
    try:
        return tuple(shlex.split(command))
    except ValueError as error:
        raise Malformed(f"cannot read the command: {error}") from None


def _labels(labels: dict[str, str]) -> dict[str, str]:
    for key in labels:
        if key.lower().startswith(LABEL_PREFIX):
            raise Malformed(f"cannot set the label {key[:60]!r}: {LABEL_PREFIX}* is reserved; choose another prefix")
    return labels


def _restart(policy: RestartBody | None) -> RestartPolicy:
    if policy is None:
        return RestartPolicy()
    name, count = Restart(policy.Name), policy.MaximumRetryCount or 0
    if count and name is not Restart.ON_FAILURE:
        raise Malformed(f"cannot limit the restarts of the policy {name.value!r}: only those of on-failure")
    return RestartPolicy(name, count)


def _health(check: HealthCheckBody | None) -> HealthCheck | None:
    if check is None:
        return None
    return HealthCheck(("CMD-SHELL", check.cmd), check.interval or 0, check.timeout or 0, check.retries or 0)


def _mounts(
    mounts: Sequence[Mount],
) -> tuple[tuple[VolumeMount, ...], tuple[HostMount, ...], tuple[FileMount, ...]]:
    volumes, host, files = [], [], []
    for mount in mounts:
        where = mount.destination[:80]
        if mount.type == "bind":
            files.append(FileMount(mount.destination, _content(mount)))
        elif mount.source is not None and mount.size is not None:
            raise Malformed(f"cannot mount at {where}: give a source, or a size for a new volume, not both")
        elif mount.source is not None:
            if mount.source.startswith("/"):
                host.append(HostMount(mount.destination, mount.source))
                continue
            if mount.source.startswith((".", "~")):
                raise Forbidden(
                    f"cannot mount {mount.source[:60]!r} of the host: name its whole path, a volume of the project, "
                    "or inject a file (type=bind)"
                )
            volumes.append(VolumeMount(mount.destination, check_name(mount.source, "volume's name")))
        elif mount.size is not None:
            volumes.append(VolumeMount(mount.destination))
        else:
            raise Malformed(f"cannot mount at {where}: give the source or the size of the volume")
    return tuple(volumes), tuple(host), tuple(files)


def _content(mount: Mount) -> str:
    try:
        content = base64.b64decode(mount.source or "", validate=True)
    except (binascii.Error, ValueError):
        raise Malformed(
            f"cannot put a file at {mount.destination[:80]}: its source must be its content in base64"
        ) from None
    if len(content) > FILE_LIMIT:
        raise Malformed(f"cannot put a file of {len(content)} bytes at {mount.destination[:80]}: {FILE_LIMIT} at most")
    return mount.source or ""


def _networks(nets: Sequence[Net]) -> tuple[NetworkSpec, ...]:
    if not nets:
        return (NetworkSpec(),)
    if len(nets) == 1 and nets[0].network == "none":
        return ()
    return tuple(network_of(net.network, net.v4_fixed_ip, net.v6_fixed_ip, net.port) for net in nets)


def network_of(name: str | None, ipv4: str | None, ipv6: str | None, port: str | None) -> NetworkSpec:
    """Raises Malformed, Unsupported, Forbidden."""
    if port is not None:
        raise Unsupported("cannot attach a Neutron port: name a network of the project")
    if ipv6 is not None:
        raise Unsupported("cannot give a fixed IPv6 address: the project's networks are IPv4")
    if name is None:
        raise Malformed("cannot attach to a network without its name: give network=<name>")
    if name == "host" or name.startswith("container:"):
        raise Forbidden(f"cannot join the network {name[:40]!r}: no tenant may; name a network of the project")
    if name == "none":
        raise Malformed("cannot join other networks beside 'none': give it alone")
    if ipv4 is not None:
        try:
            ipaddress.IPv4Address(ipv4)
        except ValueError:
            raise Malformed(f"cannot read {ipv4!r} as an IPv4 address") from None
    return NetworkSpec(check_name(name, "network's name"), ipv4)


def _ports(body: CreateContainer, hints: Hints) -> tuple[PortSpec, ...]:
    wished = {(port.port, port.protocol): port for port in hints.publish}
    if len(wished) < len(hints.publish):
        raise Malformed("cannot publish one port twice: give each publish hint once")
    for key in body.exposed_ports or {}:
        number, _, protocol = key.partition("/")
        port = PortSpec(hinting.check_port(number), protocol or "tcp")
        wished.setdefault((port.port, port.protocol), port)
    return tuple(wished.values())


def _check_place(place: str) -> None:
    """Raises Malformed unless it is a plain folder or file of the container, and none of the system's."""
    plain = posixpath.normpath(place)
    # normpath leaves two slashes in front as they are, and the engine takes them for one.
    if ".." in place.split("/") or plain.startswith("//") or plain == "/":
        raise Malformed(f"cannot mount at {place[:80]}: choose a plain folder of the container")
    if plain in _SYSTEM:
        raise Malformed(f"cannot mount at {place[:80]}: it is the system's; choose another folder")
    if plain.startswith(tuple(f"{s}/" for s in _SYSTEM)) and plain != _SHARED_MEMORY:
        raise Malformed(f"cannot mount at {place[:80]}: choose a plain folder of the container")


def _check_size(spec: ContainerSpec) -> None:
    """Raises Malformed: a definition is read at every turn, and a thousand of them in one list."""
    texts = [*spec.command, *spec.entrypoint, *(file.content for file in spec.files)]
    for pairs in (spec.environment, spec.labels):
        texts += [*pairs, *pairs.values()]
    size = sum(len(text.encode()) for text in texts)
    if size > DEFINITION_LIMIT:
        raise Malformed(
            f"cannot create a container with {size} bytes of environment, labels, command and files: "
            f"{DEFINITION_LIMIT} together at most; put more into the image, or into a volume"
        )


def _check_together(spec: ContainerSpec) -> None:
    """What is wrong only beside something else. Raises Malformed."""
    _check_size(spec)
    places = [*(v.destination for v in spec.volumes), *(h.destination for h in spec.host_mounts)]
    places += [t.destination for t in spec.tmpfs]
    for source in (m.source for m in spec.host_mounts):
        if posixpath.normpath(source) != source or source.startswith("//"):
            raise Malformed(f"cannot mount {source[:80]} of the host: write its plain path, without '.', '..' and '//'")
    for place in [*places, *(f.destination for f in spec.files)]:
        _check_place(place)
    if len({posixpath.normpath(place) for place in places}) < len(places):
        raise Malformed("cannot mount twice at one place: give each destination once")
    if spec.ports and not spec.networks:
        raise Malformed("cannot publish ports of a container without a network: leave nets=none out")
    if len({link.alias for link in spec.links}) < len(spec.links):
        raise Malformed("cannot link under one alias twice: give each its own (link=<container>:<alias>)")
