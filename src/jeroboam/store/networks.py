"""The networks of projects: each project has its own, each with a small subnet from the operator's range."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network

from sqlalchemy import Connection, bindparam, delete, exists, insert, literal, select, update

from jeroboam.model.errors import Conflict, NotFound
from jeroboam.store.schema import networks, objects


@dataclass(frozen=True, slots=True)
class NetworkRow:
    """`subnet` in the form 10.212.3.0/24."""

    id: str
    project_id: str
    name: str
    subnet: str


_ALL = select(networks.c.id, networks.c.project_id, networks.c.name, networks.c.subnet)
_NAMED = _ALL.where(networks.c.project_id == bindparam("project_id"), networks.c.name == bindparam("name"))
_BY_ID = _ALL.where(networks.c.id == bindparam("network_id"))
_WITH = _ALL.where(networks.c.subnet == bindparam("subnet"), networks.c.id != bindparam("network_id"))
_ORDERED = _ALL.order_by(networks.c.name, networks.c.id)
_OF = _ORDERED.where(networks.c.project_id == bindparam("project_id"))
_SUBNETS = select(networks.c.subnet)
# The name as it stands in the spec's JSON. LIKE may find too much (`_` is any character), never too little.
_NAMED_BY = objects.c.spec.contains(literal('"network":"') + networks.c.name + '"')
_DESERTED = ~exists().where(objects.c.project_id == networks.c.project_id, _NAMED_BY)
_UNUSED = _ORDERED.where(_DESERTED)
_REMOVE_UNUSED = delete(networks).where(networks.c.id == bindparam("network_id"), _DESERTED)
_INSERT = insert(networks)
_RENUMBER = (
    update(networks).where(networks.c.id == bindparam("network_id")).values({networks.c.subnet: bindparam("new")})
)
_REMOVE = delete(networks).where(networks.c.id == bindparam("network_id"))


def ensure(
    tx: Connection,
    project_id: str,
    name: str,
    range: IPv4Network,
    prefix: int,
    avoid: Iterable[IPv4Network] = (),
) -> NetworkRow:
    """The project's network of that name; made with the lowest free subnet if there is none. Raises Conflict."""
    row = tx.execute(_NAMED, {"project_id": project_id, "name": name}).first()
    if row is not None:
        return NetworkRow(*row)
    taken = [IPv4Network(subnet) for subnet in tx.execute(_SUBNETS).scalars()]
    subnet = _lowest_free(range, prefix, [*taken, *avoid])
    if subnet is None:
        raise Conflict(f"cannot make the network {name!r}: {_used_up(range, prefix)}")
    made = NetworkRow(str(uuid.uuid4()), project_id, name, str(subnet))
    tx.execute(_INSERT, {"id": made.id, "project_id": project_id, "name": name, "subnet": made.subnet})
    return made


def renumber(tx: Connection, project_id: str, name: str, tried: str, range: IPv4Network, prefix: int) -> NetworkRow:
    """Moves the project's network from `tried` to the next free subnet above, or else to the lowest. Raises Conflict.

    For a subnet that something else on the engine uses: only while the engine has no network of this one. Who tried
    another subnet than it has now moves nothing: somebody was faster.
    """
    old = named(tx, project_id, name)
    if old.subnet != tried:
        return old
    taken = [IPv4Network(subnet) for subnet in tx.execute(_SUBNETS).scalars()]
    above = int(IPv4Network(old.subnet).broadcast_address) + 1
    subnet = _lowest_free(range, prefix, taken, above) or _lowest_free(range, prefix, taken)
    if subnet is None:
        raise Conflict(f"cannot move the network {name!r} from {old.subnet}: {_used_up(range, prefix)}")
    tx.execute(_RENUMBER, {"network_id": old.id, "new": str(subnet)})
    return replace(old, subnet=str(subnet))


def found_with(tx: Connection, project_id: str, name: str, subnet: str, range: IPv4Network, prefix: int) -> None:
    """The engine's network has `subnet`. Another one that was to have it, and cannot, moves on. Raises Conflict."""
    row = named(tx, project_id, name)
    other = tx.execute(_WITH, {"subnet": subnet, "network_id": row.id}).first()
    if other is not None:
        holder = NetworkRow(*other)
        renumber(tx, holder.project_id, holder.name, subnet, range, prefix)
    tx.execute(_RENUMBER, {"network_id": row.id, "new": subnet})


def named(tx: Connection, project_id: str, name: str) -> NetworkRow:
    """The project's network of that name. Raises NotFound."""
    row = tx.execute(_NAMED, {"project_id": project_id, "name": name}).first()
    if row is None:
        raise NotFound(f"cannot find a network {name[:64]!r}; list the networks to see what there is")
    return NetworkRow(*row)


def get(tx: Connection, network_id: str) -> NetworkRow:
    """Raises NotFound."""
    row = tx.execute(_BY_ID, {"network_id": network_id}).first()
    if row is None:
        raise NotFound(f"cannot find a network {network_id[:64]!r}; list the networks to see what there is")
    return NetworkRow(*row)


def listing(tx: Connection, project_id: str | None) -> list[NetworkRow]:
    """A project's (None: all), by name."""
    if project_id is None:
        return [NetworkRow(*row) for row in tx.execute(_ORDERED)]
    return [NetworkRow(*row) for row in tx.execute(_OF, {"project_id": project_id})]


def remove(tx: Connection, network_id: str) -> None:
    """Its subnet is free from now on: only once the engine has none of that network."""
    tx.execute(_REMOVE, {"network_id": network_id})


def unused(tx: Connection) -> list[NetworkRow]:
    """Those that no object of their project names."""
    return [NetworkRow(*row) for row in tx.execute(_UNUSED)]


def remove_if_unused(tx: Connection, network_id: str) -> bool:
    """Whether it was still unused, and is gone now."""
    return tx.execute(_REMOVE_UNUSED, {"network_id": network_id}).rowcount == 1


def _used_up(range: IPv4Network, prefix: int) -> str:
    return (
        f"all /{prefix} subnets of {range} are in use; "
        "delete networks that are not needed, or ask the operator for a larger network.range"
    )


def _lowest_free(range: IPv4Network, prefix: int, taken: list[IPv4Network], least: int = 0) -> IPv4Network | None:
    """From the address `least` on. Blocks that overlap `taken` are skipped, whatever the prefix they were made with."""
    size = 1 << (32 - prefix)
    at, end = int(range.network_address), int(range.broadcast_address) + 1
    at = max(at, -(-least // size) * size)
    for block in sorted(taken):
        first, last = int(block.network_address), int(block.broadcast_address)
        if first >= at + size:
            break
        if last >= at:
            at = (last // size + 1) * size
    return IPv4Network((IPv4Address(at), prefix)) if at + size <= end else None
