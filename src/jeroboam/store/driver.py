"""The few statements that every admission takes, given to the database's driver itself.

At thousands a second SQLAlchemy's work on a statement costs more than the statement does. Failures are SQLAlchemy's
own, so that whoever calls need not know.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

LATE = "jeroboam_late"
"""The option of a connection whose BEGIN goes with its first statement: called as `rows` is, it sees to that."""


def rows(tx: Connection, statement: str, values: Sequence[Any] = ()) -> list[Sequence[Any]]:
    """All that `statement` gives, in the driver's own words for values (? or %s). Raises DBAPIError."""
    late = tx.get_execution_options().get(LATE)
    with _wrapped(tx, statement) as driver:
        if late is not None:
            return list(late(tx, statement, values))
        found: list[Sequence[Any]] = driver.execute(statement, values).fetchall()
        return found


def many(tx: Connection, statement: str, values: Sequence[Sequence[Any]]) -> None:
    """Once for each of `values`, on SQLite. Raises DBAPIError."""
    with _wrapped(tx, statement) as driver:
        driver.executemany(statement, values)


@contextmanager
def _wrapped(tx: Connection, statement: str) -> Iterator[Any]:
    module = tx.dialect.loaded_dbapi
    try:
        yield tx.connection.driver_connection
    except module.Error as error:
        raise DBAPIError.instance(statement, None, error, module.Error, dialect=tx.dialect) from error
