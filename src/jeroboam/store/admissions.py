"""Requests that come at once share a commit, each with a verdict of its own.

A request that finds nobody at work goes straight through, in its own thread. Those that come meanwhile queue; whoever
is done lets the first of them carry out all that have come, in one transaction. Under load those that were just
answered are on their way back with the next request: the first waits a moment for them, or they would just miss it;
the last of them leads.

What is not plain (store/ledger/plain.py) holds nobody up: it is then decided alone, in the thread that asked.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import compress
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
GATHERED = 32
"""So many are waited for: more come while these are carried out. At most MOST, so that who leads is one of them."""
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
        self._expected: int | None = None  # so many are waited for; None: for nobody

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
            first, self._led = not self._led, True
            leads = self._all_here(first)
        try:
            if leads:
                self._lead(waiting)
            elif first:
                self._gather(waiting)
            else:
                self._wait(waiting)
        finally:
            if waiting.following is not None:
                waiting.following.turn.release()

    def _wait(self, waiting: _Waiting[Any]) -> None:
        """Until it is done with the others of its batch, or is the first of the next."""
        waiting.turn.acquire()
        if not waiting.done:
            with self._guard:
                leads = self._all_here(first=True)
            if leads:
                self._lead(waiting)
            else:
                self._gather(waiting)

    def _gather(self, waiting: _Waiting[Any]) -> None:
        """The first leads when the moment is over; whoever completes the batch before that spares it the wake-up."""
        told = False
        try:
            told = waiting.turn.acquire(timeout=GATHER_SECONDS)
        finally:
            if not told and self._gives_up(waiting):
                self._lead(waiting)
        if not waiting.done:
            waiting.turn.acquire()

    def _all_here(self, first: bool) -> bool:
        """Whether those that are waited for, from the first on, have come. True once for each batch."""
        if first:
            self._expected = min(max(self._sizes), GATHERED)
        if self._expected is None or len(self._queue) < self._expected:
            return False
        self._expected = None
        return True

    def _gives_up(self, first: _Waiting[Any]) -> bool:
        """Nobody is waited for any more. False: its batch has been led."""
        with self._guard:
            waited = self._expected is not None and not first.done
            if waited:
                self._expected = None
            return waited

    def _lead(self, leader: _Waiting[Any]) -> None:
        """Carries out all that have come. The leader tells the first of them, each of them the next."""
        with self._guard:
            batch, self._queue = self._queue[:MOST], self._queue[MOST:]
        try:
            self._carry_out(batch)
        finally:
            teller = leader
            with self._guard:
                for waiting in batch:
                    waiting.done = True
                    if waiting is not leader:
                        teller.following = teller = waiting
                # Those that were just answered come back to those that have come meanwhile.
                self._sizes = (self._sizes[1], len(batch) + len(self._queue))
                first = self._queue[0] if self._queue else None
                self._led = first is not None
            if first is not None:
                first.turn.release()

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
