"""What an owner asks of a container that exists: the declaration is changed, a conductor carries it out."""

from dataclasses import replace

from sqlalchemy import Connection

from jeroboam.api.containers import build, create, lookup
from jeroboam.api.containers.schema import UpdateContainer
from jeroboam.api.containers.view import ContainerObject
from jeroboam.api.context import Context
from jeroboam.api.quota import refusal
from jeroboam.model.container import ContainerSpec, Intent, NetworkSpec, Phase, RunState
from jeroboam.model.errors import Conflict, Malformed
from jeroboam.model.events import EventType
from jeroboam.quota.policy import Shortage
from jeroboam.quota.tree import ClaimState
from jeroboam.store import ledger, objects


def intend(
    ctx: Context, ident: str, verb: str, state: RunState, *, restart: bool = False, timeout: int | None = None
) -> ContainerObject:
    """A new intent of its owner. Raises NotFound, Conflict."""
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident)
        lookup.check_state(obj, verb)
        if state is RunState.RUNNING:
            _ask_again(ctx, tx, obj)
        intent = Intent(
            state=state,
            revision=obj.generation + 1,
            restart=restart,
            timeout=obj.spec.intent.timeout if timeout is None else timeout,
            asked_at=ctx.now,
        )
        return _change(ctx, tx, obj, replace(obj.spec, intent=intent), verb)


def _ask_again(ctx: Context, tx: Connection, obj: ContainerObject) -> None:
    """One that was evicted is charged nothing: before it runs it needs its units back, as if it were created."""
    claim_id = objects.claim_id(tx, obj.id)
    if claim_id is None or ledger.claim(tx, claim_id).state is not ClaimState.EVICTED:
        return
    decision = ledger.requeue(tx, claim_id, ctx.now)
    waits = decision.outcome == "waiting" and obj.spec.quota.shortage != Shortage.WAIT
    if decision.outcome == "refused" or waits:
        raise refusal.problem(ctx, tx, f"cannot start container {obj.name}", decision, obj.project_id)


def update(ctx: Context, ident: str, body: UpdateContainer) -> ContainerObject:
    """cpu and memory (the charge follows), name, auto_heal. Raises NotFound, Conflict, QuotaRefused, Malformed."""
    if not body.model_fields_set:
        raise Malformed("cannot update the container: name at least one of cpu, memory, name, auto_heal")
    if body.cpu is not None:
        ctx.services.cores.check(build.vcpus_of(body.cpu))
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident)
        lookup.check_state(obj, "update")
        spec = replace(
            obj.spec,
            vcpus=obj.spec.vcpus if body.cpu is None else build.vcpus_of(body.cpu),
            memory=obj.spec.memory if body.memory is None else build.memory_of(body.memory),
            auto_heal=obj.spec.auto_heal if body.auto_heal is None else body.auto_heal,
        )
        _resize(ctx, tx, obj, spec)
        return _change(ctx, tx, obj, spec, "update", name=body.name)


def _resize(ctx: Context, tx: Connection, obj: ContainerObject, spec: ContainerSpec) -> None:
    """A growth that does not fit is refused whole: a container cannot wait half resized.

    What shrinks stays charged until the engine has done it, which it may refuse: a conductor gives it back then.
    """
    claim_id = objects.claim_id(tx, obj.id)
    if claim_id is None or (spec.vcpus, spec.memory) == (obj.spec.vcpus, obj.spec.memory):
        return
    held = ledger.claim(tx, claim_id).amounts
    amounts = {resource: max(amount, held.get(resource, 0)) for resource, amount in spec.amounts().items()}
    decision = ledger.resize(tx, claim_id, amounts, ctx.now)
    if decision.outcome != "admitted":
        raise refusal.problem(ctx, tx, f"cannot resize container {obj.name}", decision, obj.project_id)


def rename(ctx: Context, ident: str, name: str) -> ContainerObject:
    """Raises NotFound, Conflict."""
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident)
        if obj.name == name:
            raise Conflict(f"cannot rename container {name}: that is its name already")
        return _change(ctx, tx, obj, obj.spec, "rename", name=name)


def rebuild(ctx: Context, ident: str, image: str | None) -> ContainerObject:
    """Made anew from its definition, or from another image; named volumes stay. Raises NotFound, Conflict."""
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident)
        lookup.check_state(obj, "rebuild")
        running = obj.status.phase is Phase.RUNNING
        intent = replace(
            obj.spec.intent,
            state=RunState.RUNNING if running else RunState.CREATED,
            revision=obj.generation + 1,
            restart=False,
            asked_at=ctx.now,
        )
        spec = replace(obj.spec, image=image or obj.spec.image, rebuild=obj.spec.rebuild + 1, intent=intent)
        return _change(ctx, tx, obj, spec, "rebuild")


def delete(ctx: Context, ident: str, *, force: bool, stop: bool, everywhere: bool) -> None:
    """Its deletion is wanted from now on; the charge stays until the engine confirms. Raises NotFound, Conflict."""
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident, everywhere=everywhere)
        if not force and not stop:
            _check_deletable(obj)
        if obj.deleting is not None:
            return
        if stop:
            intent = replace(
                obj.spec.intent, state=RunState.STOPPED, revision=obj.generation + 1, restart=False, asked_at=ctx.now
            )
            obj = objects.change_spec(tx, obj, replace(obj.spec, intent=intent), ctx.now)
        objects.mark_deleting(tx, obj, ctx.now)
        create.tell(ctx, tx, obj, EventType.ACTION, "delete", f"Container {obj.name} is to be deleted.")


def _check_deletable(obj: ContainerObject) -> None:
    """What waits for the quota may go without force: nothing of it exists."""
    if obj.status.phase is Phase.CREATING and obj.status.definition is None:
        return
    lookup.check_state(obj, "delete")


def attach_network(ctx: Context, ident: str, wanted: NetworkSpec) -> ContainerObject:
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident)
        lookup.check_state(obj, "update")
        wanted = replace(wanted, network=create.network_name(tx, obj.project_id, wanted.network))
        if any(network.network == wanted.network for network in obj.spec.networks):
            raise Conflict(f"cannot attach container {obj.name} to {wanted.network}: it is on this network already")
        create.ensure_network(ctx, tx, wanted)
        spec = replace(obj.spec, networks=(*obj.spec.networks, wanted))
        return _change(ctx, tx, obj, spec, "network_attach")


def detach_network(ctx: Context, ident: str, network: str) -> ContainerObject:
    with ctx.services.database.write() as tx:
        obj = lookup.find(ctx, tx, ident)
        lookup.check_state(obj, "update")
        name = create.network_name(tx, obj.project_id, network)
        left = tuple(network for network in obj.spec.networks if network.network != name)
        if len(left) == len(obj.spec.networks):
            raise Conflict(f"cannot detach container {obj.name} from {name[:80]!r}: it is not on this network")
        if obj.spec.ports and not left:
            raise Conflict(f"cannot detach container {obj.name} from its last network: its ports are published there")
        return _change(ctx, tx, obj, replace(obj.spec, networks=left), "network_detach")


def _change(
    ctx: Context, tx: Connection, obj: ContainerObject, spec: ContainerSpec, action: str, *, name: str | None = None
) -> ContainerObject:
    changed: ContainerObject = objects.change_spec(tx, obj, spec, ctx.now, name=name)
    message = f"{action.capitalize()} was asked for container {obj.name}."
    create.tell(ctx, tx, changed, EventType.UPDATED if action == "update" else EventType.ACTION, action, message)
    return changed
