"""What a database server has to do for the store, and how its failures are told."""

import re
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from sqlalchemy import Connection, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, InternalError, OperationalError

from jeroboam.model.errors import Unavailable

WRITER_SECONDS = 30.0
"""How long a writer waits for its turn."""


class Server(Protocol):
    """What SQLite (sqlite.py) and PostgreSQL (postgres.py) each do in their own way."""

    admits_alone: bool
    """Whether nobody writes beside `admitting` either."""

    def watch(self, notify: Callable[[], None], closed: threading.Event) -> None:
        """Calls `notify` when another process may have committed, until `closed` is set."""

    def reading(self) -> AbstractContextManager[Connection]:
        """A snapshot; never waits for a writer."""

    def settled(self) -> AbstractContextManager[Connection]:
        """A snapshot without anybody in the middle of writing: what was numbered before is there."""

    def writing(self, notify: bool) -> AbstractContextManager[Connection]:
        """Committed at the end, rolled back on any exception; nobody else writes meanwhile.

        `notify`: other processes are told of the commit.
        """

    def admitting(self) -> AbstractContextManager[Connection]:
        """As `writing`, beside others that admit only."""

    def close(self) -> None: ...


_ITS_OWN = (OperationalError, InterfaceError, InternalError)
_UNHURRIED = text("SET LOCAL idle_in_transaction_session_timeout = 0; SET LOCAL statement_timeout = 0")


def unhurried(tx: Connection) -> None:
    """The transaction may take its time: a server does not end it because it rests or works for long."""
    if tx.dialect.name == "postgresql":
        tx.execute(_UNHURRIED)


@contextmanager
def translated() -> Iterator[None]:
    """Failures of the database itself become Unavailable; mistakes of ours (integrity, SQL) stay what they are."""
    try:
        yield
    except DBAPIError as error:
        if isinstance(error, _ITS_OWN) or type(error) is DatabaseError:
            raise unavailable(str(error.orig)) from error
        raise


_LASTS = (
    "does not exist",
    "unable to open database file",
    "file is not a database",
    "authentication failed",
    "no password supplied",
    "no pg_hba.conf entry",
    "could not translate host name",
    "Name or service not known",
)
"""Causes, in the words of the servers, that do not pass by themselves."""


_PREFIX = re.compile(r"connection (failed|is bad): ")
_ALSO = ("Is the server running", "Multiple connection attempts failed", "- host: ")
"""What libpq and its driver add on lines of their own: questions, and the same again for each address."""


def unavailable(cause: str) -> Unavailable:
    said = _said(cause)
    lasts = any(words in said for words in _LASTS)
    help = "see that its URL is right and that it has been made" if lasts else "try again in some seconds"
    return Unavailable(f"cannot use the database: {said}; {help}, or see `jeroboam doctor`")


def _said(cause: str) -> str:
    """A server's words in one line, each of its lines once."""
    lines = [" ".join(line.split()) for line in _PREFIX.sub("", cause).splitlines()]
    return "; ".join(dict.fromkeys(line.rstrip(".") for line in lines if line and not line.startswith(_ALSO)))
