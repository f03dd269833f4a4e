"""Which images on the engine were pulled with somebody's credentials, and which projects may run those."""

from sqlalchemy import Connection, bindparam, insert, select, update

from jeroboam.store.schema import image_grants, images

PUBLIC = "public"
PRIVATE = "private"

_KNOWN = select(images.c.private).where(images.c.id == bindparam("image_id"))
_INSERT = insert(images)
_PUBLISH = update(images).where(images.c.id == bindparam("image_id")).values(private=False)
_GRANTED = select(image_grants.c.image_id).where(
    image_grants.c.image_id == bindparam("image_id"), image_grants.c.project_id == bindparam("project_id")
)
_GRANT = insert(image_grants)


def known(tx: Connection, image_id: str) -> str | None:
    """`public`, `private`, or None: nobody pulled it through us."""
    private = tx.execute(_KNOWN, {"image_id": image_id}).scalar()
    if private is None:
        return None
    return PRIVATE if private else PUBLIC


def record(tx: Connection, image_id: str, private: bool, project_id: str | None) -> None:
    """The project has pulled it, with credentials (`private`) or without.

    What could be had without credentials once is public for good. Idempotent.
    """
    before = known(tx, image_id)
    if before is None:
        tx.execute(_INSERT, {"id": image_id, "private": private})
    elif before == PRIVATE and not private:
        tx.execute(_PUBLISH, {"image_id": image_id})
    if project_id is not None:
        grant = {"image_id": image_id, "project_id": project_id}
        if tx.execute(_GRANTED, grant).first() is None:
            tx.execute(_GRANT, grant)


def allowed(tx: Connection, project_id: str, image_id: str) -> bool:
    """Whether the project may run it without pulling it itself; what is not known was put there by the operator."""
    if known(tx, image_id) != PRIVATE:
        return True
    return tx.execute(_GRANTED, {"image_id": image_id, "project_id": project_id}).first() is not None
