"""From one database to another, whatever each is: everything or nothing."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from sqlalchemy import Connection, Integer, Table, func, insert, select, text

from jeroboam.model.errors import Conflict
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger_schema import nodes
from jeroboam.store.migrations import METADATA
from jeroboam.store.schema import installation

CHUNK = 1000
"""Rows at a time."""


def copy(source: Database, target: Database, progress: Callable[[str, int], None]) -> None:
    """Copies every row; `progress(table, rows)` after each table. Both are at this version's schema.

    Nobody writes to either meanwhile. Raises Conflict where `target` holds something, or what arrived does not add
    up; then it holds nothing.
    """
    with source.write(notify=False) as old, target.write() as new:
        _check_empty(new)
        new.execute(installation.delete())
        for table in METADATA.sorted_tables:
            progress(table.name, _copy_table(old, new, table))
        for table in METADATA.sorted_tables:
            _go_on_counting(old, new, table)
        if wrong := [*_missing(old, new), *ledger.verify(new)]:
            raise Conflict(f"cannot copy: what arrived does not add up: {wrong[0]}; see `jeroboam quota verify`")


def _check_empty(tx: Connection) -> None:
    for table in METADATA.sorted_tables:
        if table is not installation and tx.execute(select(table).limit(1)).first() is not None:
            raise Conflict(f"cannot copy: the target holds something already ({table.name}); give an empty database")


def _copy_table(old: Connection, new: Connection, table: Table) -> int:
    count = 0
    for rows in _chunks(old.execute(_ordered(table)).mappings()):
        new.execute(insert(table), rows)
        count += len(rows)
    return count


def _ordered(table: Table) -> Any:
    """Parents first: a node's row names its parent's."""
    order = [nodes.c.depth] if table is nodes else list(table.primary_key)
    return select(table).order_by(*order)


def _chunks(rows: Iterable[Any]) -> Iterator[list[dict[str, Any]]]:
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(dict(row))
        if len(some) == CHUNK:
            yield some
            some = []
    if some:
        yield some


def _missing(old: Connection, new: Connection) -> Iterator[str]:
    for table in METADATA.sorted_tables:
        had, has = (tx.execute(select(func.count()).select_from(table)).scalar_one() for tx in (old, new))
        if had != has:
            yield f"{table.name} had {had} rows and has {has}"


def _go_on_counting(old: Connection, new: Connection, table: Table) -> None:
    """A number that was given once is never given again, not even where its row is gone."""
    key = table.autoincrement_column
    if key is None or not isinstance(key.type, Integer) or not table.dialect_options["sqlite"]["autoincrement"]:
        return
    last = _last_number(old, table, key.name)
    if last == 0:
        return
    if new.dialect.name == "postgresql":
        new.execute(text("SELECT setval(pg_get_serial_sequence(:t, :c), :last)"), _names(table, key.name, last))
        return
    done = new.execute(text("UPDATE sqlite_sequence SET seq = :last WHERE name = :t"), {"t": table.name, "last": last})
    if done.rowcount == 0:
        new.execute(text("INSERT INTO sqlite_sequence VALUES (:t, :last)"), {"t": table.name, "last": last})


def _last_number(tx: Connection, table: Table, key: str) -> int:
    if tx.dialect.name == "postgresql":
        given = "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM "
        name = tx.execute(text("SELECT pg_get_serial_sequence(:t, :c)"), _names(table, key)).scalar_one()
        return int(tx.execute(text(given + name)).scalar_one())
    found = tx.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :t"), {"t": table.name}).scalar()
    return int(found or 0)


def _names(table: Table, key: str, last: int | None = None) -> dict[str, Any]:
    named: dict[str, Any] = {"t": table.name, "c": key}
    return named if last is None else {**named, "last": last}
