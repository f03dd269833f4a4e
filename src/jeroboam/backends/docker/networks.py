"""Networks and volumes of a Docker Engine."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import orjson

from jeroboam.backends.data import Network, Volume
from jeroboam.backends.docker import reading
from jeroboam.backends.docker.containers import Containers
from jeroboam.backends.docker.wire import segment
from jeroboam.backends.errors import Missing, NetworkMissing, NotOurs, Taken, WrongState
from jeroboam.model.names import LABEL_INSTALLATION


class Networks(Containers):
    def ensure_network(self, name: str, subnet: str, labels: Mapping[str, str]) -> str:
        there = self._subnet(name)
        if there is not None:
            return there
        body = {
            "Name": name,
            "CheckDuplicate": True,
            "Driver": "bridge",
            "IPAM": {"Driver": "default", "Config": [{"Subnet": subnet}]},
            "Labels": {**labels, LABEL_INSTALLATION: self.installation},
        }
        try:
            self._wire.call("POST", "/networks/create", f"create network {name} with subnet {subnet}", body=body)
        except (WrongState, Taken):
            # Another conductor may have been faster: of two with the same subnet the engine makes one.
            there = self._subnet(name)
            if there is None:
                raise
        return there or subnet

    def _subnet(self, name: str) -> str | None:
        """Of our network of that name; None where there is none."""
        found = self._network(name)
        return None if found is None else reading.network(found).subnet

    def remove_network(self, name: str) -> None:
        found = self._network(name)
        if found is not None:
            with suppress(Missing, NetworkMissing):
                self._wire.call("DELETE", f"/networks/{found['Id']}", f"remove network {name}")

    def networks(self) -> list[Network]:
        listed = self._wire.json("GET", "/networks", "list networks", params=self._filter_params())
        return [reading.network(entry) for entry in listed]

    def ensure_volume(self, name: str, labels: Mapping[str, str]) -> None:
        body = {"Name": name, "Driver": "local", "Labels": {**labels, LABEL_INSTALLATION: self.installation}}
        # Where one of that name exists the engine answers with that one.
        self._check_volume(self._wire.json("POST", "/volumes/create", f"create volume {name}", body=body))

    def remove_volume(self, name: str) -> None:
        doing = f"remove volume {name}"
        with suppress(Missing):
            self._check_volume(self._wire.json("GET", f"/volumes/{segment(name)}", doing))
            self._wire.call("DELETE", f"/volumes/{segment(name)}", doing)

    def volumes(self) -> list[Volume]:
        listed = self._wire.json("GET", "/volumes", "list volumes", params=self._filter_params())
        return [Volume(entry["Name"], entry.get("Labels") or {}) for entry in listed.get("Volumes") or ()]

    def _check_volume(self, document: Mapping[str, Any]) -> None:
        if not self._is_ours(document.get("Labels")):
            raise NotOurs(f"cannot use volume {document['Name']}: it is not ours; remove it, and we make our own")

    def _filter_params(self) -> dict[str, str]:
        return {"filters": orjson.dumps(self._filters()).decode()}
