"""The database: transactions for reading and for writing, its schema brought up to date, and a signal after commits.

with db.write() as tx:      # all of it or nothing; one writer at a time
    objects.insert(tx, ...)
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Connection, text
from sqlalchemy.exc import ProgrammingError

from jeroboam.store import migrations, urls
from jeroboam.store.ledger.load import Books
from jeroboam.store.ledger.resident import Resident
from jeroboam.store.server import Server, translated, unavailable
from jeroboam.store.settled import Settled
from jeroboam.store.signal import Signal


class Database:
    """`url` is SQLAlchemy's. Safe to share between threads; every process makes its own."""

    def __init__(self, url: str) -> None:
        parsed = urls.parsed(url)
        self.shown = urls.shown(parsed)
        """The URL, for people: without what is secret in it."""
        self._remote = parsed.get_backend_name() == "postgresql"
        self._server = _open(parsed)
        self._ledger, self._looked_at = Resident(), Resident()  # writers' and readers': neither waits for the other
        self._installation = ""
        self.signal = Signal(self._server.watch)
        self.settled = Settled()

    def __repr__(self) -> str:
        return f"Database({self.shown!r})"

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
    def read(self, *, settled: bool = False) -> Iterator[Connection]:
        """A transaction that sees one consistent snapshot, and never waits for a writer. Raises Unavailable.

        `settled`: it does wait, so that no row is still on its way whose number is smaller than one that it sees. Then
        all writers wait for it, too: do no more in it than `events` does.
        """
        with translated(), self._server.settled() if settled else self._server.reading() as tx:
            yield tx

    @contextmanager
    def quota(self) -> Iterator[Books]:
        """The quota tree as it stands, to look at: writers wait while what has changed is read, and not longer.

        Others who look wait until the end. Raises Unavailable.
        """
        with self._looked_at.lent() as loan:
            loan.take()
            with translated(), self._server.settled() as tx:
                books = loan.current(tx)
            yield books

    @contextmanager
    def write(self, *, notify: bool = True) -> Iterator[Connection]:
        """A transaction that nobody else writes beside; committed durably at the end, rolled back on any exception.

        Never do slow things inside: every other writer waits. Raises Unavailable (busy, disk full, gone).
        """
        with self._ledger.lent() as loan, translated(), self._server.writing(notify) as tx:
            loan.to(tx)
            yield tx
        if notify:
            self.signal.notify()

    @contextmanager
    def admit(self) -> Iterator[Connection]:
        """As `write`, beside others of its kind where the database can: for ledger.admit_plain and what goes with it.

        Nothing is done in it that two could not do at once. Raises Unavailable, and postgres.Stale where its connection
        had ended before it began: nothing was done then, and `write` does it.
        """
        with self._ledger.lent() as loan, translated(), self._server.admitting() as tx:
            if self._server.admits_alone:
                loan.to(tx)
            yield tx
        self.signal.notify()

    @property
    def remote(self) -> bool:
        """Whether it is a server's, that other machines may share, and no file."""
        return self._remote

    def ping(self) -> None:
        """Raises Unavailable if the database does not answer, or is not ours."""
        try:
            with self.read() as tx:
                tx.execute(_PING)
        except ProgrammingError as error:
            raise unavailable(str(error.orig)) from error

    def close(self) -> None:
        self.signal.close()
        self._server.close()


_PING = text("SELECT count(*) FROM installation")


def _open(url: URL) -> Server:
    # Imported late: who uses one has no need of the other's driver.
    if url.get_backend_name() == "postgresql":
        from jeroboam.store.postgres import Postgres

        return Postgres(url)
    from jeroboam.store.sqlite import Sqlite

    return Sqlite(url)
