"""Credentials for private registries. The secret comes encrypted and stays so: nothing here can read it."""

from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, bindparam, select
from sqlalchemy import delete as sql_delete
from sqlalchemy import insert as sql_insert
from sqlalchemy import update as sql_update

from jeroboam.model.errors import Conflict, NotFound
from jeroboam.store.schema import registries


@dataclass(frozen=True, slots=True)
class Registry:
    """`secret` is the encrypted password, never printed; `domain` is the registry's host name."""

    id: str
    project_id: str
    name: str
    domain: str
    username: str
    secret: bytes = field(repr=False)
    user_id: str = ""
    created_at: float = 0.0


_ALL = select(
    registries.c.id,
    registries.c.project_id,
    registries.c.name,
    registries.c.domain,
    registries.c.username,
    registries.c.secret,
    registries.c.user_id,
    registries.c.created_at,
)
_ORDERED = _ALL.order_by(registries.c.created_at, registries.c.id)
_OF = _ORDERED.where(registries.c.project_id == bindparam("project_id"))
_BY_ID = _ALL.where(registries.c.id == bindparam("registry_id"))
_NAMED = _OF.where(registries.c.name == bindparam("name")).limit(2)
_INSERT = sql_insert(registries)
_UPDATE = (
    sql_update(registries)
    .where(registries.c.id == bindparam("registry_id"))
    .values(
        name=bindparam("new_name"),
        domain=bindparam("new_domain"),
        username=bindparam("new_username"),
        secret=bindparam("new_secret"),
    )
)
_DELETE = sql_delete(registries).where(registries.c.id == bindparam("registry_id"))


def insert(tx: Connection, registry: Registry) -> None:
    values: dict[str, Any] = {
        "id": registry.id,
        "project_id": registry.project_id,
        "name": registry.name,
        "domain": registry.domain,
        "username": registry.username,
        "secret": registry.secret,
        "user_id": registry.user_id,
        "created_at": registry.created_at,
    }
    tx.execute(_INSERT, values)


def get(tx: Connection, ident: str, project_id: str | None) -> Registry:
    """By id (project_id None: any project's), or by name within the project. Raises NotFound, Conflict (ambiguous)."""
    row = tx.execute(_BY_ID, {"registry_id": ident}).first()
    if row is not None and project_id in (None, row[1]):
        return Registry(*row)
    rows = tx.execute(_NAMED, {"project_id": project_id or "", "name": ident}).all()
    if len(rows) > 1:
        raise Conflict(f"cannot tell which registry is meant: several are named {ident!r}; use the id")
    if not rows:
        raise NotFound(f"cannot find a registry {ident[:64]!r}; list yours to see their names and ids")
    return Registry(*rows[0])


def listing(tx: Connection, project_id: str | None) -> list[Registry]:
    """A project's (None: all), oldest first."""
    if project_id is None:
        return [Registry(*row) for row in tx.execute(_ORDERED)]
    return [Registry(*row) for row in tx.execute(_OF, {"project_id": project_id})]


def update(tx: Connection, registry: Registry) -> None:
    """Writes its name, domain, user name and secret. Raises NotFound."""
    values = {
        "registry_id": registry.id,
        "new_name": registry.name,
        "new_domain": registry.domain,
        "new_username": registry.username,
        "new_secret": registry.secret,
    }
    if tx.execute(_UPDATE, values).rowcount == 0:
        raise NotFound(f"cannot find a registry {registry.id!r}; list yours to see their names and ids")


def delete(tx: Connection, registry_id: str) -> None:
    """Idempotent."""
    tx.execute(_DELETE, {"registry_id": registry_id})
