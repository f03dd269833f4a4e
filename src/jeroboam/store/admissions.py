"""Requests that come at once share a commit, each with a verdict of its own.

A request that finds nobody at work goes straight through, in its own thread. Those that come meanwhile queue; whoever
is done lets the first of them carry out all that have come, in one transaction. Under load those that were just
answered are on their way back with the next request: the first waits a moment for them, or they would just miss it.

What is not plain (store/ledger/plain.py) holds nobody up: it is then decided alone, in the thread that asked.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress, zip_longest
from typing import Any, Generic, TypeVar

from sqlalchemy import Connection

from jeroboam.model.errors import Problem, Unavailable
from jeroboam.quota.decision import ADMITTED, Decision
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked

T = TypeVar("T")

MOST = 64
"""In one transaction: those that wait for its end should not wait long."""
GATHER_SECONDS = 0.0005
"""The moment: it ends early when as many have come as were there before. Who comes alone never waits."""
CULPRITS = 4
"""So many times a batch is tried again without one of it; where there are more, each goes alone."""

Then = Callable[[Connection, Decision], T]
"""What goes with a verdict in the same transaction, its answer the request's. What it raises undoes both."""


@dataclass(slots=True)
class _Waiting(Generic[T]):
    asked: Asked
    now: float
    then: Then[T]
    admitted: bool = False
    result: T | None = None
    error: Exception | None = None
    done: bool = False
    turn: threading.Lock = field(default_factory=threading.Lock)
    """Held until it is done, or its turn to lead."""
    following: "_Waiting[Any] | None" = None
    """Of its batch, the one that it tells: woken all at once they would only queue for the interpreter."""


class Admissions:
    """Thread-safe. One for all of a process: requests share a commit only with others of the same."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._guard = threading.Lock()
        self._queue: list[_Waiting[Any]] = []
        self._led = False
        self._sizes = (0, 0)  # of the last two batches
        self._gathered = threading.Lock()
        self._gathered.acquire()
        self._expected = 0

    def submit(self, asked: Asked, now: float, then: Then[T], *, alone: bool = False) -> T:
        """The answer of `then`, committed. Raises what it raises, and Unavailable: then nothing is left of it.

        `alone`: `then` does what two could not do at once.
        """
        if not alone:
            waiting = _Waiting(asked, now, then)
            self._pass_through(waiting)
            if waiting.error is not None:
                raise waiting.error
            if waiting.admitted:
                return waiting.result  # type: ignore[return-value]
        with self._database.write() as tx:
            return then(tx, ledger.admit(tx, asked.request, asked.object_id, now))

    def _pass_through(self, waiting: _Waiting[Any]) -> None:
        """Returns when it is admitted, or has to be decided alone, or could not be."""
        waiting.turn.acquire()
        with self._guard:
            self._queue.append(waiting)
            leads, self._led = not self._led, True
            if len(self._queue) == self._expected:
                self._expected = 0
                self._gathered.release()
        try:
            if not leads:
                waiting.turn.acquire()
            if not waiting.done:
                try:
                    self._gather()
                finally:
                    self._lead()
        finally:
            if waiting.following is not None:
                waiting.following.turn.release()

    def _gather(self) -> None:
        with self._guard:
            expected = max(self._sizes)
            if len(self._queue) >= expected:
                return
            self._expected = expected
        came = self._gathered.acquire(timeout=GATHER_SECONDS)
        with self._guard:
            if not came and self._expected == 0:
                self._gathered.acquire()  # they came in the very moment in which the wait ended
            self._expected = 0

    def _lead(self) -> None:
        """For the first of the queue, which tells the others of its batch."""
        with self._guard:
            batch, self._queue = self._queue[:MOST], self._queue[MOST:]
            self._sizes = (self._sizes[1], len(batch))
        try:
            self._carry_out(batch)
        finally:
            with self._guard:
                leads = self._queue[0] if self._queue else None
                self._led = leads is not None
            for waiting, following in zip_longest(batch, batch[1:]):
                waiting.done, waiting.following = True, following
            if leads is not None:
                leads.turn.release()

    def _carry_out(self, batch: Sequence[_Waiting[Any]]) -> None:
        """Those that are plain, in one transaction. One that cannot be is told so, and the others go on without it."""
        left = list(batch)
        for _ in range(CULPRITS):
            if not left:
                return
            try:
                self._together(left)
            except _Culprit as culprit:
                culprit.waiting.error = culprit.error
                left.remove(culprit.waiting)
            except Unavailable as error:
                for waiting in left:
                    waiting.error = error
                return
            except Exception:
                return  # a connection had ended, the database minds something, or we erred: each finds out alone
            else:
                return

    def _together(self, batch: Sequence[_Waiting[Any]]) -> None:
        with self._database.admit() as tx:
            plain = ledger.admit_plain(tx, [waiting.asked for waiting in batch], batch[0].now)
            for waiting in compress(batch, plain):
                try:
                    waiting.result = waiting.then(tx, ADMITTED)
                except Problem as error:
                    raise _Culprit(waiting, error) from error
        for waiting in compress(batch, plain):
            waiting.admitted = True


class _Culprit(Exception):
    """What goes with one of a batch cannot be."""

    def __init__(self, waiting: _Waiting[Any], error: Problem) -> None:
        super().__init__()
        self.waiting, self.error = waiting, error
