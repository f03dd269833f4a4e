"""The engine's documents as our types. Pure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from jeroboam.backends.data import Capacity, Definition, Happened, Network, Summary
from jeroboam.model.container import Address, PublishedPort
from jeroboam.model.names import LABEL_DEFINITION, LABEL_OBJECT
from jeroboam.model.observed import Observed, State

Document = Mapping[str, Any]

_STATES: Mapping[str, State] = {state.value: state for state in State}
_ENDED = frozenset({State.EXITED, State.DEAD, State.RESTARTING})
_NO_NETWORK = "none"
_TOLD = ("exitCode", "signal", "name", "image")


def state_of(word: str) -> State:
    """`removing` is what Docker calls one that is half gone: as good as dead."""
    return _STATES.get(word, State.DEAD)


def seconds(text: str | None) -> float | None:
    """The engine's time in seconds since the epoch; None for its zero time, which means never."""
    if not text or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text).timestamp()


def observed(document: Document) -> Observed:
    """From GET /containers/{id}/json."""
    state, config, host = document["State"], document["Config"], document["HostConfig"]
    status = state_of(state["Status"])
    labels = config.get("Labels") or {}
    started, finished = seconds(state.get("StartedAt")), seconds(state.get("FinishedAt"))
    if status is State.EXITED and started is not None and finished is not None:
        # The engine notes the end of a very short run a moment before its begin.
        finished = max(started, finished)
    failed_to_start = status is State.CREATED and bool(state.get("Error"))
    return Observed(
        id=document["Id"],
        name=document["Name"].lstrip("/"),
        object_id=labels.get(LABEL_OBJECT, ""),
        state=status,
        definition=labels.get(LABEL_DEFINITION, ""),
        image_id=document.get("Image", ""),
        exit_code=state.get("ExitCode") if status in _ENDED or failed_to_start else None,
        error=state.get("Error") or "",
        oom_killed=bool(state.get("OOMKilled")),
        started_at=started,
        finished_at=finished,
        health=(state.get("Health") or {}).get("Status"),
        addresses=_addresses(document["NetworkSettings"].get("Networks") or {}),
        networks=tuple(sorted(set(document["NetworkSettings"].get("Networks") or {}) - {_NO_NETWORK})),
        joinable=host.get("NetworkMode") != _NO_NETWORK,
        ports=_ports(document["NetworkSettings"].get("Ports") or {}),
        memory=(host.get("Memory") or 0) >> 20,
        vcpus=(host.get("NanoCpus") or 0) // 1_000_000,
        pids=host.get("PidsLimit") or 0,
    )


def fresh(definition: Definition, container_id: str) -> Observed:
    """What is known of a container that was created this moment, without asking again."""
    return Observed(
        id=container_id,
        name=definition.name,
        object_id=definition.labels.get(LABEL_OBJECT, ""),
        state=State.CREATED,
        definition=definition.labels.get(LABEL_DEFINITION, ""),
        image_id="",
        networks=tuple(sorted(attachment.network for attachment in definition.networks)),
        joinable=bool(definition.networks),
        memory=definition.memory,
        vcpus=definition.vcpus,
        pids=definition.pids,
    )


def summary(document: Document) -> Summary:
    """From an entry of GET /containers/json."""
    labels = document.get("Labels") or {}
    names = document.get("Names") or [""]
    return Summary(
        id=document["Id"],
        name=names[0].lstrip("/"),
        object_id=labels.get(LABEL_OBJECT, ""),
        state=state_of(document["State"]),
        definition=labels.get(LABEL_DEFINITION, ""),
    )


def network(document: Document) -> Network:
    """From GET /networks."""
    pools = (document.get("IPAM") or {}).get("Config") or [{}]
    return Network(document["Name"], pools[0].get("Subnet", ""), document.get("Labels") or {})


def happened(document: Document) -> Happened:
    """From a line of GET /events. The attributes are Docker's own: the labels among them are left out."""
    attributes = (document.get("Actor") or {}).get("Attributes") or {}
    return Happened(
        object_id=attributes.get(LABEL_OBJECT, ""),
        action=document.get("Action") or document.get("status") or "",
        at=document.get("timeNano", 0) / 1e9 or float(document.get("time", 0)),
        attributes={key: attributes[key] for key in _TOLD if key in attributes},
    )


def capacity(document: Document) -> Capacity:
    """From GET /info."""
    labels = (label.partition("=") for label in document.get("Labels") or ())
    return Capacity(
        id=document.get("ID", ""),
        host=document.get("Name", ""),
        cpus=document["NCPU"],
        memory=document["MemTotal"] >> 20,
        engine=f"Docker Engine {document.get('ServerVersion', '')}".strip(),
        kernel=document.get("KernelVersion", ""),
        architecture=document.get("Architecture", ""),
        os=document.get("OperatingSystem", ""),
        labels={key: value for key, _, value in labels},
    )


def clock(document: Document) -> float:
    """From GET /info."""
    return datetime.fromisoformat(document["SystemTime"]).timestamp()


def _addresses(networks: Document) -> tuple[Address, ...]:
    found = []
    for name, end in sorted(networks.items()):
        if end.get("IPAddress"):
            found.append(Address(name, end["IPAddress"], end["IPPrefixLen"], 4, end.get("MacAddress") or None))
        if end.get("GlobalIPv6Address"):
            prefix = end["GlobalIPv6PrefixLen"]
            found.append(Address(name, end["GlobalIPv6Address"], prefix, 6, end.get("MacAddress") or None))
    return tuple(found)


def _ports(ports: Document) -> tuple[PublishedPort, ...]:
    found = []
    for key, bindings in sorted(ports.items()):
        number, _, protocol = key.partition("/")
        for binding in bindings or ():
            found.append(PublishedPort(int(number), protocol, binding["HostIp"], int(binding["HostPort"])))
    return tuple(found)
