"""Which container a caller means, and whether it is theirs to see: another's looks like one that is not there."""

from typing import cast

from sqlalchemy import Connection

from jeroboam.api.containers.view import ContainerObject
from jeroboam.api.context import Context
from jeroboam.model.container import KIND, Phase
from jeroboam.model.errors import Conflict, NotFound, Problem
from jeroboam.model.names import is_uuid
from jeroboam.store import ledger, objects

STATES: dict[str, tuple[Phase, ...]] = {
    "delete": (Phase.CREATED, Phase.ERROR, Phase.STOPPED, Phase.DELETED, Phase.DELETING),
    "start": (Phase.CREATED, Phase.STOPPED, Phase.ERROR),
    # In Error, too, it may run on: say, where the engine refuses what it was to become.
    "stop": (Phase.RUNNING, Phase.RESTARTING, Phase.ERROR),
    "restart": (Phase.CREATED, Phase.RUNNING, Phase.STOPPED, Phase.ERROR),
    "rebuild": (Phase.CREATED, Phase.RUNNING, Phase.STOPPED, Phase.ERROR),
    "pause": (Phase.RUNNING,),
    "unpause": (Phase.PAUSED,),
    "kill": (Phase.RUNNING,),
    "execute in": (Phase.RUNNING,),
    "update": (Phase.CREATED, Phase.RUNNING, Phase.STOPPED, Phase.PAUSED, Phase.CREATING, Phase.ERROR),
    "attach to": (Phase.RUNNING,),
    "resize the terminal of": (Phase.RUNNING,),
    "list the processes of": (Phase.RUNNING,),
    "copy files out of": (Phase.CREATED, Phase.PAUSED, Phase.RUNNING, Phase.STOPPED),
    "copy files into": (Phase.CREATED, Phase.PAUSED, Phase.RUNNING, Phase.STOPPED),
    "read the logs of": (Phase.CREATED, Phase.ERROR, Phase.PAUSED, Phase.RUNNING, Phase.STOPPED, Phase.UNKNOWN),
    "read the figures of": (Phase.RUNNING,),
}
"""Zun's table of what is possible when, by the words of the sentence that refuses."""


def find(ctx: Context, tx: Connection, ident: str, *, everywhere: bool = False) -> ContainerObject:
    """By id or name in the caller's project; by id below it, where the rule gives that to those above.

    `everywhere`: by id or name in any project, where `container:list_all_projects` allows to look and the route's own
    rule what is asked for: who reads the system changes nothing in it.
    Raises NotFound, Conflict (ambiguous name), Forbidden.
    """
    if everywhere:
        ctx.check(ctx.caller.project_id, rule="container:list_all_projects")
        anyones = objects.get(tx, KIND, ident, None)
        ctx.check(anyones.project_id, ledger.ancestors(tx, anyones.project_id))
        return cast(ContainerObject, anyones)
    if ctx.caller.project_id is not None:
        try:
            found = objects.get(tx, KIND, ident, ctx.caller.project_id)
        except NotFound:
            return _below(ctx, tx, ident)
        ctx.check(found.project_id)
        return cast(ContainerObject, found)
    return _below(ctx, tx, ident)


def _below(ctx: Context, tx: Connection, ident: str) -> ContainerObject:
    found = objects.find(tx, ident) if is_uuid(ident) else None
    if found is None or found.kind != KIND or found.project_id == ctx.caller.project_id:
        raise missing(ident)
    if not ctx.allows(ctx.rule, found.project_id, ledger.ancestors(tx, found.project_id)):
        raise missing(ident)
    return cast(ContainerObject, found)


def missing(ident: str) -> Problem:
    return NotFound(f"cannot find a container {ident[:255]!r}; list yours to see their names and ids")


def check_state(obj: ContainerObject, verb: str) -> None:
    """Raises Conflict where the container's state does not allow it now."""
    phase = Phase.DELETING if obj.deleting is not None else obj.status.phase
    allowed = STATES[verb]
    if phase not in allowed or (obj.deleting is not None and verb != "delete"):
        names = ", ".join(str(p.value) for p in allowed)
        raise Conflict(
            f"cannot {verb} container {obj.name}: it is {phase.value}; this is possible while it is {names}",
            state=phase.value,
        )
