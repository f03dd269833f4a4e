"""The database: transactions for reading and for writing, its schema brought up to date, and a signal after commits.

with db.write() as tx:      # all of it or nothing; one writer at a time on SQLite
    objects.insert(tx, ...)
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, make_url, text
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError

from jeroboam.model.errors import Unavailable
from jeroboam.store import migrations, sqlite
from jeroboam.store.signal import Signal

WRITER_SECONDS = 30.0
"""How long a thread waits for its turn to write."""


class Database:
    """`url` is SQLAlchemy's. Safe to share between threads; every process makes its own."""

    def __init__(self, url: str) -> None:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite" or not parsed.database or parsed.database == ":memory:":
            raise Unavailable(
                f"cannot use a database at {parsed.render_as_string(hide_password=True)}: "
                "this version keeps its data in an SQLite file; give sqlite:////path/of/file"
            )
        path = Path(parsed.database)
        try:
            sqlite.prepare_file(path)
        except OSError as error:
            raise Unavailable(
                f"cannot open the database {path}: {error.strerror}; give a folder that this user may write to"
            ) from error
        self._path = path
        self._engine = sqlite.engine(parsed)
        self._writer = self._engine.execution_options(immediate=True)
        self._write_lock = threading.Lock()
        self._version = sqlite.Version(path)
        self._installation = ""
        self.signal = Signal(self._version)

    def __repr__(self) -> str:
        return f"Database({str(self._path)!r})"

    @property
    def installation(self) -> str:
        """8 hex digits that tell this installation's things from another's on the same engine; made by `migrate`."""
        if not self._installation:
            with self.read() as tx:
                self._installation = migrations.installation(tx)
        return self._installation

    def migrate(self) -> None:
        """Brings the schema to this version's. Raises Unavailable if a newer version has been here."""
        with self.read() as tx:
            done = migrations.at_head(tx)
        if not done:
            # The writer's lock is taken first, so that of two processes that start at once one finds it done.
            with self.write() as tx:
                migrations.upgrade(tx)
        self._installation = ""

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one consistent snapshot. Raises Unavailable."""
        with _translated(), self._engine.connect() as connection, connection.begin() as transaction:
            yield connection
            transaction.rollback()

    @contextmanager
    def write(self, *, notify: bool = True) -> Iterator[Connection]:
        """A transaction that nobody else writes beside; committed durably at the end, rolled back on any exception.

        Never do slow things inside: every other writer waits. Raises Unavailable (busy, disk full, gone).
        """
        if not self._write_lock.acquire(timeout=WRITER_SECONDS):
            raise Unavailable("cannot write to the database: it is busy; try again in some seconds")
        try:
            with _translated(), self._writer.connect() as connection, connection.begin():
                yield connection
        finally:
            self._write_lock.release()
        if notify:
            self.signal.notify()

    def ping(self) -> None:
        """Raises Unavailable if the database does not answer."""
        with self.read() as tx:
            tx.execute(_PING)

    def close(self) -> None:
        self.signal.close()
        self._version.close()
        self._engine.dispose()


_PING = text("SELECT count(*) FROM installation")


@contextmanager
def _translated() -> Iterator[None]:
    """Failures of the database itself become Unavailable; mistakes of ours (integrity, SQL) stay what they are."""
    try:
        yield
    except sqlite.Busy as error:
        raise _unavailable(str(error)) from error
    except DBAPIError as error:
        if isinstance(error, (OperationalError, InterfaceError)) or type(error) is DatabaseError:
            raise _unavailable(str(error.orig)) from error
        raise


def _unavailable(cause: str) -> Unavailable:
    return Unavailable(f"cannot use the database: {cause}; try again in some seconds, or see `jeroboam doctor`")
