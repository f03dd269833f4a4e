"""What a test can do to calls of the fake engine: let them fail, hang, or happen without an answer."""

import functools
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar, cast

from jeroboam.backends.errors import BackendError, Temporary

P = ParamSpec("P")
T = TypeVar("T")

ANY = "*"


@dataclass(frozen=True, slots=True)
class Call:
    """A call as it came in, whatever became of it."""

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any] = field(default_factory=dict)


class Gate:
    """Where a call hangs: `reached` is set when it has come, `release` lets it go on."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self._open = threading.Event()

    def release(self) -> None:
        self._open.set()

    def _pass(self) -> None:
        self.reached.set()
        self._open.wait()


@dataclass(slots=True)
class _Plan:
    method: str
    left: int | None
    error: BackendError | None = None
    after: bool = False
    gate: Gate | None = None


class Faults:
    """Plans for calls to come, by the method's name or ANY; the first one that fits a call is taken."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._plans: list[_Plan] = []

    def fail(self, method: str = ANY, error: BackendError | None = None, times: int | None = 1) -> None:
        """The next `times` calls (None: until `heal`) raise without having done anything."""
        failure = error or Temporary(f"cannot {method}: the engine does not answer")
        self._add(_Plan(method, times, error=failure))

    def lose_reply(self, method: str, times: int | None = 1) -> None:
        """The next calls do their work and raise Temporary all the same."""
        failure = Temporary(f"cannot {method}: the connection was cut before the answer")
        self._add(_Plan(method, times, error=failure, after=True))

    def hang(self, method: str, *, after: bool = False) -> Gate:
        """The next call waits at the returned gate, before its work or `after` it."""
        gate = Gate()
        self._add(_Plan(method, 1, after=after, gate=gate))
        return gate

    def heal(self) -> None:
        """No call fails any more, and those that hang go on."""
        with self._lock:
            plans, self._plans = self._plans, []
        for plan in plans:
            if plan.gate is not None:
                plan.gate.release()

    def _add(self, plan: _Plan) -> None:
        with self._lock:
            self._plans.append(plan)

    def take(self, method: str) -> _Plan | None:
        """The plan for a call that begins now. Gates stay listed, so that `heal` finds them."""
        with self._lock:
            for plan in self._plans:
                if plan.method in (method, ANY) and plan.left != 0:
                    if plan.left is not None:
                        plan.left -= 1
                    return plan
        return None


class Faulty(Protocol):
    """What `contract_call` needs of the class whose methods it marks."""

    faults: Faults
    calls: list[Call]


S = TypeVar("S", bound=Faulty)


def contract_call(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Marks a method of the contract: it is recorded, and subject to faults."""
    name = method.__name__

    @functools.wraps(method)
    def run(self: S, *arguments: P.args, **keywords: P.kwargs) -> T:
        self.calls.append(Call(name, arguments, dict(keywords)))
        plan = self.faults.take(name)
        if plan is None:
            return method(self, *arguments, **keywords)
        if not plan.after:
            _suffer(plan)
        result = method(self, *arguments, **keywords)
        if plan.after:
            _suffer(plan)
        return result

    return cast(Callable[Concatenate[S, P], T], run)


def _suffer(plan: _Plan) -> None:
    if plan.gate is not None:
        plan.gate._pass()
    if plan.error is not None:
        raise plan.error
