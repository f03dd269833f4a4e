"""Published host ports: given out among all projects without clashes, kept until the object is gone."""

from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, bindparam, delete, func, insert, select, update

from jeroboam.model.container import PortSpec
from jeroboam.model.errors import Conflict
from jeroboam.store.schema import ports

_TAKEN = select(ports.c.host_port).where(ports.c.protocol == bindparam("protocol"))
_OF = (
    select(ports.c.port, ports.c.protocol, ports.c.host_port)
    .where(ports.c.object_id == bindparam("object_id"))
    .order_by(ports.c.port, ports.c.protocol, ports.c.host_port)
)
_COUNT = select(func.count()).where(ports.c.project_id == bindparam("project_id"))
_INSERT = insert(ports)
_MOVE = (
    update(ports)
    .where(ports.c.protocol == bindparam("of_protocol"), ports.c.host_port == bindparam("old"))
    .values({ports.c.host_port: bindparam("new")})
)
_RELEASE = delete(ports).where(ports.c.object_id == bindparam("object_id"))


def allocate(
    tx: Connection, object_id: str, project_id: str, wanted: Sequence[PortSpec], low: int, high: int
) -> tuple[tuple[PortSpec, int], ...]:
    """A host port for each, in the order given: the one that it names, else the lowest free one of low..high.

    Raises Conflict if a named one is taken or lies outside, or none is left.
    """
    taken = {spec.protocol: set(tx.execute(_TAKEN, {"protocol": spec.protocol}).scalars()) for spec in wanted}
    given: dict[int, int] = {}
    # Those that name their port come first: the lowest free one must not be what another asks for.
    for place in sorted(range(len(wanted)), key=lambda i: wanted[i].host_port is None):
        spec = wanted[place]
        given[place] = _choose(spec, taken[spec.protocol], low, high)
        taken[spec.protocol].add(given[place])
    if wanted:
        tx.execute(
            _INSERT,
            [
                {
                    "protocol": spec.protocol,
                    "host_port": given[place],
                    "object_id": object_id,
                    "project_id": project_id,
                    "port": spec.port,
                }
                for place, spec in enumerate(wanted)
            ],
        )
    return tuple((spec, given[place]) for place, spec in enumerate(wanted))


def move(tx: Connection, object_id: str, old: int, wanted: Sequence[PortSpec], low: int, high: int) -> bool:
    """Gives the object's host port `old`, unless `wanted` names it, for the next free one above, round the range.

    For a port that something past us has. Whether it is one to move. Raises Conflict if none is left.
    """
    named = {(spec.port, spec.protocol, spec.host_port) for spec in wanted}
    mine = [spec for spec, host_port in of(tx, object_id) if host_port == old]
    moving = [spec for spec in mine if (spec.port, spec.protocol, old) not in named]
    for spec in moving:
        taken = set(tx.execute(_TAKEN, {"protocol": spec.protocol}).scalars())
        new = _next_free(spec, taken, [*range(old + 1, high + 1), *range(low, old)], low, high)
        tx.execute(_MOVE, {"of_protocol": spec.protocol, "old": old, "new": new})
    return bool(moving)


def release(tx: Connection, object_id: str) -> None:
    """Idempotent."""
    tx.execute(_RELEASE, {"object_id": object_id})


def of(tx: Connection, object_id: str) -> tuple[tuple[PortSpec, int], ...]:
    """What the object has, by container port."""
    return tuple(
        (PortSpec(port, protocol, host_port), host_port)
        for port, protocol, host_port in tx.execute(_OF, {"object_id": object_id})
    )


def count(tx: Connection, project_id: str) -> int:
    """How many the project's objects have together."""
    return int(tx.execute(_COUNT, {"project_id": project_id}).scalar_one())


def _choose(spec: PortSpec, taken: set[int], low: int, high: int) -> int:
    if spec.host_port is not None:
        if not low <= spec.host_port <= high:
            raise Conflict(
                f"cannot publish port {spec.port} on host port {spec.host_port}: "
                f"only {low} to {high} are given out here; name one of those, or none"
            )
        if spec.host_port in taken:
            raise Conflict(
                f"cannot publish port {spec.port} on host port {spec.host_port}/{spec.protocol}: it is taken; "
                "name another, or none to get the next free one"
            )
        return spec.host_port
    return _next_free(spec, taken, range(low, high + 1), low, high)


def _next_free(spec: PortSpec, taken: set[int], order: Iterable[int], low: int, high: int) -> int:
    for port in order:
        if port not in taken:
            return port
    raise Conflict(
        f"cannot publish port {spec.port}: all {spec.protocol} host ports from {low} to {high} are in use; "
        "publish fewer, or ask the operator for a larger network.publish_ports"
    )
