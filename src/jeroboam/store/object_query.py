"""Listing objects: filters, order and pages. What has a column is asked of the database, the rest of the documents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Column, ColumnElement, Connection, Select, and_, bindparam, select, tuple_

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


_CONDITIONS: dict[str, ColumnElement[bool]] = {
    **{key: column == bindparam(f"is_{key}") for key, column in _COLUMNS.items()},
    "in_project": objects.c.project_id == bindparam("in_project"),
    "status": and_(objects.c.phase == bindparam("is_status"), objects.c.deleting.is_(None)),
    "deleting": objects.c.deleting.is_not(None),
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


def statement(
    tx: Connection, query: Query, columns: tuple[Column[Any], ...]
) -> tuple[Select[*tuple[Any, ...]], dict[str, Any]]:
    """The rows, in order, and the statement's values; cut at the limit unless documents must be looked at first."""
    if query.sort_dir not in ("asc", "desc"):
        raise Malformed(f"cannot sort {query.sort_dir[:20]!r}: the direction is asc or desc")
    if query.sort_key not in _SORT_KEYS:
        raise Malformed(f"cannot sort by {query.sort_key[:40]!r}: use one of {', '.join(sorted(_SORT_KEYS))}")
    conditions, values = _conditions(query)
    values["of_kind"] = query.kind
    if query.project_id is not None:
        conditions.append("in_project")
        values["in_project"] = query.project_id
    if query.limit is not None and not query.by_document:
        values["most"] = query.limit
    if query.marker is not None:
        values |= _place(tx, query)
    after, limited = query.marker is not None, "most" in values
    return _built(columns, tuple(conditions), query.sort_key, query.sort_dir == "asc", after, limited), values


@lru_cache(maxsize=256)
def _built(
    columns: tuple[Column[Any], ...],
    conditions: tuple[str, ...],
    sort_key: str,
    ascending: bool,
    after: bool,
    cut: bool,
) -> Select[*tuple[Any, ...]]:
    """Made once for each shape: building a statement costs more than running it."""
    key = _SORT_KEYS[sort_key]
    found = select(*columns).where(objects.c.kind == bindparam("of_kind"))
    found = found.where(*(_CONDITIONS[condition] for condition in conditions))
    if after:
        place, marked = tuple_(key, objects.c.id), tuple_(bindparam("after_key"), bindparam("after_id"))
        found = found.where(place > marked if ascending else place < marked)
    found = found.order_by(key, objects.c.id) if ascending else found.order_by(key.desc(), objects.c.id.desc())
    return found.limit(bindparam("most")) if cut else found


def narrowed(found: list[Object[Any, Any]], query: Query) -> list[Object[Any, Any]]:
    """What is left after the filters that need the documents."""
    if not query.by_document:
        return found
    wanted = [(_DOCUMENTS[key], value) for key, value in query.filters.items() if key in _DOCUMENTS]
    left = [obj for obj in found if all(read(obj) == value for read, value in wanted)]
    return left if query.limit is None else left[: query.limit]


def _conditions(query: Query) -> tuple[list[str], dict[str, Any]]:
    """Names of conditions, and the values that they take."""
    conditions: list[str] = []
    values: dict[str, Any] = {}
    for key, value in query.filters.items():
        if key == "status" and value == "Deleting":
            conditions.append("deleting")
        elif key in _COLUMNS or key == "status":
            conditions.append(key)
            values[f"is_{key}"] = value
        elif key not in _DOCUMENTS:
            known = ", ".join(sorted([*_COLUMNS, *_DOCUMENTS, "status"]))
            raise Malformed(f"cannot filter by {key[:40]!r}: use one of {known}")
    return conditions, values


def _place(tx: Connection, query: Query) -> dict[str, Any]:
    """Where the object with id `marker` stands."""
    marked = select(_SORT_KEYS[query.sort_key], objects.c.id)
    marked = marked.where(objects.c.id == query.marker, objects.c.kind == query.kind)
    if query.project_id is not None:
        marked = marked.where(objects.c.project_id == query.project_id)
    row = tx.execute(marked).first()
    if row is None:
        raise Malformed(
            f"cannot list after {str(query.marker)[:40]!r}: there is no such {query.kind}; list from the start"
        )
    return {"after_key": row[0], "after_id": row[1]}
