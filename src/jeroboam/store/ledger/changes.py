"""Which rows each unit of work has touched, so that whoever keeps the ledger in memory reads those again, not all."""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

import orjson
from sqlalchemy import Connection, bindparam, delete, select

from jeroboam.quota.tree import Tree
from jeroboam.store import driver
from jeroboam.store.ledger_schema import changes

KEPT = 5000
"""Units of work. Who is further behind reads everything: that takes no longer."""
EVERYTHING = "null"

_NEWEST = "SELECT version, token FROM quota_changes ORDER BY version DESC LIMIT 1"
_INSERT = {
    "sqlite": "INSERT INTO quota_changes (token, touched) VALUES (?, ?) RETURNING version",
    "postgresql": "INSERT INTO quota_changes (token, touched) VALUES (%s, %s) RETURNING version",
}
_PRUNE = delete(changes).where(changes.c.version <= bindparam("until"))
_TOKEN = select(changes.c.token).where(changes.c.version == bindparam("seen"))
_SINCE = select(changes.c.touched).where(changes.c.version > bindparam("seen"))


class Version(NamedTuple):
    """Of the ledger. Each unit of work has a greater number than those before it, and a token of its own: a number that
    a database has lost and given again is another version."""

    number: int = 0
    token: int = 0


NONE = Version()
"""Of a ledger that nobody has written to."""


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


def note(tx: Connection, touched: Touched) -> Version:
    """The version that the ledger has with this."""
    row = {kind: sorted(ids) for kind in Touched.__slots__ if (ids := getattr(touched, kind))}
    return _insert(tx, orjson.dumps(row).decode())


def note_everything(tx: Connection) -> None:
    """Whoever has the ledger in memory reads all of it again."""
    _insert(tx, EVERYTHING)


def _insert(tx: Connection, touched: str) -> Version:
    token = secrets.randbits(53)
    ((number,),) = driver.rows(tx, _INSERT[tx.dialect.name], (token, touched))
    return Version(number, token)


def newest(tx: Connection) -> Version:
    """The ledger's version."""
    found = driver.rows(tx, _NEWEST)
    return Version(*found[0]) if found else NONE


def since(tx: Connection, version: Version) -> Touched | None:
    """What has been touched after `version`; None: it cannot be told, for that is too long ago, or never was."""
    if tx.execute(_TOKEN, {"seen": version.number}).scalar() != version.token:
        return None
    found = Touched()
    for text in tx.execute(_SINCE, {"seen": version.number}).scalars():
        if text == EVERYTHING:
            return None
        found.add(_read(text))
    return found


def prune(tx: Connection) -> None:
    """Forgets all but the last units of work."""
    tx.execute(_PRUNE, {"until": newest(tx).number - KEPT})


def _read(text: str) -> Touched:
    row: dict[str, Iterable[str]] = orjson.loads(text)
    return Touched(**{kind: set(ids) for kind, ids in row.items()})
