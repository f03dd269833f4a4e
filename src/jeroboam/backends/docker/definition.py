"""A definition as the engine's create document. Pure: what is not in here is never asked of an engine."""

import io
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

from jeroboam.backends.data import Definition, File, NetworkAttachment, PortBinding
from jeroboam.backends.errors import Permanent
from jeroboam.model.container import HealthCheck
from jeroboam.model.names import LABEL_INSTALLATION

_NOT_NETWORKS = frozenset({"host", "none", "bridge", "default", ""})
_SECOND = 1_000_000_000


def create_document(definition: Definition, installation: str) -> dict[str, Any]:
    """The body of POST /containers/create. Raises Permanent for what must never reach an engine."""
    _check(definition)
    document: dict[str, Any] = {
        "Image": definition.image,
        "Labels": {**definition.labels, LABEL_INSTALLATION: installation},
        "Env": [f"{key}={value}" for key, value in definition.environment.items()],
        "Tty": definition.tty,
        "OpenStdin": definition.stdin,
        "ExposedPorts": {_port(binding): {} for binding in definition.ports},
        "HostConfig": _host_config(definition, installation),
    }
    optional = {
        "Cmd": list(definition.command),
        "Entrypoint": list(definition.entrypoint),
        "WorkingDir": definition.workdir,
        "Hostname": definition.hostname,
        "Healthcheck": definition.healthcheck and _health(definition.healthcheck),
    }
    document.update({key: value for key, value in optional.items() if value})
    if definition.networks:
        first = definition.networks[0]
        document["NetworkingConfig"] = {"EndpointsConfig": {first.network: endpoint(first)}}
    return document


def endpoint(attachment: NetworkAttachment) -> dict[str, Any]:
    """The engine's EndpointSettings of an attachment."""
    document: dict[str, Any] = {"Aliases": list(attachment.aliases)}
    if attachment.links:
        document["Links"] = link_words(attachment)
    if attachment.ipv4:
        document["IPAMConfig"] = {"IPv4Address": attachment.ipv4}
    return document


def link_words(attachment: NetworkAttachment) -> list[str]:
    """Links as the engine writes them; on a network of one's own they are names that only this container sees."""
    return [f"{target}:{alias}" for target, alias in attachment.links]


def limits(memory: int | None, vcpus: int | None) -> dict[str, int]:
    """MiB and thousandths as the engine's limits. Swap is part of the memory limit: none beyond it.

    An engine whose kernel cannot account swap drops that figure by itself, with a warning.
    """
    document: dict[str, int] = {}
    if memory is not None:
        document |= {"Memory": memory << 20, "MemorySwap": memory << 20}
    if vcpus is not None:
        document["NanoCpus"] = vcpus * 1_000_000
    return document


def files_tar(files: Iterable[File]) -> bytes:
    """A tar to unpack at the container's root; readable by everybody in it, as the image's user is not known."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for file in files:
            path = PurePosixPath(file.destination)
            if not path.is_absolute() or ".." in path.parts or path.name == "":
                raise Permanent(f"cannot put a file at {file.destination!r}: use an absolute path without '..'")
            entry = tarfile.TarInfo(str(path.relative_to("/")))
            entry.size, entry.mode = len(file.content), 0o644
            tar.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def _check(definition: Definition) -> None:
    what = f"cannot create container {definition.name}: "
    if min(definition.memory, definition.vcpus, definition.pids) <= 0:
        raise Permanent(what + "it needs a limit above 0 for memory, cpu and pids")
    for attachment in definition.networks:
        check_network(attachment.network, definition.name)
    for volume in definition.volumes:
        if not volume.volume or "/" in volume.volume:
            raise Permanent(what + f"{volume.volume!r} is no volume; host folders are never mounted as one")
    for mount in definition.host_mounts:
        if not mount.source.startswith("/"):
            raise Permanent(what + f"{mount.source!r} is no place of the host; give an absolute path")


def check_network(network: str, container: str) -> None:
    """Raises Permanent for the words by which an engine means a namespace of the host or of another container."""
    if network in _NOT_NETWORKS or ":" in network:
        raise Permanent(f"cannot join container {container} to {network!r}: only networks of ours can be joined")


def _host_config(definition: Definition, installation: str) -> dict[str, Any]:
    return {
        **limits(definition.memory, definition.vcpus),
        "PidsLimit": definition.pids,
        "Privileged": definition.privileged,
        "SecurityOpt": ["no-new-privileges"],
        "IpcMode": "private",
        "AutoRemove": False,
        "NetworkMode": definition.networks[0].network if definition.networks else "none",
        "PortBindings": _port_bindings(definition.ports),
        "RestartPolicy": {
            "Name": definition.restart.name.value,
            "MaximumRetryCount": definition.restart.maximum_retry_count,
        },
        "LogConfig": {
            "Type": "json-file",
            "Config": {"max-size": f"{definition.log_max_mib}m", "max-file": str(definition.log_files)},
        },
        "Mounts": _mounts(definition, installation),
        **({"Runtime": definition.runtime} if definition.runtime else {}),
    }


def _mounts(definition: Definition, installation: str) -> list[dict[str, Any]]:
    volumes: list[dict[str, Any]] = [
        {
            "Type": "volume",
            "Source": volume.volume,
            "Target": volume.destination,
            # One that vanished is made anew by the engine: it must carry our label then too.
            "VolumeOptions": {"Labels": {LABEL_INSTALLATION: installation}},
        }
        for volume in definition.volumes
    ]
    tmpfs: list[dict[str, Any]] = [
        {"Type": "tmpfs", "Target": mount.destination, "TmpfsOptions": {"SizeBytes": mount.size_mib << 20}}
        for mount in definition.tmpfs
    ]
    return (
        volumes
        + tmpfs
        + [{"Type": "bind", "Source": m.source, "Target": m.destination} for m in definition.host_mounts]
    )


def _port(binding: PortBinding) -> str:
    return f"{binding.port}/{binding.protocol}"


def _port_bindings(ports: Iterable[PortBinding]) -> Mapping[str, list[dict[str, str]]]:
    bindings: dict[str, list[dict[str, str]]] = {}
    for binding in ports:
        host = {"HostIp": binding.host_ip, "HostPort": str(binding.host_port)}
        bindings.setdefault(_port(binding), []).append(host)
    return bindings


def _health(check: HealthCheck) -> dict[str, Any]:
    """A test that does not say how it is to be run is run without a shell."""
    named = check.test[:1] in (("CMD",), ("CMD-SHELL",), ("NONE",))
    return {
        "Test": list(check.test) if named else ["CMD", *check.test],
        "Interval": check.interval * _SECOND,
        "Timeout": check.timeout * _SECOND,
        "Retries": check.retries,
    }
