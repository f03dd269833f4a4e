"""The ledger in this process's memory, so that a request costs what it changes and not the size of the tree.

It belongs to one transaction at a time, from when that asks for it until it has ended. Then others' changes
(changes.py) are read again, and what a transaction did that was rolled back.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection

from jeroboam.model.errors import Problem
from jeroboam.store.ledger import changes, load
from jeroboam.store.ledger.changes import NONE, Touched, Version
from jeroboam.store.ledger.load import Books
from jeroboam.store.ledger.refresh import refresh
from jeroboam.store.server import WRITER_SECONDS, unavailable

_OPTION = "jeroboam_resident"


class Resident:
    """Thread-safe: lent to one at a time. Who waits for longer than a writer does is told Unavailable."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._books: Books | None = None
        self._version = NONE
        """The ledger's, of which `_books` are a copy but for `_stale`."""
        self._stale = Touched()
        # Of the transaction that has them:
        self._reached = NONE
        self._touched = Touched()
        self._loaded = False

    @contextmanager
    def lent(self) -> Iterator["Loan"]:
        """For one transaction, from before it begins until after it has ended."""
        loan = Loan(self)
        try:
            yield loan
        except BaseException as error:
            if loan.taken:
                self._undone(error)
            raise
        else:
            if loan.taken:
                self._version = self._reached
        finally:
            if loan.taken:
                self._turn.release()

    def take(self) -> None:
        if not self._turn.acquire(timeout=WRITER_SECONDS):
            raise unavailable("it is busy")
        self._reached, self._touched, self._loaded = self._version, Touched(), False

    def current(self, tx: Connection) -> Books:
        newest = changes.newest(tx)
        if self._books is not None:
            self._stale.add(Touched.by(self._books.tree))  # decided, and not written: as after a refusal
            self._books.tree.forget_changes()
            if (newest != self._reached or self._stale) and not self._refreshed(tx, self._books, newest):
                self._books = None
        if self._books is None:
            self._books, self._loaded = load.whole(tx), True
        self._reached, self._stale = newest, Touched()
        self._books.version = newest
        return self._books

    def _refreshed(self, tx: Connection, books: Books, newest: Version) -> bool:
        touched = Touched() if newest == self._reached else changes.since(tx, self._reached)
        if touched is None:
            return False
        touched.add(self._stale)
        self._touched.add(touched)
        return refresh(tx, books, touched)

    def wrote(self, version: Version, touched: Touched) -> None:
        self._reached = version
        self._touched.add(touched)

    def _undone(self, error: BaseException) -> None:
        """What it saw and did is read again. After anything but a Problem everything is: half a change may be left."""
        if self._loaded or not (isinstance(error, Problem) or isinstance(error.__cause__, Problem)):
            self._books = None
        self._stale.add(self._touched)


class Loan:
    """What one transaction has of it: nothing until it asks."""

    def __init__(self, resident: Resident) -> None:
        self._resident = resident
        self.taken = False

    def to(self, tx: Connection) -> None:
        tx.execution_options(**{_OPTION: self})

    def take(self) -> None:
        """Waits until it is the caller's."""
        if not self.taken:
            self._resident.take()
            self.taken = True

    def current(self, tx: Connection) -> Books:
        self.take()
        return self._resident.current(tx)

    def wrote(self, version: Version, touched: Touched) -> None:
        if self.taken:
            self._resident.wrote(version, touched)


def books(tx: Connection) -> Books:
    """Everything, as it is now. In `db.write()` it costs what has changed since this process looked last."""
    loan: Loan | None = tx.get_execution_options().get(_OPTION)
    return load.whole(tx) if loan is None else loan.current(tx)


def note(tx: Connection, touched: Touched) -> None:
    """This has been written as it is in `books(tx)`. What was written past them is noted by changes.note alone."""
    version = changes.note(tx, touched)
    loan: Loan | None = tx.get_execution_options().get(_OPTION)
    if loan is not None:
        loan.wrote(version, touched)
