"""What was asked of an object, by whom and when: Zun's container actions. Forgotten with the object."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select

from jeroboam.model.errors import NotFound
from jeroboam.store.schema import actions


@dataclass(frozen=True, slots=True)
class Action:
    object_id: str
    action: str
    request_id: str
    user_id: str
    project_id: str
    started_at: float


_COLUMNS = (
    actions.c.object_id,
    actions.c.action,
    actions.c.request_id,
    actions.c.user_id,
    actions.c.project_id,
    actions.c.started_at,
)
_INSERT = insert(actions)
_OF = select(*_COLUMNS).where(actions.c.object_id == bindparam("object_id")).order_by(actions.c.id.desc())
_ONE = _OF.where(actions.c.request_id == bindparam("request_id")).limit(1)


def append(
    tx: Connection, object_id: str, action: str, request_id: str, user_id: str, project_id: str, now: float
) -> None:
    tx.execute(
        _INSERT,
        {
            "object_id": object_id,
            "action": action,
            "request_id": request_id,
            "user_id": user_id,
            "project_id": project_id,
            "started_at": now,
        },
    )


def listing(tx: Connection, object_id: str) -> list[Action]:
    """Newest first."""
    return [Action(*row) for row in tx.execute(_OF, {"object_id": object_id})]


def get(tx: Connection, object_id: str, request_id: str) -> Action:
    """Raises NotFound."""
    row = tx.execute(_ONE, {"object_id": object_id, "request_id": request_id}).first()
    if row is None:
        raise NotFound(f"cannot find an action with request id {request_id[:64]!r}; list the object's actions")
    return Action(*row)
