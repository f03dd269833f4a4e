"""From a spec to the complete definition that a backend makes a container from: names, labels, addresses, links."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection

from jeroboam.backends.data import Definition, File, NetworkAttachment, PortBinding, VolumeBinding
from jeroboam.model import container as model
from jeroboam.model import names
from jeroboam.model.container import ContainerSpec, ContainerStatus, NetworkSpec
from jeroboam.model.errors import NotFound
from jeroboam.model.objects import Object
from jeroboam.planning.definition import definition_digest
from jeroboam.settings import Settings
from jeroboam.store import networks, objects, ports, volumes
from jeroboam.store.database import Database

Container = Object[ContainerSpec, ContainerStatus]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a container needs around it, under the engine's names."""

    networks: tuple[tuple[str, str], ...]
    """(engine's name, project's name), in the order of the spec."""
    volumes: tuple[VolumeBinding, ...]
    ports: tuple[PortBinding, ...]
    links: tuple[tuple[str, str], ...]
    """(engine's container name, alias)."""
    link_environment: Mapping[str, str]

    @property
    def network_names(self) -> Mapping[str, str]:
        return dict(self.networks)


class Definitions:
    """Looks up (and allots, where it is the first time) what a container needs from the store."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._settings = settings

    def surroundings(self, obj: Container) -> Surroundings:
        """Allots networks and volumes that do not exist yet. Raises Conflict where the network range is used up."""
        with self._database.write() as tx:
            return Surroundings(
                networks=tuple(self._network(tx, obj.project_id, n) for n in obj.spec.networks),
                volumes=tuple(self._volume(tx, obj, m) for m in obj.spec.volumes),
                ports=tuple(
                    PortBinding(p.port, p.protocol, self._settings.network.publish_address, host_port)
                    for p, host_port in ports.of(tx, obj.id)
                ),
                links=(links := self._links(tx, obj))[0],
                link_environment=links[1],
            )

    def subnet(self, project_id: str, network: str) -> str:
        """The subnet of the project's network, at this moment."""
        with self._database.read() as tx:
            return networks.named(tx, project_id, network).subnet

    def renumber(self, project_id: str, network: str, tried: str) -> str:
        """Gives the project's network another subnet than `tried`, which is taken on the engine, and returns it."""
        limits = self._settings.network
        with self._database.write() as tx:
            return networks.renumber(tx, project_id, network, tried, limits.range, limits.prefix).subnet

    def found_with(self, project_id: str, network: str, subnet: str) -> None:
        """Notes the subnet that the engine's network has."""
        limits = self._settings.network
        with self._database.write() as tx:
            networks.found_with(tx, project_id, network, subnet, limits.range, limits.prefix)

    def move_port(self, obj: Container, host_port: int) -> bool:
        """Another host port instead of `host_port`; False where its owner chose it."""
        low, high = self._settings.network.publish_ports
        with self._database.write() as tx:
            return ports.move(tx, obj.id, host_port, obj.spec.ports, low, high)

    def attachments(self, obj: Container, around: Surroundings) -> tuple[NetworkAttachment, ...]:
        """The container is found under its name, its id's first eight digits and its hostname."""
        aliases = tuple(dict.fromkeys(a for a in (obj.name, obj.id[:8], obj.spec.hostname) if a))
        return tuple(
            NetworkAttachment(engine, aliases, spec.ipv4, around.links)
            for (engine, _), spec in zip(around.networks, obj.spec.networks, strict=True)
        )

    def definition(self, obj: Container, image_id: str, around: Surroundings) -> Definition:
        spec, limits = obj.spec, self._settings.containers
        return Definition(
            name=names.container_name(self._database.installation, obj.id),
            image=image_id,
            labels={**spec.labels, **self._labels(obj)},
            memory=spec.memory,
            vcpus=spec.vcpus,
            pids=spec.pids,
            command=spec.command,
            entrypoint=spec.entrypoint,
            environment={**around.link_environment, **spec.environment},
            workdir=spec.workdir,
            hostname=spec.hostname,
            restart=spec.restart,
            healthcheck=spec.healthcheck,
            tty=spec.tty,
            stdin=spec.interactive,
            privileged=spec.privileged,
            runtime=spec.runtime,
            networks=self.attachments(obj, around),
            ports=around.ports,
            volumes=around.volumes,
            host_mounts=spec.host_mounts,
            tmpfs=spec.tmpfs,
            files=tuple(File(f.destination, base64.b64decode(f.content)) for f in spec.files),
            log_max_mib=limits.log_max_mib,
            log_files=limits.log_files,
        )

    def _labels(self, obj: Container) -> Mapping[str, str]:
        return {
            names.LABEL_INSTALLATION: self._database.installation,
            names.LABEL_OBJECT: obj.id,
            names.LABEL_PROJECT: obj.project_id,
            names.LABEL_NAME: obj.name,
            names.LABEL_DEFINITION: definition_digest(obj.spec),
        }

    def _network(self, tx: Connection, project_id: str, spec: NetworkSpec) -> tuple[str, str]:
        limits = self._settings.network
        row = networks.ensure(tx, project_id, spec.network, limits.range, limits.prefix)
        return names.network_name(self._database.installation, row.id), row.name

    def _volume(self, tx: Connection, obj: Container, mount: model.VolumeMount) -> VolumeBinding:
        if mount.name is None:
            row = volumes.ensure(tx, obj.project_id, mount.destination, object_id=obj.id)
        else:
            row = volumes.ensure(tx, obj.project_id, mount.name)
        return VolumeBinding(names.volume_name(self._database.installation, row.id), mount.destination)

    def _links(self, tx: Connection, obj: Container) -> tuple[tuple[tuple[str, str], ...], dict[str, str]]:
        """Links that name nothing (any more) are left out: the container starts, and its name does not resolve."""
        found: list[tuple[str, str]] = []
        environment: dict[str, str] = {}
        for link in obj.spec.links:
            try:
                target: Container = objects.get(tx, model.KIND, link.target, obj.project_id)
            except NotFound:
                continue
            found.append((names.container_name(self._database.installation, target.id), link.alias))
            environment.update(link_environment(link.alias, target.name, target.spec))
        return tuple(found), environment


def link_environment(alias: str, name: str, spec: ContainerSpec) -> dict[str, str]:
    """What a linked container shares, named as Docker's links named it: ALIAS_NAME, ALIAS_ENV_<KEY>, ALIAS_PORT."""
    prefix = "".join(c if c.isalnum() else "_" for c in alias).upper()
    shared = {f"{prefix}_NAME": name}
    shared |= {f"{prefix}_ENV_{key}": value for key, value in spec.environment.items()}
    shared |= {f"{prefix}_PORT_{p.port}_{p.protocol.upper()}": f"{p.protocol}://{alias}:{p.port}" for p in spec.ports}
    return shared
