"""Listing objects: filters, order and pages. What has a column is asked of the database, the rest of the documents."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, select, tuple_

from jeroboam.model.errors import Malformed
from jeroboam.model.objects import Object
from jeroboam.store.schema import objects

_COLUMNS: dict[str, Column[Any]] = {
    "name": objects.c.name,
    "image": objects.c.image,
    "host": objects.c.host,
    "user_id": objects.c.user_id,
    "project_id": objects.c.project_id,
}

_DOCUMENTS: dict[str, Callable[[Object[Any, Any]], object]] = {
    "memory": lambda obj: obj.spec.memory,
    "auto_remove": lambda obj: obj.spec.auto_remove,
    "task_state": lambda obj: obj.status.task,
}

_SORT_KEYS: dict[str, Column[Any]] = {
    **_COLUMNS,
    "created_at": objects.c.created_at,
    "updated_at": objects.c.updated_at,
    "status": objects.c.phase,
    "id": objects.c.id,
    "uuid": objects.c.id,
}


@dataclass(frozen=True, slots=True)
class Query:
    kind: str
    project_id: str | None
    filters: Mapping[str, object]
    marker: str | None
    limit: int | None
    sort_key: str
    sort_dir: str

    @property
    def by_document(self) -> bool:
        return any(key in _DOCUMENTS for key in self.filters)


def statement(tx: Connection, query: Query, columns: Sequence[Column[Any]]) -> Select[*tuple[Any, ...]]:
    """The rows, in order; cut at the limit here unless documents must be looked at first."""
    if query.sort_dir not in ("asc", "desc"):
        raise Malformed(f"cannot sort {query.sort_dir[:20]!r}: the direction is asc or desc")
    if query.sort_key not in _SORT_KEYS:
        raise Malformed(f"cannot sort by {query.sort_key[:40]!r}: use one of {', '.join(sorted(_SORT_KEYS))}")
    key = _SORT_KEYS[query.sort_key]
    found = select(*columns).where(objects.c.kind == query.kind, *_conditions(query))
    if query.project_id is not None:
        found = found.where(objects.c.project_id == query.project_id)
    if query.marker is not None:
        found = found.where(_after(tx, query, key))
    if query.sort_dir == "asc":
        found = found.order_by(key, objects.c.id)
    else:
        found = found.order_by(key.desc(), objects.c.id.desc())
    return found if query.limit is None or query.by_document else found.limit(query.limit)


def narrowed(found: list[Object[Any, Any]], query: Query) -> list[Object[Any, Any]]:
    """What is left after the filters that need the documents."""
    if not query.by_document:
        return found
    wanted = [(_DOCUMENTS[key], value) for key, value in query.filters.items() if key in _DOCUMENTS]
    left = [obj for obj in found if all(read(obj) == value for read, value in wanted)]
    return left if query.limit is None else left[: query.limit]


def _conditions(query: Query) -> list[ColumnElement[bool]]:
    conditions: list[ColumnElement[bool]] = []
    for key, value in query.filters.items():
        if key in _COLUMNS:
            conditions.append(_COLUMNS[key] == value)
        elif key == "status" and value == "Deleting":
            conditions.append(objects.c.deleting.is_not(None))
        elif key == "status":
            conditions += [objects.c.phase == value, objects.c.deleting.is_(None)]
        elif key not in _DOCUMENTS:
            known = ", ".join(sorted([*_COLUMNS, *_DOCUMENTS, "status"]))
            raise Malformed(f"cannot filter by {key[:40]!r}: use one of {known}")
    return conditions


def _after(tx: Connection, query: Query, key: Column[Any]) -> ColumnElement[bool]:
    marked = select(key, objects.c.id).where(objects.c.id == query.marker, objects.c.kind == query.kind)
    if query.project_id is not None:
        marked = marked.where(objects.c.project_id == query.project_id)
    row = tx.execute(marked).first()
    if row is None:
        raise Malformed(
            f"cannot list after {str(query.marker)[:40]!r}: there is no such {query.kind}; list from the start"
        )
    place = tuple_(key, objects.c.id)
    return place > tuple_(row[0], row[1]) if query.sort_dir == "asc" else place < tuple_(row[0], row[1])
