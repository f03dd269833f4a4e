"""What only PostgreSQL needs: the order of writers, snapshots for readers, and hearing of others' commits.

All writers of an installation take one advisory lock for as long as their transaction lasts: admissions, which lock
the counters that they touch row by row, share it; everything else has it alone, so that what is right with SQLite's
one writer is right here too. Readers take none.
"""

import secrets
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import psycopg
import structlog
from sqlalchemy import URL, Connection, TextClause, create_engine, text

from jeroboam.store.server import WRITER_SECONDS

log = structlog.get_logger(__name__)

LOCK = 0x6A65726F
"""The advisory lock's number; within a database there is one installation only."""
CHANNEL = "jeroboam"
CONNECT_SECONDS = 10
QUIET_SECONDS = 0.5
"""How long to wait for a notification before looking whether to stop."""
AGAIN_SECONDS = 2.0
"""How long until the next try to connect. Whoever waits polls meanwhile."""

_ALONE = text(f"SELECT pg_advisory_xact_lock({LOCK})")
_SHARED = text(f"SELECT pg_advisory_xact_lock_shared({LOCK})")
_NOTIFY = text(f"SELECT pg_notify('{CHANNEL}', :who)")
_OPTIONS = (
    f"-c lock_timeout={int(WRITER_SECONDS * 1000)}",
    "-c idle_in_transaction_session_timeout=60000",  # whoever dies in the middle without a word holds nobody up
    "-c client_min_messages=warning",
    "-c jit=off",  # statements here are short
)


class Postgres:
    """Any number of processes on any number of machines."""

    def __init__(self, url: URL) -> None:
        self._who = secrets.token_hex(8)  # our own commits are told within the process
        self._url = url.set(drivername="postgresql+psycopg")
        self._engine = create_engine(
            self._url,
            pool_size=8,
            max_overflow=-1,  # who waits for the advisory lock must not keep readers from a connection
            pool_use_lifo=True,
            connect_args={"connect_timeout": CONNECT_SECONDS, "options": " ".join(_OPTIONS)},
        )
        self._reader = self._engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._reader.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def settled(self) -> Iterator[Connection]:
        """The lock comes first and goes with the transaction: nobody is between taking a number and committing it."""
        with self._engine.connect() as connection, connection.begin():
            connection.execute(_ALONE)
            yield connection

    def writing(self, notify: bool) -> AbstractContextManager[Connection]:
        return self._transaction(_ALONE, notify)

    def admitting(self) -> AbstractContextManager[Connection]:
        return self._transaction(_SHARED, True)

    @contextmanager
    def _transaction(self, lock: TextClause, notify: bool) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin():
            connection.execute(lock)
            yield connection
            if notify:
                connection.execute(_NOTIFY, {"who": self._who})

    def watch(self, notify: Callable[[], None], closed: threading.Event) -> None:
        while not closed.is_set():
            try:
                self._listen(notify, closed)
            except psycopg.Error as error:
                log.warning("database.not_listening", reason=str(error).strip())
                closed.wait(AGAIN_SECONDS)

    def _listen(self, notify: Callable[[], None], closed: threading.Event) -> None:
        plain = self._url.set(drivername="postgresql").render_as_string(hide_password=False)
        with psycopg.connect(plain, autocommit=True, connect_timeout=CONNECT_SECONDS) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            notify()  # what was committed before we listened
            while not closed.is_set():
                heard = list(connection.notifies(timeout=QUIET_SECONDS, stop_after=1))
                if any(note.payload != self._who for note in heard):
                    notify()

    def close(self) -> None:
        self._engine.dispose()
