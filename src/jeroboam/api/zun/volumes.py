"""The project's named volumes (ours: Zun leaves volumes to Cinder). They are made when a container first names them."""

from typing import Any

from fastapi import Response
from starlette.concurrency import run_in_threadpool

from jeroboam.api.containers.documents import Document
from jeroboam.api.context import Context, Ctx
from jeroboam.api.engine import Target
from jeroboam.api.respond import json, nothing
from jeroboam.api.routing import Routes
from jeroboam.api.shared import Common, Ident
from jeroboam.model.errors import Conflict
from jeroboam.model.names import volume_name
from jeroboam.store import volumes
from jeroboam.store.volumes import VolumeRow

routes = Routes("/container/v1", "volumes")


class VolumeDocument(Document):
    """`container_uuid`: the container that it lives and dies with, none for a named one; `used_by`: ids."""

    uuid: str
    name: str
    project_id: str
    container_uuid: str | None
    used_by: list[str]


class VolumesDocument(Document):
    volumes: list[VolumeDocument]


@routes.route("GET", "/volumes", rule="volume:list", answers={200: VolumesDocument})
def list_volumes(ctx: Ctx) -> Response:
    with ctx.services.database.read() as tx:
        rows = volumes.listing(tx, ctx.project_id)
        found = [_shown(row, volumes.uses(tx, row)) for row in rows]
    return json({"volumes": found})


def _shown(row: VolumeRow, used_by: list[str]) -> dict[str, Any]:
    return {
        "uuid": row.id,
        "name": row.name,
        "project_id": row.project_id,
        "container_uuid": row.object_id,
        "used_by": used_by,
    }


@routes.route("DELETE", "/volumes/{ident}", rule="volume:delete", answers={204: None}, errors=(404, 409))
async def delete_volume(ctx: Ctx, shared: Common, ident: Ident) -> Response:
    """With all that is on it. The engine's goes first: a row without a volume is made whole by the next use."""
    row = await run_in_threadpool(_unused, ctx, ident)
    engine_name = volume_name(ctx.services.database.installation, row.id)
    await shared.engine.call(
        Target(row.project_id, engine_name, row.name), ctx.services.backend.remove_volume, engine_name
    )
    await run_in_threadpool(_forget, ctx, row)
    return nothing()


def _unused(ctx: Context, ident: str) -> VolumeRow:
    with ctx.services.database.read() as tx:
        row = volumes.get(tx, ident, ctx.project_id)
        used_by = volumes.uses(tx, row)
    if used_by:
        raise Conflict(
            f"cannot delete volume {row.name}: {len(used_by)} container(s) mount it; delete those first",
            used_by=used_by,
        )
    return row


def _forget(ctx: Context, row: VolumeRow) -> None:
    with ctx.services.database.write() as tx:
        # Somebody may have named it again meanwhile: then it stays, and is made anew.
        if not volumes.uses(tx, row):
            volumes.remove(tx, row.id)
