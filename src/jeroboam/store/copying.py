"""From one database to another, whatever each is: everything or nothing."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import Column, Connection, Table, func, insert, select, text

from jeroboam.model.errors import Conflict
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger_schema import nodes
from jeroboam.store.migrations import METADATA
from jeroboam.store.schema import installation
from jeroboam.store.server import unhurried

CHUNK = 1000
"""Rows at a time."""


def copy(source: Database, target: Database, progress: Callable[[str, int], None]) -> None:
    """Copies every row; `progress(table, rows)` after each table. Both are at this version's schema.

    Nobody writes to either meanwhile. Raises Conflict where `target` holds something, or what arrived does not add
    up; then it holds nothing.
    """
    # The source's transaction ends first: where that fails, the target holds nothing.
    with target.write() as new, source.write(notify=False) as old:
        for tx in (old, new):
            unhurried(tx)  # one rests while the other works
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
    found = old.execute(_ordered(table), execution_options={"yield_per": CHUNK})
    for rows in found.mappings().partitions():
        new.execute(insert(table), [dict(row) for row in rows])
        count += len(rows)
    return count


def _ordered(table: Table) -> Any:
    """Parents first: a node's row names its parent's."""
    order = [nodes.c.depth] if table is nodes else list(table.primary_key)
    return select(table).order_by(*order)


def _missing(old: Connection, new: Connection) -> Iterator[str]:
    for table in METADATA.sorted_tables:
        had, has = (tx.execute(select(func.count()).select_from(table)).scalar_one() for tx in (old, new))
        if had != has:
            yield f"{table.name} had {had} rows and has {has}"


def _go_on_counting(old: Connection, new: Connection, table: Table) -> None:
    """A number that was given once is never given again, not even where its row is gone."""
    key = table.autoincrement_column
    last = 0 if key is None else max(_last_number(old, table, key.name), _greatest(new, key))
    if key is None or last == 0:
        return
    if new.dialect.name == "postgresql":
        new.execute(text("SELECT setval(pg_get_serial_sequence(:t, :c), :last)"), _names(table, key.name, last))
    elif _keeps_count(table):
        new.execute(text("DELETE FROM sqlite_sequence WHERE name = :t"), {"t": table.name})
        new.execute(text("INSERT INTO sqlite_sequence VALUES (:t, :last)"), {"t": table.name, "last": last})


def _greatest(tx: Connection, key: Column[Any]) -> int:
    return int(tx.execute(select(func.coalesce(func.max(key), 0))).scalar_one())


def _keeps_count(table: Table) -> bool:
    """Whether SQLite remembers numbers whose rows are gone."""
    return bool(table.dialect_options["sqlite"]["autoincrement"])


def _last_number(tx: Connection, table: Table, key: str) -> int:
    """The greatest that was ever given, as far as that is remembered."""
    if tx.dialect.name == "postgresql":
        name = tx.execute(text("SELECT pg_get_serial_sequence(:t, :c)"), _names(table, key)).scalar_one()
        given = f"SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM {name}"  # noqa: S608 - the server's word
        return int(tx.execute(text(given)).scalar_one())
    found = tx.execute(text("SELECT seq FROM sqlite_sequence WHERE name = :t"), {"t": table.name}).scalar()
    return int(found or 0)


def _names(table: Table, key: str, last: int | None = None) -> dict[str, Any]:
    named: dict[str, Any] = {"t": table.name, "c": key}
    return named if last is None else {**named, "last": last}
