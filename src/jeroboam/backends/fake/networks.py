"""Images, networks and volumes of the fake engine."""

import ipaddress
from collections.abc import Callable, Mapping

from jeroboam.backends.data import Credentials, Network, PullProgress, Volume
from jeroboam.backends.errors import ImageDenied, ImageMissing, NotOurs, Permanent, Taken, Temporary
from jeroboam.backends.fake.containers import Containers
from jeroboam.backends.fake.faults import contract_call
from jeroboam.backends.fake.world import FakeNetwork, image_digest
from jeroboam.model.names import LABEL_INSTALLATION

_LAYER_BYTES = 1 << 20


class Networks(Containers):
    @contract_call
    def image_id(self, reference: str) -> str | None:
        with self.changed:
            return self.find_image(reference)

    @contract_call
    def pull(
        self, reference: str, credentials: Credentials | None, progress: Callable[[PullProgress], None] | None = None
    ) -> str:
        with self.changed:
            offered = self.registry.get(reference) or self.registry.get(f"{reference}:latest")
        if offered is None:
            raise ImageMissing(f"cannot pull image {reference}: manifest unknown; see that name and tag are right")
        given = (credentials.username, credentials.password) if credentials else (None, None)
        if offered.password is not None and given != (offered.username, offered.password):
            raise ImageDenied(f"cannot pull image {reference}: unauthorized; give credentials that the registry takes")
        for layer in range(offered.layers):
            for current in (_LAYER_BYTES // 2, _LAYER_BYTES):
                if progress is not None:
                    progress(PullProgress(f"layer{layer}", "Downloading", current, _LAYER_BYTES))
        with self.changed:
            return self.images.setdefault(reference, image_digest(reference))

    @contract_call
    def ensure_network(self, name: str, subnet: str, labels: Mapping[str, str]) -> str:
        try:
            wanted = ipaddress.ip_network(subnet)
        except ValueError:
            raise Permanent(f"cannot create network {name}: Invalid subnet {subnet}") from None
        with self.changed:
            found = self.network(name)
            if found is None:
                self._make_network(name, wanted, labels)
            return self.nets[name].subnet

    def _make_network(
        self, name: str, subnet: ipaddress.IPv4Network | ipaddress.IPv6Network, labels: Mapping[str, str]
    ) -> None:
        if any(subnet.overlaps(ipaddress.ip_network(other.subnet)) for other in self.nets.values()):
            raise Taken(f"cannot create network {name} with subnet {subnet}: it overlaps with another network's")
        owned = {**labels, LABEL_INSTALLATION: self.installation}
        self.nets[name] = FakeNetwork(self.new_id(), name, str(subnet), owned)

    @contract_call
    def remove_network(self, name: str) -> None:
        with self.changed:
            if self.network(name) is None:
                return
            if self.addresses(name):
                raise Temporary(f"cannot remove network {name}: it has active endpoints")
            del self.nets[name]

    @contract_call
    def networks(self) -> list[Network]:
        with self.changed:
            return [Network(net.name, net.subnet, net.labels) for net in self.nets.values() if self.is_ours(net.labels)]

    @contract_call
    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        with self.changed:
            self.vols.setdefault(name, {**labels, LABEL_INSTALLATION: self.installation})
            self._check_volume(name)

    @contract_call
    def remove_volume(self, name: str) -> None:
        with self.changed:
            if name not in self.vols:
                return
            self._check_volume(name)
            users = [
                container.definition.name
                for container in self.standing.values()
                if any(volume.volume == name for volume in container.definition.volumes)
            ]
            if users:
                raise Temporary(f"cannot remove volume {name}: volume is in use - {users}")
            del self.vols[name]

    @contract_call
    def volumes(self) -> list[Volume]:
        with self.changed:
            return [Volume(name, labels) for name, labels in self.vols.items() if self.is_ours(labels)]

    def _check_volume(self, name: str) -> None:
        if not self.is_ours(self.vols[name]):
            raise NotOurs(f"cannot use volume {name}: it is not ours; remove it, and we make our own")
