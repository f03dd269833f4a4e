"""Which rows each unit of work has touched, so that whoever keeps the ledger in memory reads those again, not all."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import orjson
from sqlalchemy import Connection, bindparam, delete, func, select

from jeroboam.quota.tree import Tree
from jeroboam.store.ledger_schema import changes

KEPT = 5000
"""Units of work. Who is further behind reads everything: that takes no longer."""
_EVERY = 100

# Plain text: each unit of work asks and says this once, and SQLAlchemy's way of building it costs more than it does.
_NEWEST = "SELECT coalesce(max(version), 0) FROM quota_changes"
_INSERT = {
    "sqlite": "INSERT INTO quota_changes (touched) VALUES (?) RETURNING version",
    "postgresql": "INSERT INTO quota_changes (touched) VALUES (%s) RETURNING version",
}
_FORGET = delete(changes).where(changes.c.version <= bindparam("until"))
_OLDEST = select(func.min(changes.c.version))
_SINCE = select(changes.c.touched).where(changes.c.version > bindparam("seen"))


@dataclass(slots=True)
class Touched:
    """Ids of what is not any more as it was. Of a node, what is above it may not be either."""

    nodes: set[str] = field(default_factory=set)
    claims: set[str] = field(default_factory=set)
    reservations: set[str] = field(default_factory=set)
    reclaims: set[str] = field(default_factory=set)

    @classmethod
    def by(cls, tree: Tree) -> "Touched":
        """What the engine has changed since it was last written."""
        return cls(
            set(tree.dirty_nodes), set(tree.dirty_claims), set(tree.dirty_reservations), set(tree.dirty_reclaims)
        )

    def add(self, other: "Touched") -> None:
        self.nodes |= other.nodes
        self.claims |= other.claims
        self.reservations |= other.reservations
        self.reclaims |= other.reclaims

    def __bool__(self) -> bool:
        return bool(self.nodes or self.claims or self.reservations or self.reclaims)


def note(tx: Connection, touched: Touched) -> int:
    """The version that the ledger has with this: each unit of work has a greater one than those before it."""
    row = {kind: sorted(ids) for kind in Touched.__slots__ if (ids := getattr(touched, kind))}
    written = tx.exec_driver_sql(_INSERT[tx.dialect.name], (orjson.dumps(row).decode(),))
    version = int(written.scalar_one())
    if version % _EVERY == 0:
        tx.execute(_FORGET, {"until": version - KEPT})
    return version


def newest(tx: Connection) -> int:
    """The ledger's version."""
    return int(tx.exec_driver_sql(_NEWEST).scalar_one())


def since(tx: Connection, version: int) -> Touched | None:
    """What has been touched after `version`; None: that is too long ago to tell, or never was."""
    oldest = tx.execute(_OLDEST).scalar_one()
    if oldest is None or oldest > version + 1 or version > newest(tx):
        return None
    found = Touched()
    for text in tx.execute(_SINCE, {"seen": version}).scalars():
        found.add(_read(text))
    return found


def _read(text: str) -> Touched:
    row: dict[str, Iterable[str]] = orjson.loads(text)
    return Touched(**{kind: set(ids) for kind, ids in row.items()})
