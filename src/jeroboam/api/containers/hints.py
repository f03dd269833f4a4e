"""`--hint key=value`: what Zun's client has no field for. One table says what there is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from jeroboam.model.container import Link, OnEvict, PortSpec, QuotaSpec, TmpfsMount
from jeroboam.model.errors import Malformed
from jeroboam.model.names import check_resource
from jeroboam.model.quantities import CONTAINERS, MAX, MEMORY, VCPUS

KNOWN = {
    "shortage": "wait or refuse, where the quota has no room",
    "priority": "0 to 100",
    "reservation": "the reservation to draw from",
    "reclaimable": "true or false",
    "on_evict": "stop or requeue",
    "link": "<container>[:<alias>]",
    "publish": "[<host port>:]<port>[/udp]",
    "tmpfs": "/path:<MiB>",
    "pids": "the most processes",
    "resource.<name>": "an amount of a resource that the operator added",
}
_REPEATED = ("link", "publish", "tmpfs")
_PUBLISH = re.compile(r"(?:([0-9]{1,5}):)?([0-9]{1,5})(?:/(tcp|udp))?", re.ASCII)
_LINK = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,254})(?::([A-Za-z0-9][A-Za-z0-9_-]{0,62}))?", re.ASCII)
_TMPFS = re.compile(r"(/[^:\0]{1,4095}):([0-9]{1,9})", re.ASCII)
_WHOLE = re.compile(r"[0-9]{1,16}", re.ASCII)

Sent = Mapping[str, str | list[str]]


@dataclass(frozen=True, slots=True)
class Hints:
    """`links` name their targets as the client did; `pids` None: the default."""

    quota: QuotaSpec = field(default_factory=QuotaSpec)
    links: tuple[Link, ...] = ()
    publish: tuple[PortSpec, ...] = ()
    tmpfs: tuple[TmpfsMount, ...] = ()
    pids: int | None = None


def parse(sent: Sent) -> Hints:
    """Raises Malformed, naming the hints that there are where one is unknown."""
    hints = Hints()
    for key, value in sent.items():
        values = value if isinstance(value, list) else [value]
        if len(values) > 1 and key not in _REPEATED:
            raise Malformed(f"cannot take the hint {key[:40]!r} {len(values)} times: give it once")
        if len(values) > 64:
            raise Malformed(f"cannot take the hint {key[:40]!r} {len(values)} times: 64 at most")
        for text in values:
            hints = _add(hints, key, text)
    return hints


def _add(hints: Hints, key: str, text: str) -> Hints:
    match key:
        case "link":
            return replace(hints, links=(*hints.links, _link(text)))
        case "publish":
            return replace(hints, publish=(*hints.publish, _publish(text)))
        case "tmpfs":
            return replace(hints, tmpfs=(*hints.tmpfs, _tmpfs(text)))
        case "pids":
            return replace(hints, pids=_number(key, text, 1, 4_194_304))
        case _:
            return replace(hints, quota=_quota(hints.quota, key, text))


def _quota(quota: QuotaSpec, key: str, text: str) -> QuotaSpec:
    match key:
        case "shortage":
            return replace(quota, shortage=_choice(key, text, ("wait", "refuse")))
        case "priority":
            return replace(quota, priority=_number(key, text, 0, 100))
        case "reservation":
            if not 1 <= len(text) <= 64:
                raise Malformed("cannot read the hint 'reservation': give the name or id of one of your reservations")
            return replace(quota, reservation=text)
        case "reclaimable":
            return replace(quota, reclaimable=_choice(key, text.lower(), ("true", "false")) == "true")
        case "on_evict":
            return replace(quota, on_evict=OnEvict(_choice(key, text, ("stop", "requeue"))))
    prefix, _, name = key.partition(".")
    if prefix != "resource" or not name:
        known = "; ".join(f"{name}: {what}" for name, what in KNOWN.items())
        raise Malformed(f"cannot take the hint {key[:40]!r}: there is no such one. Known are {known}")
    if check_resource(name) in (CONTAINERS, VCPUS, MEMORY):
        raise Malformed(f"cannot take the hint {key!r}: containers count themselves, use --cpu and --memory")
    return replace(quota, extra={**quota.extra, name: _number(key, text, 0, MAX)})


def _choice(key: str, text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise Malformed(f"cannot read the hint {key}={text[:40]}: write {' or '.join(allowed)}")
    return text


def _number(key: str, text: str, least: int, most: int) -> int:
    if not _WHOLE.fullmatch(text) or not least <= int(text) <= most:
        raise Malformed(f"cannot read the hint {key[:80]}={text[:40]}: write a whole number from {least} to {most}")
    return int(text)


def _link(text: str) -> Link:
    found = _LINK.fullmatch(text)
    if not found:
        raise Malformed(f"cannot read the hint link={text[:40]}: write <container>[:<alias>]")
    return Link(found[1], found[2] or found[1])


def _publish(text: str) -> PortSpec:
    found = _PUBLISH.fullmatch(text)
    if not found:
        raise Malformed(f"cannot read the hint publish={text[:40]}: write [<host port>:]<port>[/udp]")
    host = None if found[1] is None else check_port(found[1])
    return PortSpec(check_port(found[2]), found[3] or "tcp", host)


def check_port(text: str) -> int:
    if not 1 <= int(text) <= 65535:
        raise Malformed(f"cannot publish port {text}: ports go from 1 to 65535")
    return int(text)


def _tmpfs(text: str) -> TmpfsMount:
    found = _TMPFS.fullmatch(text)
    if not found or int(found[2]) < 1:
        raise Malformed(f"cannot read the hint tmpfs={text[:40]}: write /path:<MiB>")
    return TmpfsMount(found[1], int(found[2]))
