"""What only PostgreSQL needs: the order of writers, snapshots for readers, and hearing of others' commits.

All writers of an installation take one advisory lock for as long as their transaction lasts: admissions, which lock
the nodes that they charge one by one, share it; everything else has it alone, so that what is right with SQLite's
one writer is right here too. Readers take none.
"""

import secrets
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from typing import Any

import psycopg
import structlog
from psycopg.adapt import Transformer
from psycopg.errors import error_from_result
from psycopg.pq import Escaping, ExecStatus, TransactionStatus
from psycopg.pq.abc import PGresult
from sqlalchemy import URL, Connection, create_engine, event

from jeroboam.store.driver import LATE
from jeroboam.store.server import WRITER_SECONDS, unavailable

log = structlog.get_logger(__name__)

LOCK = 0x6A65726F
"""The advisory lock's number; within a database there is one installation only."""
CHANNEL = "jeroboam"
_PATIENCE = {
    "connect_timeout": "10",
    # A server that has lost its power says nothing: about half a minute until that is noticed.
    "tcp_user_timeout": "30000",
    "keepalives_idle": "15",
    "keepalives_interval": "5",
    "keepalives_count": "3",
}
"""What a URL can say otherwise."""
QUIET_SECONDS = 0.5
"""How long to wait for a notification before looking whether to stop."""
AGAIN_SECONDS = 2.0
"""How long until the next try to connect. Whoever waits polls meanwhile."""

_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# Not the server's default: a snapshot from before the lock is granted would not show what the last writer wrote.
_BEGIN = "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE"
_ALONE = f"{_BEGIN}; SELECT pg_advisory_xact_lock({LOCK})"
_OPTIONS = (
    "-c synchronous_commit=on",  # what was answered is durable, whatever the server's default
    f"-c lock_timeout={int(WRITER_SECONDS * 1000)}",
    "-c idle_in_transaction_session_timeout=60000",  # whoever dies in the middle without a word holds nobody up
    "-c statement_timeout=300000",  # more than any of ours takes that nobody has made unhurried
    "-c client_min_messages=warning",
    "-c client_encoding=UTF8",  # what goes as literals is written so
    "-c jit=off",  # statements here are short
)


class Postgres:
    """Any number of processes on any number of machines."""

    admits_alone = False

    def __init__(self, url: URL) -> None:
        self._who = secrets.token_hex(8)  # our own commits are told within the process
        self._url = _complete(url)
        self._notify = f"; SELECT pg_notify('{CHANNEL}', '{self._who}')"  # sent by the commit, whenever it is asked for
        shared = f"SELECT pg_advisory_xact_lock_shared({LOCK}), pg_notify('{CHANNEL}', '{self._who}')"
        self._late = _Late(f"{_BEGIN}; {shared}")
        self._kept = list[Connection]()  # of those who admit, between transactions
        self._closed = False
        self._engine = create_engine(
            self._url,
            pool_size=8,
            max_overflow=-1,  # who waits for the advisory lock must not keep readers from a connection
            pool_use_lifo=True,
            isolation_level="AUTOCOMMIT",  # transactions begin by hand, in one round trip with what belongs to that
        )
        event.listen(self._engine, "begin", _begin)
        event.listen(self._engine, "before_cursor_execute", _begin_late)

    def reading(self) -> AbstractContextManager[Connection]:
        return self._transaction(_SNAPSHOT)

    def settled(self) -> AbstractContextManager[Connection]:
        """The lock comes first and goes with the transaction: nobody is between taking a number and committing it."""
        return self._transaction(_ALONE)

    def writing(self, notify: bool) -> AbstractContextManager[Connection]:
        return self._transaction(_ALONE + self._notify if notify else _ALONE)

    @contextmanager
    def admitting(self) -> Iterator[Connection]:
        """Its BEGIN goes with the first statement: a round trip less (driver.rows).

        Raises Stale there if the server had ended the connection: nothing has been done, and it can be done anew.
        """
        try:
            connection = self._kept.pop()
        except IndexError:
            connection = self._good().execution_options(**{LATE: self._late})
        try:
            with connection.begin():
                yield connection
        except BaseException as error:
            connection.close()
            if isinstance(error, Stale):
                self._forget_kept()  # the others are as old
            raise
        if self._closed:
            connection.close()
        else:
            self._kept.append(connection)

    def _good(self) -> Connection:
        """From a pool of those that the server had not ended a moment ago."""
        with self.reading():
            pass
        return self._engine.connect()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        with ExitStack() as stack:
            yield self._begun(begin, stack)

    def _begun(self, begin: str, stack: ExitStack) -> Connection:
        """Once more where the server had ended the connection before: nothing has been done on it yet."""
        pool = self._engine.pool
        try:
            return self._enter(begin, stack)
        except Stale:
            if self._engine.pool is pool:
                self._engine.dispose()  # the others are as old
        try:
            return self._enter(begin, stack)
        except Stale as error:
            raise unavailable(str(error)) from error

    def _enter(self, begin: str, stack: ExitStack) -> Connection:
        connection = stack.enter_context(self._engine.connect().execution_options(jeroboam_begin=begin))
        stack.enter_context(connection.begin())
        return connection

    def watch(self, notify: Callable[[], None], closed: threading.Event) -> None:
        while not closed.is_set():
            try:
                self._listen(notify, closed)
            except psycopg.Error as error:
                log.warning("database.not_listening", reason=str(error).strip())
                closed.wait(AGAIN_SECONDS)

    def _listen(self, notify: Callable[[], None], closed: threading.Event) -> None:
        _, arguments = self._engine.dialect.create_connect_args(self._url)
        with psycopg.connect(**arguments, autocommit=True) as connection:
            connection.execute(f"LISTEN {CHANNEL}")
            notify()  # what was committed before we listened
            while not closed.is_set():
                heard = list(connection.notifies(timeout=QUIET_SECONDS, stop_after=1))
                if any(note.payload != self._who for note in heard):
                    notify()

    def close(self) -> None:
        self._closed = True  # whoever admits just now keeps nothing
        self._forget_kept()
        self._engine.dispose()

    def _forget_kept(self) -> None:
        with suppress(IndexError):
            while True:
                self._kept.pop().close()


def _complete(url: URL) -> URL:
    """What it says itself is kept, but for what we rely on: of two options of one name the last one counts."""
    options = " ".join((*url.normalized_query.get("options", ()), *_OPTIONS))
    return url.set(drivername="postgresql+psycopg", query={**_PATIENCE, **url.query, "options": options})


def _begin(connection: Connection) -> None:
    begin = connection.get_execution_options().get("jeroboam_begin")
    if begin is None:
        return  # SQLAlchemy's own, when it meets a server; or it comes later
    _send(connection, begin)


def _send(connection: Connection, begin: str) -> None:
    driver = _driver(connection)
    try:
        driver.execute(begin)
    except (psycopg.OperationalError, psycopg.InternalError) as error:
        if driver.closed:
            connection.invalidate()
            raise Stale(str(error)) from error
        driver.rollback()
        raise unavailable(str(error)) from error


class _Late:
    """A BEGIN that goes with the first statement of its transaction."""

    def __init__(self, begin: str) -> None:
        self.begin = begin

    def __call__(self, tx: Connection, statement: str, values: Sequence[Any]) -> list[Sequence[Any]]:
        """All rows of `statement`, the transaction's first or not. Raises what the driver does."""
        driver = _driver(tx)
        if driver.info.transaction_status != TransactionStatus.IDLE:
            return driver.execute(statement, values).fetchall()
        # Values as literals, as the server takes no others with several statements; and without the cursor's detours.
        written = statement.encode() % tuple(_literal(driver, value) for value in values)
        result = driver.pgconn.exec_(self.begin.encode() + b"; " + written)
        if result.status == ExecStatus.TUPLES_OK:
            return _loaded(driver, result)
        error = error_from_result(result)
        if driver.closed:
            tx.invalidate()
            raise Stale(str(error)) from error
        raise error


def _literal(driver: "psycopg.Connection[Any]", value: str | float) -> bytes:
    if not isinstance(value, str):
        return repr(value).encode()
    if "\0" in value:
        raise psycopg.DataError("a text that holds NUL cannot be stored")  # it would be cut off there
    return Escaping(driver.pgconn).escape_literal(value.encode())


def _loaded(driver: "psycopg.Connection[Any]", result: PGresult) -> list[Sequence[Any]]:
    transformer = Transformer(driver)
    transformer.set_pgresult(result)
    return transformer.load_rows(0, result.ntuples, tuple)


def _begin_late(tx: Connection, *_: object) -> None:
    """Whose first statement goes another way begins all the same."""
    late = tx.get_execution_options().get(LATE)
    if late is not None and _driver(tx).info.transaction_status == TransactionStatus.IDLE:
        try:
            _send(tx, late.begin)
        except Stale as error:
            raise unavailable(str(error)) from error


def _driver(tx: Connection) -> "psycopg.Connection[Any]":
    driver = tx.connection.driver_connection
    assert isinstance(driver, psycopg.Connection)
    return driver


class Stale(Exception):
    """The server had ended the connection while it lay in the pool."""
