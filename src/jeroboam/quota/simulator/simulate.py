"""What would happen? A document of a tree, claims and steps in, what became of each out. On the engine alone.

The form is described in docs/quota-model.md. Raises BadForm (with the place) if the document is not of it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from jeroboam.quota.admission import admit_now, at_once, evict_due, release, requeue, resize
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.forms import BadForm, Where, mapping, number, seconds, text
from jeroboam.quota.limits import extend, reserve
from jeroboam.quota.reasons import Reason
from jeroboam.quota.settling import end_reservation, settle
from jeroboam.quota.simulator.report import Report, Result
from jeroboam.quota.simulator.reshaping import Reshaping, attempt
from jeroboam.quota.simulator.scenario import shown
from jeroboam.quota.simulator.start import CLAIM, Start, age
from jeroboam.quota.tree import Claim, ClaimState, Reservation, Tree
from jeroboam.quota.view import tree_view

_ALONE = {"advance": "seconds", "release": "id", "cancel": "id", "requeue": "id", "remove": "project"}
"""What steps are about that need no more than one word."""


def simulate(document: Any) -> Result:
    """{"steps": [{"step", "results", "evicted", "admitted", "reclaiming"}], "tree": ..., "claims": {id: state}}; steps
    in which reservations came to their end have them in "ended".
    """
    return Simulation(document).run()


class Simulation:
    """`clock`: the second at which each step ended. `watch` is called again and again with how far it is: which step,
    of how many.
    """

    def __init__(self, document: Any, watch: Callable[[int, int], None] = lambda step, steps: None) -> None:
        self._watch = watch
        self.start = Start(document)
        self.report = Report(self.start)
        self.now = 0.0
        self.clock: list[float] = []
        self._given_back: set[str] = set()  # reservations: released, not ended by time
        self._states: dict[str, ClaimState] = {}
        shape = Reshaping(self.start, self.report)
        self._kinds: dict[str, Callable[[Any, Where], list[Result]]] = {
            "claim": self._claim,
            "release": self._release,
            "cancel": self._release,
            "requeue": self._requeue,
            "resize": self._resize,
            "set": lambda d, w: shape.set(d, w, self.now),
            "add": shape.add,
            "move": lambda d, w: shape.move(d, w, self.now),
            "remove": lambda d, w: shape.remove(d, w, self.now),
            "reserve": self._reserve,
            "extend": self._extend,
            "advance": self._advance,
        }

    @property
    def tree(self) -> Tree:
        """As it stands; an additive change that was refused has put another in its place."""
        return self.start.tree

    def run(self) -> Result:
        self._changed()
        steps = [self._step(i, step) for i, step in enumerate(self.start.steps)]
        states = {c.id: c.state.value for c in self.tree.claims.values() if not c.reserves}
        return {"steps": steps, "tree": self.report.view(tree_view(self.tree)), "claims": states}

    def _step(self, index: int, written: Any) -> Result:
        where: Where = ("steps", index)
        step = mapping(written, where, set(self._kinds))
        if len(step) != 1:
            raise BadForm(where, f"should have exactly one action, one of {', '.join(sorted(self._kinds))}")
        ((kind, details),) = step.items()
        if kind in _ALONE and isinstance(details, str | int | float):
            raise BadForm((*where, kind), f"should be written {{{_ALONE[kind]}: {str(details)[:60]}}}")
        self._watch(index + 1, len(self.start.steps))
        held = list(self.tree.reservations.values())
        results = self._kinds[kind](details, (*where, kind))
        evict_due(self.tree, self.now)
        asked = {r.get("id") for r in results} if kind in ("claim", "requeue") else set()
        changed = self._changed()
        told: Result = {"step": index + 1, "results": results}
        for state in (ClaimState.EVICTED, ClaimState.ADMITTED, ClaimState.RECLAIMING):
            known = () if state is ClaimState.EVICTED else asked
            told[state.value] = [c.id for c in changed if c.state is state and c.id not in known and not c.reserves]
        if ended := self._ended(held, {r.get("id") for r in results}):
            told["ended"] = ended
        self.clock.append(self.now)
        return told

    def _ended(self, held: list[Reservation], told: set[str | None]) -> list[str]:
        """Which of them time has ended, the first first."""
        gone = [r for r in held if r.id not in self.tree.reservations and r.id not in told]
        return [
            name for until, name in sorted((r.until, r.id) for r in gone if r.until is not None) if until <= self.now
        ]

    def _changed(self) -> list[Claim]:
        """The claims whose state is another than when this was last asked, oldest first."""
        claims = self.tree.claims
        touched = [claims[i] for i in self.tree.dirty_claims if i in claims]
        changed = [c for c in touched if self._states.get(c.id) is not c.state]
        self._states |= {c.id: c.state for c in changed}
        self.tree.forget_changes()
        return sorted(changed, key=lambda c: (c.order, c.id))

    def _claim(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, CLAIM)
        if spec.get("at") is not None:
            self._come_to(float(number(spec["at"], (*where, "at"))), (*where, "at"))
        else:
            spec = {**spec, "at": self.now}
        results = []
        for claim in self.start.claims(spec, where):
            self._watch(len(self.clock) + 1, len(self.start.steps))  # one step may make thousands
            request = Request(
                claim.id,
                claim.node_id,
                claim.amounts,
                claim.priority,
                claim.shortage,
                claim.reservation,
                claim.reclaimable,
                claim.order,
            )
            results.append(self.report.answer(claim.id, admit_now(self.tree, request, self.now)))
        return results

    def _come_to(self, at: float, where: Where) -> None:
        """Time goes on to `at`. Before 0 is before the start: how old the request is, and nothing more."""
        if 0 <= at < self.now:
            raise BadForm(where, f"is over: it is second {shown(self.now)} already")
        self._until(max(self.now, at))

    def _release(self, details: Any, where: Where) -> list[Result]:
        return [self._give_back(name) for name in self._ids(details, where)]

    def _give_back(self, name: str) -> Result:
        if name in self.tree.reservations:
            self._given_back.add(name)
            end_reservation(self.tree, name)
            settle(self.tree, self.now)
            return {"id": name, "outcome": ClaimState.RELEASED.value, "victims": []}
        claim = self.tree.claims.get(name)
        if claim is None:
            return self.report.answer(name, Decision("refused", reason=Reason("unknown_claim")))
        if claim.reserves and name not in self._given_back:
            return self.report.answer(name, Decision("refused", reason=Reason("unknown_reservation", reservation=name)))
        release(self.tree, name, self.now)
        state = ClaimState.RELEASED if claim.reserves else claim.state
        result: Result = {"id": name, "outcome": state.value, "victims": []}
        if state is ClaimState.REFUSED and isinstance(claim.reason, Reason):
            result["reason"] = self.report.reason(claim.reason)
        return result

    def _requeue(self, details: Any, where: Where) -> list[Result]:
        results = []
        for name in self._ids(details, where):
            self.start.order += 1
            order = age(number(self.now, where), self.start.order)
            decision = requeue(self.tree, name, self.now, order)
            results.append(self.report.answer(name, at_once(self.tree, decision, self.now)))
        return results

    def _ids(self, details: Any, where: Where) -> list[str]:
        given = mapping(details, where, {"id"}).get("id")
        if isinstance(given, list):
            return [text(name, (*where, "id", index)) for index, name in enumerate(given)]
        return [text(given, (*where, "id"))]

    def _resize(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"id", "amount"})
        name = text(spec.get("id"), (*where, "id"))
        amounts = self.start.units.amounts(spec.get("amount"), (*where, "amount"))
        return [self.report.answer(name, resize(self.tree, name, amounts, self.now))]

    def _reserve(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"project", "id", "amount", "until"})
        name = text(spec.get("id"), (*where, "id"))
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))
        amounts = self.start.amount(spec, where)
        until = _until(spec, where)
        self.start.name_once(name, where)
        self.start.order += 1
        order = age(number(self.now, where), self.start.order)
        decision = reserve(self.tree, name, node_id, amounts, self.now, until, order)
        return [self.report.answer(name, at_once(self.tree, decision, self.now))]

    def _extend(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"id", "until"})
        name = text(spec.get("id"), (*where, "id"))
        until = _until(spec, where)
        return [attempt(self.report, {"id": name}, lambda: extend(self.tree, name, until))]

    def _advance(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"seconds"})
        self._until(self.now + seconds(spec.get("seconds"), (*where, "seconds")))
        return []

    def _until(self, end: float) -> None:
        """Let the time pass, stopping wherever something is due."""
        while self.now < end:
            due = [row.deadline for row in self.tree.reclaims.values()]
            due += [r.until for r in self.tree.reservations.values() if r.until is not None]
            self.now = min((at for at in due if self.now < at), default=end)
            self.now = min(self.now, end)
            settle(self.tree, self.now)
            evict_due(self.tree, self.now)


def _until(spec: Mapping[str, Any], where: Where) -> float | None:
    return None if spec.get("until") is None else float(number(spec["until"], (*where, "until")))
