"""Containers of a Docker Engine from create to remove."""

from collections.abc import Iterable
from contextlib import suppress
from typing import Any

import orjson

from jeroboam.backends.data import Definition, NetworkAttachment, Summary
from jeroboam.backends.docker import reading
from jeroboam.backends.docker.definition import check_network, create_document, endpoint, files_tar, limits, link_words
from jeroboam.backends.docker.owned import Known, Owned, known
from jeroboam.backends.docker.wire import segment
from jeroboam.backends.errors import Missing, NetworkMissing, NotOurs, Permanent, Temporary, WrongState
from jeroboam.model.observed import Observed, State

_NAME_TAKEN = "is already in use by container"


class Containers(Owned):
    def create(self, definition: Definition) -> Observed:
        document = create_document(definition, self.installation)
        files = files_tar(definition.files) if definition.files else None
        doing = f"create container {definition.name}"
        try:
            answer = self._wire.json(
                "POST", "/containers/create", doing, params={"name": definition.name}, body=document
            )
        except WrongState as error:
            if _NAME_TAKEN not in str(error):
                raise
            return self._adopt(definition, files)
        made = Known(answer["Id"], definition.tty)
        self._remember(definition.name, made)
        self._complete(made, definition.networks[1:], files, doing)
        return reading.fresh(definition, made.id)

    def _adopt(self, definition: Definition, files: bytes | None) -> Observed:
        """Takes over what an earlier try, whose answer was lost, has made."""
        doing = f"adopt container {definition.name}"
        found = self._inspect(definition.name)
        if found is None or found["State"]["Status"] == "removing":
            raise Temporary(f"cannot {doing}: the one of that name is being made or removed at this moment")
        observed = reading.observed(found)
        if observed.state is State.CREATED:
            joined = found["NetworkSettings"]["Networks"]
            absent = [attachment for attachment in definition.networks if attachment.network not in joined]
            self._complete(known(found), absent, files, doing)
        return observed

    def _complete(self, known: Known, networks: Iterable[NetworkAttachment], files: bytes | None, doing: str) -> None:
        """What the create document has no room for: further networks (before API 1.44), and files."""
        for attachment in networks:
            self._join(known.id, attachment, doing)
        if files:
            path = f"/containers/{known.id}/archive"
            self._wire.call("PUT", path, f"{doing} with its files", params={"path": "/"}, data=files)

    def observe(self, name: str) -> Observed | None:
        found = self._inspect(name)
        return reading.observed(found) if found is not None else None

    def containers(self) -> list[Summary]:
        filters = orjson.dumps(self._filters()).decode()
        params = {"all": "1", "filters": filters}
        listed = self._wire.json("GET", "/containers/json", "list containers", params=params)
        return [reading.summary(entry) for entry in listed]

    def start(self, name: str) -> None:
        self._post(name, "start", "start")

    def stop(self, name: str, timeout: int) -> None:
        # The engine itself lets a paused one run again, or the signal could not be heard.
        self._post(name, "stop", "stop", params={"t": timeout}, timeout=timeout + self._wire.deadlines.call)

    def restart(self, name: str, timeout: int) -> None:
        self._post(name, "restart", "restart", params={"t": timeout}, timeout=timeout + self._wire.deadlines.call)

    def pause(self, name: str) -> None:
        try:
            self._post(name, "pause", "pause")
        except WrongState as error:
            if "already paused" not in str(error):
                raise

    def unpause(self, name: str) -> None:
        try:
            self._post(name, "unpause", "unpause")
        except WrongState:
            # The engine's answer is the same for one that runs and one that does not.
            found = self._inspect(name)
            if found is None or found["State"]["Status"] != "running":
                raise

    def kill(self, name: str, signal: str) -> None:
        self._post(name, "kill", "kill", params={"signal": signal})

    def remove(self, name: str) -> None:
        def act(known: Known) -> None:
            params = {"force": "1", "v": "1"}
            self._wire.call("DELETE", f"/containers/{known.id}", f"remove container {name}", params=params)

        with suppress(Missing):
            self._on(name, act)
        self._known.pop(name, None)

    def update(self, name: str, *, memory: int | None = None, vcpus: int | None = None) -> None:
        if any(limit is not None and limit <= 0 for limit in (memory, vcpus)):
            raise Permanent(f"cannot update container {name}: a limit must be above 0")
        self._post(name, "update", "update", body=limits(memory, vcpus))

    def connect(self, name: str, attachment: NetworkAttachment) -> None:
        check_network(attachment.network, name)
        doing = f"connect container {name} to network {attachment.network}"
        network = self._network(attachment.network)
        if network is None:
            raise NetworkMissing(f"cannot {doing}: there is no such network; make it first")
        found = self._inspect(name)
        if found is None:
            raise Missing(f"cannot {doing}: there is no such container")
        joined = found["NetworkSettings"]["Networks"].get(attachment.network)
        if joined is not None:
            if _same_end(joined, attachment, found["Id"]) and joined.get("NetworkID") in ("", network["Id"]):
                return
            self._leave(found["Id"], attachment.network, doing)
        self._join(found["Id"], attachment, doing)

    def disconnect(self, name: str, network: str) -> None:
        doing = f"disconnect container {name} from network {network}"
        with suppress(Missing):
            self._on(name, lambda known: self._leave(known.id, network, doing))

    def _join(self, container_id: str, attachment: NetworkAttachment, doing: str) -> None:
        body = {"Container": container_id, "EndpointConfig": endpoint(attachment)}
        self._wire.call("POST", f"/networks/{segment(attachment.network)}/connect", doing, body=body)

    def _leave(self, container_id: str, network: str, doing: str) -> None:
        body = {"Container": container_id, "Force": True}
        with suppress(Missing, NetworkMissing):
            self._wire.call("POST", f"/networks/{segment(network)}/disconnect", doing, body=body)

    def _network(self, name: str) -> dict[str, Any] | None:
        """The engine's document of a network of ours, None if there is none. Raises NotOurs."""
        try:
            found: dict[str, Any] = self._wire.json("GET", f"/networks/{segment(name)}", f"look at network {name}")
        except (Missing, NetworkMissing):
            return None
        if found["Name"] != name:
            return None
        if not self._is_ours(found.get("Labels")):
            raise NotOurs(f"cannot use network {name}: it is not ours; remove it, and we make our own")
        return found

    def _post(self, name: str, verb: str, doing: str, **more: Any) -> None:
        self._on(
            name,
            lambda known: self._wire.call(
                "POST", f"/containers/{known.id}/{verb}", f"{doing} container {name}", **more
            ),
        )


def _same_end(joined: dict[str, Any], wanted: NetworkAttachment, container_id: str) -> bool:
    """Whether an existing end on a network is the wanted one; the engine adds the short id to the aliases itself."""
    aliases = set(joined.get("Aliases") or ()) - {container_id[:12]}
    address = (joined.get("IPAMConfig") or {}).get("IPv4Address") or None
    links = set(joined.get("Links") or ())
    return aliases == set(wanted.aliases) and address == wanted.ipv4 and links == set(link_words(wanted))
