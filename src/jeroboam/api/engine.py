"""Calls of tenants that go straight to the engine (logs, exec, archives): in threads of their own, and bounded.

A hung engine, or one tenant with many long calls, costs itself and leaves the API's other threads alone.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from anyio import CapacityLimiter, to_thread

from jeroboam.api import metrics
from jeroboam.backends import errors
from jeroboam.model.errors import Conflict, Malformed, NotFound, Problem, Unavailable

THREADS = 48
PER_PROJECT = 12
Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Target:
    """A thing on the engine: whose, what the engine calls it, what its owner calls it."""

    project_id: str
    engine_name: str
    name: str


class Engine:
    """One per application: it counts who waits. Used from the event loop only."""

    def __init__(self) -> None:
        self._limiter: CapacityLimiter | None = None
        self._waiting: Counter[str] = Counter()

    async def call(self, target: Target, function: Callable[..., Answer], *arguments: object) -> Answer:
        """`function(*arguments)` in a thread. Raises what the engine's refusal means to a caller, Unavailable."""
        if self._waiting[target.project_id] >= PER_PROJECT:
            raise Unavailable(
                f"cannot ask the engine about {target.name}: {PER_PROJECT} calls of this project wait for it already; "
                "try again when they are done"
            )
        if self._limiter is None:
            self._limiter = CapacityLimiter(THREADS)
        self._waiting[target.project_id] += 1
        metrics.ENGINE_CALLS.inc()
        try:
            return await to_thread.run_sync(function, *arguments, limiter=self._limiter, abandon_on_cancel=True)
        except errors.BackendError as error:
            raise problem(error, target) from error
        finally:
            metrics.ENGINE_CALLS.dec()
            self._waiting[target.project_id] -= 1
            if not self._waiting[target.project_id]:
                del self._waiting[target.project_id]


def problem(error: errors.BackendError, target: Target) -> Problem:
    """What the engine's refusal is to the owner of `target`, in the owner's words for it."""
    message = str(error).replace(target.engine_name, target.name)
    match error:
        case errors.Missing() | errors.NotOurs():
            return NotFound(message)
        case errors.WrongState():
            return Conflict(message)
        case errors.StillRunning():
            return Conflict(f"{message}; let it run in the background, or give it a terminal (--interactive)")
        case errors.Permanent():
            return Malformed(message)
        case _:
            return Unavailable(f"{message}; try again in a moment")
