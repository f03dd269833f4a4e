"""Which engine the installation's containers are on: one, whichever conductor works on them."""

from sqlalchemy import Connection, bindparam, select, update

from jeroboam.store.schema import installation

_KEPT = select(installation.c.engine)
_REMEMBER = (
    update(installation).where(installation.c.engine.is_(None)).values({installation.c.engine: bindparam("found")})
)
_FORGET = update(installation).values({installation.c.engine: None})


def kept(tx: Connection) -> str | None:
    """The engine's own id; None where none is remembered."""
    found: str | None = tx.execute(_KEPT).scalar_one()
    return found


def remember(tx: Connection, found: str) -> None:
    """The first counts: where one is remembered, nothing changes."""
    tx.execute(_REMEMBER, {"found": found})


def forget(tx: Connection) -> None:
    """The engine was replaced: the next one that is found is remembered."""
    tx.execute(_FORGET)
