"""Creating a container: one transaction that charges the quota, stores the object and tells what happened."""

import ipaddress
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import uuid_utils
from sqlalchemy import Connection

from jeroboam.api.containers import build, names
from jeroboam.api.containers.schema import CreateContainer
from jeroboam.api.containers.view import ContainerObject
from jeroboam.api.context import Context
from jeroboam.api.quota import refusal
from jeroboam.identity.projects import Place
from jeroboam.model.conditions import Condition, ConditionType
from jeroboam.model.container import (
    KIND,
    ContainerSpec,
    ContainerStatus,
    Link,
    NetworkSpec,
    PublishedPort,
)
from jeroboam.model.errors import Conflict, Forbidden, Malformed, NotFound
from jeroboam.model.events import Event, EventType
from jeroboam.model.names import is_uuid
from jeroboam.model.objects import Object
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.policy import Shortage
from jeroboam.store import actions, events, ledger, networks, objects, ports, registries, volumes


@dataclass(frozen=True, slots=True)
class New:
    id: str
    name: str
    spec: ContainerSpec
    path: Sequence[Place]
    claim_id: str = field(default_factory=lambda: str(uuid_utils.uuid7()))  # the index of claims grows at its end


def create(ctx: Context, body: CreateContainer, run: bool) -> ContainerObject:
    """Raises Malformed, Unsupported, Forbidden, QuotaRefused, Conflict, Unavailable; then nothing is left of it."""
    settings = ctx.services.settings
    build.refuse_unsupported(body, settings.engine.name)
    spec = build.spec_of(body, settings.containers, ctx.version, run, ctx.now)
    ctx.services.cores.check(spec.vcpus)
    for rule in _power(spec):
        ctx.check(ctx.project_id, rule=rule)
    path = ctx.services.projects.path(ctx.project_id)
    if not path[0].enabled:
        raise Forbidden("cannot create a container: the project is disabled; ask its domain's admin")
    with ctx.services.database.read() as tx:
        # What it refers to is looked up before others wait for it.
        new = New(str(uuid.uuid4()), body.name or names.generate(), _resolve(ctx, tx, spec), path)
        request, alone = _request(ctx, tx, new), _takes_of_all(ctx, tx, new.spec)
    _join_tree(ctx, new, request)
    return ctx.services.admissions.submit(
        ledger.Asked(request, new.id), ctx.now, partial(_store, ctx, new), alone=alone
    )


def _power(spec: ContainerSpec) -> Iterator[str]:
    """The rules that must allow what a container has beyond others. The final spec is asked: no field leads around."""
    if spec.privileged or spec.runtime is not None:
        yield "container:create:privileged"
    if spec.host_mounts:
        yield "container:create:host"


def _join_tree(ctx: Context, new: New, request: Request) -> None:
    """The project's node is there, under its present name. A request that would be refused does not make it."""
    database, path = ctx.services.database, [(place.id, place.name, place.kind) for place in new.path]
    with database.read() as tx:
        known = ledger.has_path(tx, path)
    if known:
        return
    with database.quota() as books, ledger.shown_with(books.tree, path):
        decided = ledger.dry_run(books.tree, request, ctx.now)
        if decided.outcome == "refused":
            raise refusal.problem_in(ctx, books.tree, _cannot(new), decided, ctx.project_id)
    with database.write() as tx:
        ledger.ensure_path(tx, path)


def _cannot(new: New) -> str:
    return f"cannot create container {new.name}"


def _takes_of_all(ctx: Context, tx: Connection, spec: ContainerSpec) -> bool:
    """Whether it takes of what is nobody's yet, so that two at once could take the same: ports, subnets, addresses."""
    mine = {row.name for row in networks.listing(tx, ctx.project_id)}
    new = any(network.network not in mine or network.ipv4 is not None for network in spec.networks)
    return bool(new or spec.ports or spec.volumes)


def _store(ctx: Context, new: New, tx: Connection, decision: Decision) -> ContainerObject:
    # 1. It is paid for, or waits for that.
    if decision.outcome == "refused":
        raise refusal.problem(ctx, tx, _cannot(new), decision, ctx.project_id)
    # 2. What it needs is set aside.
    spec = new.spec
    published = _ports(ctx, tx, new)
    _networks(ctx, tx, spec.networks)
    for mount in spec.volumes:
        if mount.name is not None:
            volumes.ensure(tx, ctx.project_id, mount.name)
    # 3. It exists.
    status = ContainerStatus(
        reason=refusal.waiting(decision), conditions=_conditions(decision, ctx.now), ports=published
    )
    obj: ContainerObject = Object(
        new.id, KIND, ctx.project_id, ctx.caller.user_id, new.name, 1, 0, spec, status, ctx.now, ctx.now
    )
    objects.insert(tx, obj, new.claim_id)
    # 4. And that is told. The ledger has told that it waits, and knew no name yet.
    if decision.outcome != "admitted":
        events.name(tx, obj.id, obj.name, ctx.now)
    tell(ctx, tx, obj, EventType.CREATED, "create", f"Container {obj.name} was accepted.")
    return obj


def tell(ctx: Context, tx: Connection, obj: ContainerObject, type: EventType, action: str, message: str) -> None:
    """The event and the action that every accepted change of a container leaves."""
    actions.append(tx, obj.id, action, ctx.request_id, ctx.caller.user_id, obj.project_id, ctx.now)
    data: dict[str, Any] = {"action": action, "generation": obj.generation, "user_id": ctx.caller.user_id}
    events.append(tx, Event(type, KIND, obj.id, obj.project_id, ctx.now, message, obj.name, data, ctx.request_id))


def _request(ctx: Context, tx: Connection, new: New) -> Request:
    quota = new.spec.quota
    return Request(
        id=new.claim_id,
        node_id=ctx.project_id,
        amounts=new.spec.amounts(),
        priority=quota.priority,
        shortage=Shortage(quota.shortage),
        reservation=ledger.reservation_id(tx, ctx.project_id, quota.reservation),
        reclaimable=quota.reclaimable,
    )


def _resolve(ctx: Context, tx: Connection, spec: ContainerSpec) -> ContainerSpec:
    """Links and registry by id: they mean the same after a rename; networks by name. Raises Malformed, Conflict."""
    registry = spec.registry
    if registry is not None:
        try:
            registry = registries.get(tx, registry, ctx.project_id).id
        except NotFound:
            raise Malformed(f"cannot use the registry {registry[:80]!r}: the project has none of that name") from None
    joined = tuple(replace(n, network=network_name(tx, ctx.project_id, n.network)) for n in spec.networks)
    if len({network.network for network in joined}) < len(joined):
        raise Malformed("cannot join a network twice: give each once")
    links = tuple(_link(ctx, tx, link) for link in spec.links)
    return replace(spec, registry=registry, links=links, networks=joined)


def network_name(tx: Connection, project_id: str, ident: str) -> str:
    """The name of a network, which may be given by the id that it is shown by. Raises Malformed where no id is known.

    A name that looks like an id is never made: it would be a slip, and look like somebody's network.
    """
    if not is_uuid(ident):
        return ident
    for row in networks.listing(tx, project_id):
        if ident in (row.id, row.name):
            return row.name
    raise Malformed(f"cannot find the network {ident}: the project has none of that id; list its networks, or name one")


def _link(ctx: Context, tx: Connection, link: Link) -> Link:
    try:
        return Link(objects.get(tx, KIND, link.target, ctx.project_id).id, link.alias)
    except NotFound:
        raise Malformed(
            f"cannot link to {link.target[:80]!r}: the project has no such container; create that one first"
        ) from None


def _ports(ctx: Context, tx: Connection, new: New) -> tuple[PublishedPort, ...]:
    if not new.spec.ports:
        return ()
    network = ctx.services.settings.network
    low, high = network.publish_ports
    most = network.ports_per_project
    if ports.count(tx, ctx.project_id) + len(new.spec.ports) > most:
        raise Conflict(
            f"cannot publish {len(new.spec.ports)} more port(s): a project has {most} at most; publish fewer"
        )
    taken = ports.allocate(tx, new.id, ctx.project_id, new.spec.ports, low, high)
    return tuple(
        PublishedPort(port.port, port.protocol, network.publish_address, host_port) for port, host_port in taken
    )


def _networks(ctx: Context, tx: Connection, wanted: Sequence[NetworkSpec]) -> None:
    for network in wanted:
        ensure_network(ctx, tx, network)


def ensure_network(ctx: Context, tx: Connection, wanted: NetworkSpec) -> None:
    """The project's network, made if it is new. Raises Malformed where a fixed address lies outside of it, Conflict."""
    setting = ctx.services.settings.network
    mine = {row.name for row in networks.listing(tx, ctx.project_id)}
    if wanted.network not in mine and len(mine) >= setting.networks_per_project:
        raise Conflict(
            f"cannot make the network {wanted.network!r}: a project has {len(mine)} at most; use one of those, "
            "or wait until one that no container names any more is given back"
        )
    row = networks.ensure(tx, ctx.project_id, wanted.network, setting.range, setting.prefix)
    if wanted.ipv4 is None:
        return
    subnet = ipaddress.IPv4Network(row.subnet)
    address = ipaddress.IPv4Address(wanted.ipv4)
    reserved = (subnet.network_address, subnet.network_address + 1, subnet.broadcast_address)
    if address not in subnet or address in reserved:
        raise Malformed(
            f"cannot give the address {address}: network {wanted.network} is {subnet}, "
            f"addresses from {subnet.network_address + 2} to {subnet.broadcast_address - 1} can be had"
        )
    _check_free(ctx, tx, wanted.network, str(address))


def _check_free(ctx: Context, tx: Connection, network: str, address: str) -> None:
    for obj in objects.listing(tx, KIND, ctx.project_id):
        fixed = any(n.network == network and n.ipv4 == address for n in obj.spec.networks)
        if fixed or any(a.network == network and a.addr == address for a in obj.status.addresses):
            raise Conflict(f"cannot give the address {address}: container {obj.name} has it; choose another")


def _conditions(decision: Decision, now: float) -> tuple[Condition, ...]:
    accepted = Condition(ConditionType.ACCEPTED, True, "Accepted", since=now)
    admitted = decision.outcome == "admitted"
    reserved = Condition(
        ConditionType.QUOTA_RESERVED,
        admitted,
        decision.outcome.capitalize(),
        refusal.waiting(decision),
        now,
        decision.deadline,
    )
    return accepted, reserved
