"""From a request to a container on the engine: whose it is and its state are checked first, in the store."""

from dataclasses import dataclass

from starlette.concurrency import run_in_threadpool

from jeroboam.api.containers import lookup
from jeroboam.api.containers.view import ContainerObject
from jeroboam.api.context import Context
from jeroboam.api.engine import Target
from jeroboam.model.names import container_name


@dataclass(frozen=True, slots=True)
class Reached:
    obj: ContainerObject
    target: Target

    @property
    def name(self) -> str:
        """What the engine calls it."""
        return self.target.engine_name


async def reach(ctx: Context, ident: str, verb: str) -> Reached:
    """Raises NotFound, Conflict (state, ambiguous name), Forbidden."""
    return await run_in_threadpool(_reach, ctx, ident, verb)


def _reach(ctx: Context, ident: str, verb: str) -> Reached:
    database = ctx.services.database
    with database.read() as tx:
        obj = lookup.find(ctx, tx, ident)
    lookup.check_state(obj, verb)
    return Reached(obj, Target(obj.project_id, container_name(database.installation, obj.id), obj.name))
