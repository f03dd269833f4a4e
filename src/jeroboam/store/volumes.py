"""Volumes: those of a project, found by name, and those that live and die with one object."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, delete, insert, select

from jeroboam.model import container
from jeroboam.model.errors import NotFound
from jeroboam.store import objects
from jeroboam.store.codecs import CODECS
from jeroboam.store.schema import volumes


@dataclass(frozen=True, slots=True)
class VolumeRow:
    """`object_id`: whose it is, None for the project's own. `name` of an object's own is where it is mounted."""

    id: str
    project_id: str
    name: str
    object_id: str | None = None


_ALL = select(volumes.c.id, volumes.c.project_id, volumes.c.name, volumes.c.object_id)
_NAMED = _ALL.where(
    volumes.c.project_id == bindparam("project_id"),
    volumes.c.object_id == bindparam("object_id"),
    volumes.c.name == bindparam("name"),
)
_BY_ID = _ALL.where(volumes.c.id == bindparam("volume_id"))
_ORDERED = _ALL.order_by(volumes.c.name, volumes.c.id)
_OF = _ORDERED.where(volumes.c.project_id == bindparam("project_id"))
_INSERT = insert(volumes)
_REMOVE = delete(volumes).where(volumes.c.id == bindparam("volume_id"))


def ensure(tx: Connection, project_id: str, name: str, *, object_id: str | None = None) -> VolumeRow:
    """The project's volume of that name, or the object's own at that place; made if there is none."""
    values = {"project_id": project_id, "name": name, "object_id": object_id or ""}
    row = tx.execute(_NAMED, values).first()
    if row is not None:
        return _volume(*row)
    ident = str(uuid.uuid4())
    tx.execute(_INSERT, {"id": ident, **values})
    return VolumeRow(ident, project_id, name, object_id)


def get(tx: Connection, ident: str, project_id: str | None) -> VolumeRow:
    """By id, or by name within the project (None: any project, ids only). Raises NotFound."""
    row = tx.execute(_BY_ID, {"volume_id": ident}).first()
    if row is not None and project_id in (None, row[1]):
        return _volume(*row)
    if project_id is not None:
        row = tx.execute(_NAMED, {"project_id": project_id, "name": ident, "object_id": ""}).first()
        if row is not None:
            return _volume(*row)
    raise NotFound(f"cannot find a volume {ident[:64]!r}; list yours to see their names and ids")


def listing(tx: Connection, project_id: str | None) -> list[VolumeRow]:
    """A project's (None: all), its objects' own among them, by name."""
    if project_id is None:
        return [_volume(*row) for row in tx.execute(_ORDERED)]
    return [_volume(*row) for row in tx.execute(_OF, {"project_id": project_id})]


def uses(tx: Connection, volume: VolumeRow) -> list[str]:
    """Ids of the objects that mount it, read from their specs: there is no second record that could differ."""
    if volume.object_id is not None:
        return [] if objects.find(tx, volume.object_id) is None else [volume.object_id]
    codec = CODECS[container.KIND]
    mounted = objects.listing(tx, container.KIND, volume.project_id)
    return [obj.id for obj in mounted if volume.name in codec.volumes(obj.spec)]


def remove(tx: Connection, volume_id: str) -> None:
    """Forgets it: only once the engine's volume is gone. Idempotent."""
    tx.execute(_REMOVE, {"volume_id": volume_id})


def _volume(ident: str, project_id: str, name: str, object_id: str) -> VolumeRow:
    return VolumeRow(ident, project_id, name, object_id or None)
