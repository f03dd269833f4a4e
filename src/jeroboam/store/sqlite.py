"""What only SQLite needs: file modes, pragmas, transactions that are begun by hand, and hearing of others' commits."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import ConnectionPoolEntry

from jeroboam.model.errors import Unavailable
from jeroboam.store.server import WRITER_SECONDS, unavailable

BUSY_SECONDS = 15.0
"""How long a writer waits for another process's transaction before it gives up."""
POLL_SECONDS = 1.0
"""How often the file is asked whether another process has committed, while anybody waits here."""

_PRAGMAS = (
    f"PRAGMA busy_timeout = {int(BUSY_SECONDS * 1000)}",
    "PRAGMA synchronous = FULL",  # a commit that was answered survives a power cut
    "PRAGMA foreign_keys = ON",
    "PRAGMA wal_autocheckpoint = 4000",  # pages: those that change all the time are copied back less often
    "PRAGMA cache_size = -4096",  # KiB a connection: the system's page cache does the rest
)


class Sqlite:
    """One file, one writer: a lock among the threads of a process, BEGIN IMMEDIATE among processes."""

    admits_alone = True

    def __init__(self, url: URL) -> None:
        path = Path(url.database or "")
        try:
            _prepare_file(path)
        except OSError as error:
            raise Unavailable(
                f"cannot open the database {path}: {error.strerror}; give a folder that this user may write to"
            ) from error
        self._engine = _engine(url)
        self._writer = self._engine.execution_options(immediate=True)
        self._turn = threading.Lock()
        self._kept: Connection | None = None
        """The writer's, between transactions: at thousands a second the pool's work on each counts."""
        self._closed = False
        self._version = _Version(path)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    settled = reading
    """One writer: whatever has a smaller number was committed before."""

    @contextmanager
    def writing(self, notify: bool = True) -> Iterator[Connection]:
        """Others notice the commit by themselves, whether they are to be notified or not."""
        if not self._turn.acquire(timeout=WRITER_SECONDS):
            raise Unavailable("cannot write to the database: it is busy; try again in some seconds")
        try:
            connection, self._kept = self._kept or self._writer.connect(), None
            try:
                with connection.begin():
                    yield connection
            except BaseException:
                connection.close()
                raise
            if self._closed:
                connection.close()
            else:
                self._kept = connection
        finally:
            self._turn.release()

    admitting = writing

    def watch(self, notify: Callable[[], None], closed: threading.Event) -> None:
        seen = self._version()
        while not closed.wait(POLL_SECONDS):
            now = self._version()
            if now != seen:
                seen = now
                notify()

    def close(self) -> None:
        self._version.close()
        self._closed = True  # whoever writes just now keeps nothing
        if self._turn.acquire(timeout=0):
            kept, self._kept = self._kept, None
            self._turn.release()
            if kept is not None:
                kept.close()
        self._engine.dispose()


def _prepare_file(path: Path) -> None:
    """Makes the folder (0700) and an empty file (0600) if there is none; SQLite gives its WAL files the same mode."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        path.chmod(0o600)


def _into_wal(cursor: DBAPICursor) -> None:
    """SQLite does not wait here: of those that open a new file at once, all but one may be told that it is locked."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            time.sleep(0.01)
        else:
            return


def _engine(url: URL) -> Engine:
    """An engine whose transactions begin when SQLAlchemy says so: IMMEDIATE where the option `immediate` is set."""
    made = create_engine(
        url,
        pool_size=4,
        max_overflow=-1,  # readers never queue for a connection
        pool_use_lifo=True,
        connect_args={"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False},
    )

    @event.listens_for(made, "connect")
    def _on_connect(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        cursor = connection.cursor()
        _into_wal(cursor)
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(made, "begin")
    def _on_begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        try:
            driver.execute("BEGIN IMMEDIATE" if immediate else "BEGIN")
        except sqlite3.OperationalError as error:
            raise unavailable(str(error)) from error

    return made


class _Version:
    """PRAGMA data_version on a connection of its own: the number changes when any other connection commits."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._last = 0

    def __call__(self) -> int:
        with self._lock:
            try:
                if self._connection is None:
                    self._connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False)
                self._last = int(self._connection.execute("PRAGMA data_version").fetchone()[0])
            except sqlite3.Error:
                pass  # a hint only: whoever needs the database finds out by itself
            return self._last

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None
