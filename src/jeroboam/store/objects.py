"""Objects of every kind: who owns them, what was declared (spec), what was found (status).

Names may repeat within a project, ids never. The spec is written here, the status by whoever holds the lease (work.py).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, bindparam, delete, func, select, update
from sqlalchemy import insert as sql_insert
from sqlalchemy.exc import IntegrityError

from jeroboam.model.errors import Conflict, NotFound
from jeroboam.model.objects import Object
from jeroboam.store import object_query
from jeroboam.store.codecs import CODECS
from jeroboam.store.schema import objects

AnyObject = Object[Any, Any]

COLUMNS = (
    objects.c.id,
    objects.c.kind,
    objects.c.project_id,
    objects.c.user_id,
    objects.c.name,
    objects.c.generation,
    objects.c.observed_generation,
    objects.c.spec,
    objects.c.status,
    objects.c.created_at,
    objects.c.updated_at,
    objects.c.deleting,
)
"""In the order of Object's fields."""

_INSERT = sql_insert(objects)
_FIND = select(*COLUMNS).where(objects.c.id == bindparam("object_id"))
_NAMED = select(*COLUMNS).where(objects.c.kind == bindparam("kind"), objects.c.name == bindparam("name")).limit(2)
_NAMED_IN = _NAMED.where(objects.c.project_id == bindparam("project_id"))
_CLAIM = select(objects.c.claim_id).where(objects.c.id == bindparam("object_id"))
_COUNT = select(func.count()).where(objects.c.kind == bindparam("kind"))
_PHASES = select(objects.c.phase, func.count()).where(objects.c.kind == bindparam("kind")).group_by(objects.c.phase)
_CHANGE = (
    update(objects)
    .where(
        objects.c.id == bindparam("object_id"),
        objects.c.generation == bindparam("seen"),
        objects.c.deleting.is_(None),
    )
    .values(
        generation=objects.c.generation + 1,
        spec=bindparam("new_spec"),
        name=bindparam("new_name"),
        image=bindparam("new_image"),
        updated_at=bindparam("now"),
        wake_at=bindparam("now"),
    )
)
_MARK = (
    update(objects)
    .where(objects.c.id == bindparam("object_id"))
    .values(deleting=func.coalesce(objects.c.deleting, bindparam("now")), wake_at=bindparam("now"))
)
_REMOVE = delete(objects).where(objects.c.id == bindparam("object_id"))


def decode(row: Sequence[Any]) -> AnyObject:
    """An object from a row that begins with COLUMNS."""
    ident, kind, project, user, name, generation, observed, spec, status, created, updated, deleting = row[:12]
    codec = CODECS[kind]
    return Object(
        ident,
        kind,
        project,
        user,
        name,
        generation,
        observed,
        codec.read_spec(spec),
        codec.read_status(status),
        created,
        updated,
        deleting,
    )


def insert(tx: Connection, obj: AnyObject, claim_id: str | None) -> None:
    """Stores a new object; it is due at once. Raises Conflict if the id is taken."""
    codec = CODECS[obj.kind]
    beside = codec.indexed(obj.spec, obj.status)
    values = {
        "id": obj.id,
        "kind": obj.kind,
        "project_id": obj.project_id,
        "user_id": obj.user_id,
        "name": obj.name,
        "generation": obj.generation,
        "observed_generation": obj.observed_generation,
        "spec": codec.write_spec(obj.spec),
        "status": codec.write_status(obj.status),
        "phase": beside.phase,
        "host": beside.host,
        "image": beside.image,
        "claim_id": claim_id,
        "created_at": obj.created_at,
        "updated_at": obj.updated_at,
        "deleting": obj.deleting,
        "lease_token": 0,
        "wake_at": obj.created_at,
    }
    try:
        tx.execute(_INSERT, values)
    except IntegrityError as error:
        raise Conflict(f"cannot create {obj.kind} {obj.id}: there is one with this id; use another id") from error


def get(tx: Connection, kind: str, ident: str, project_id: str | None) -> AnyObject:
    """By id or name within the project (None: any project). Raises NotFound, and Conflict if a name is ambiguous."""
    found = find(tx, ident)
    if found is not None and found.kind == kind and project_id in (None, found.project_id):
        return found
    values = {"kind": kind, "name": ident}
    if project_id is None:
        rows = tx.execute(_NAMED, values).all()
    else:
        rows = tx.execute(_NAMED_IN, {**values, "project_id": project_id}).all()
    if len(rows) > 1:
        raise Conflict(f"cannot tell which {kind} is meant: several are named {ident!r}; use the id")
    if not rows:
        raise NotFound(f"cannot find a {kind} {ident[:255]!r}; list yours to see their names and ids")
    return decode(rows[0])


def find(tx: Connection, object_id: str) -> AnyObject | None:
    """By id, whatever its kind and project."""
    row = tx.execute(_FIND, {"object_id": object_id}).first()
    return None if row is None else decode(row)


def listing(
    tx: Connection,
    kind: str,
    project_id: str | None,
    *,
    filters: Mapping[str, object] | None = None,
    marker: str | None = None,
    limit: int | None = None,
    sort_key: str = "created_at",
    sort_dir: str = "asc",
) -> list[AnyObject]:
    """The objects of a project (None: of all), at most `limit` of those that come after the one with id `marker`.

    Filters, all of which must hold: name, image, host, user_id, project_id, status (the phase; Deleting is an object
    whose deletion was asked for), and memory (MiB), auto_remove, task_state. Sort keys: created_at, updated_at, name,
    status, image, host, user_id, project_id, id; ties by id. Raises Malformed.
    """
    query = object_query.Query(kind, project_id, filters or {}, marker, limit, sort_key, sort_dir)
    statement, values = object_query.statement(tx, query, COLUMNS)
    found = [decode(row) for row in tx.execute(statement, values)]
    return object_query.narrowed(found, query)


def change_spec(tx: Connection, obj: AnyObject, spec: Any, now: float, *, name: str | None = None) -> AnyObject:
    """`obj` with a new spec (and name), one generation on, due at once.

    Raises Conflict if it was changed since `obj` was read, or is being deleted.
    """
    codec = CODECS[obj.kind]
    changed = replace(obj, spec=spec, name=name or obj.name, generation=obj.generation + 1, updated_at=now)
    done = tx.execute(
        _CHANGE,
        {
            "object_id": obj.id,
            "seen": obj.generation,
            "new_spec": codec.write_spec(spec),
            "new_name": changed.name,
            "new_image": codec.indexed(spec, obj.status).image,
            "now": now,
        },
    )
    if done.rowcount == 0:
        raise Conflict(
            f"cannot change {obj.kind} {obj.name}: it was changed or deleted meanwhile; look at it again and retry"
        )
    return changed


def mark_deleting(tx: Connection, obj: AnyObject, now: float) -> None:
    """Its deletion is wanted from now on; due at once. Doing it again changes nothing but wakes it."""
    tx.execute(_MARK, {"object_id": obj.id, "now": now})


def remove(tx: Connection, object_id: str) -> None:
    """Forgets the object with its actions and ports, when nothing of it is left. Its claim is the ledger's business."""
    tx.execute(_REMOVE, {"object_id": object_id})


def claim_id(tx: Connection, object_id: str) -> str | None:
    """The id of the quota claim that pays for the object."""
    return tx.execute(_CLAIM, {"object_id": object_id}).scalar()


def count(tx: Connection, kind: str) -> int:
    return int(tx.execute(_COUNT, {"kind": kind}).scalar_one())


def phases(tx: Connection, kind: str) -> dict[str, int]:
    """How many objects of a kind are in each phase."""
    return {phase: number for phase, number in tx.execute(_PHASES, {"kind": kind})}
