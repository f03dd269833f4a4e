"""What would happen? A document of a tree, claims and steps in, what became of each out. On the engine alone.

The form is described in docs/quota-model.md. Raises BadScenario (with the place) if the document is not of it.
"""

from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

from jeroboam.quota import additive
from jeroboam.quota.admission import admit_now, evict_due, release, requeue, resize
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.limits import KEEP, LimitChange, add_node, extend, move, remove, reserve, set_limits
from jeroboam.quota.reasons import QuotaConflict, Reason
from jeroboam.quota.report import Report, Result
from jeroboam.quota.scenario import BadScenario, Where, limits, mapping, number, policy, text
from jeroboam.quota.settling import end_reservation, settle
from jeroboam.quota.start import Start, age, weight
from jeroboam.quota.tree import ClaimState
from jeroboam.quota.view import tree_view

_SET = {"project", "hard_limit", "lend_limit", "borrow_limit", "weight", "policy", "child_defaults", "force"}


def simulate(document: Any) -> Result:
    """{"steps": [{"step", "results", "evicted", "admitted"}], "tree": ..., "claims": {id: state}}, JSON-able."""
    return Simulation(document).run()


class Simulation:
    def __init__(self, document: Any) -> None:
        self.start = Start(document)
        self.tree = self.start.tree
        self.report = Report(self.start)
        self.now = 0.0
        self._kinds: dict[str, Callable[[Any, Where], list[Result]]] = {
            "claim": self._claim,
            "release": self._release,
            "cancel": self._release,
            "requeue": self._requeue,
            "resize": self._resize,
            "set": self._set,
            "add": self._add,
            "move": self._move,
            "remove": self._remove,
            "reserve": self._reserve,
            "extend": self._extend,
            "advance": self._advance,
        }

    def run(self) -> Result:
        steps = [self._step(i, step) for i, step in enumerate(self.start.steps)]
        states = {c.id: c.state.value for c in self.tree.claims.values() if not c.reserves}
        return {"steps": steps, "tree": self.report.view(tree_view(self.tree)), "claims": states}

    def _step(self, index: int, written: Any) -> Result:
        where: Where = ("steps", index)
        step = mapping(written, where, set(self._kinds))
        if len(step) != 1:
            raise BadScenario(where, "should have exactly one action")
        ((kind, details),) = step.items()
        before = {c.id: c.state for c in self.tree.claims.values()}
        results = self._kinds[kind](details, (*where, kind))
        evict_due(self.tree, self.now)
        asked = {r.get("id") for r in results} if kind in ("claim", "requeue") else set()
        return {
            "step": index + 1,
            "results": results,
            "evicted": self._became(before, ClaimState.EVICTED, set()),
            "admitted": self._became(before, ClaimState.ADMITTED, asked),
        }

    def _became(self, before: Mapping[str, ClaimState], state: ClaimState, aside: set[Any]) -> list[str]:
        return [
            c.id
            for c in self.tree.claims.values()
            if c.state is state and before.get(c.id) is not state and c.id not in aside
        ]

    def _claim(self, details: Any, where: Where) -> list[Result]:
        if isinstance(details, Mapping) and "at" in details:
            self._until(max(self.now, float(number(details["at"], (*where, "at")))))
        else:
            details = {**mapping(details, where), "at": self.now}
        results = []
        for claim in self.start.claims(details, where):
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

    def _release(self, details: Any, where: Where) -> list[Result]:
        results = []
        for name in self._ids(details, where):
            reservation = name in self.tree.reservations
            if reservation:
                end_reservation(self.tree, name)
                settle(self.tree, self.now)
            claim = self.tree.claims.get(name)
            if claim is None and not reservation:
                results.append(self.report.answer(name, Decision("refused", reason=Reason("unknown_claim"))))
                continue
            if not reservation:
                release(self.tree, name, self.now)
            state = ClaimState.RELEASED if claim is None or claim.reserves else claim.state
            results.append({"id": name, "outcome": state.value, "victims": []})
        return results

    def _requeue(self, details: Any, where: Where) -> list[Result]:
        results = []
        for name in self._ids(details, where):
            self.start.order += 1
            order = age(number(self.now, where), self.start.order)
            results.append(self.report.answer(name, requeue(self.tree, name, self.now, order)))
        return results

    def _ids(self, details: Any, where: Where) -> list[str]:
        given = mapping(details, where, {"id"}).get("id")
        return [text(i, (*where, "id")) for i in (given if isinstance(given, list) else [given])]

    def _resize(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"id", "amount"})
        name = text(spec.get("id"), (*where, "id"))
        amounts = self.start.units.amounts(spec.get("amount"), (*where, "amount"))
        return [self.report.answer(name, resize(self.tree, name, amounts, self.now))]

    def _reserve(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"project", "id", "amount", "until"})
        name = text(spec.get("id"), (*where, "id"))
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))
        amounts = self.start.units.amounts(spec.get("amount"), (*where, "amount"))
        until = None if spec.get("until") is None else float(number(spec["until"], (*where, "until")))
        self.start.order += 1
        order = age(number(self.now, where), self.start.order)
        decision = reserve(self.tree, name, node_id, amounts, self.now, until, order)
        if decision.outcome == "reclaiming" and decision.deadline is not None and decision.deadline <= self.now:
            evict_due(self.tree, self.now)
            decision = Decision("admitted", decision.victims)
        return [self.report.answer(name, decision)]

    def _extend(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"id", "until"})
        name = text(spec.get("id"), (*where, "id"))
        until = None if spec.get("until") is None else float(number(spec["until"], (*where, "until")))
        return [self._try({"id": name}, lambda: extend(self.tree, name, until))]

    def _advance(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"seconds"})
        seconds = float(number(spec.get("seconds"), (*where, "seconds")))
        if seconds < 0:
            raise BadScenario((*where, "seconds"), "should not be below 0")
        self._until(self.now + seconds)
        return []

    def _until(self, end: float) -> None:
        """Let the time pass, stopping wherever something is due."""
        while True:
            due = [row.deadline for row in self.tree.reclaims.values()]
            due += [r.until for r in self.tree.reservations.values() if r.until is not None]
            nearest = min(due, default=end)
            if nearest > end:
                break
            self.now = max(self.now, nearest)
            settle(self.tree, self.now)
            evict_due(self.tree, self.now)
            if nearest == end and self.now >= end:
                break
        self.now = end

    def _try(self, about: Result, change: Callable[[], object]) -> Result:
        try:
            change()
        except QuotaConflict as refused:
            return {**about, "outcome": "refused", "reason": self.report.reason(refused.reason)}
        return {**about, "outcome": "done"}

    def _set(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, _SET)
        node = self.tree.nodes[self.start.node_id(spec.get("project"), (*where, "project"))]
        changes = self._changes(spec, where)
        rules = policy(spec["policy"], (*where, "policy")) if "policy" in spec else None
        heavy = weight(spec["weight"], (*where, "weight")) if "weight" in spec else None
        defaults = None
        if "child_defaults" in spec:
            defaults = limits(mapping(spec["child_defaults"], where), self.start.units, {}, where)
        force = bool(spec.get("force", False))

        def change() -> None:
            if self.start.additive:
                changes_here = additive.set_own(self.tree, self.start.own, node, changes, force)
            else:
                changes_here = changes
            set_limits(self.tree, node.id, changes_here, heavy, rules, defaults, force, self.now)

        return [self._try_whole({"project": node.name}, change)]

    def _changes(self, spec: Mapping[str, Any], where: Where) -> dict[str, LimitChange]:
        """What the step writes of each limit; a lend_limit or borrow_limit of -1 is none."""
        words = ("hard_limit", "lend_limit", "borrow_limit")
        hard, lend, borrow = (self.start.units.inward(spec.get(w) or {}, (*where, w)) for w in words)
        return {
            r: LimitChange(
                hard.get(r, KEEP),
                KEEP if r not in lend else None if lend[r] < 0 else lend[r],
                KEEP if r not in borrow else None if borrow[r] < 0 else borrow[r],
            )
            for r in {**hard, **lend, **borrow}
        }

    def _add(self, details: Any, where: Where) -> list[Result]:
        """A new project; limits that are not written are its parent's child_defaults, or nothing."""
        spec = mapping(details, where, {"project", "parent"})
        name = text(spec.get("project"), (*where, "project"))
        parent = self.start.node_id(spec.get("parent"), (*where, "parent"))
        if name in self.start.ids:
            raise BadScenario((*where, "project"), f"{name} is there already")

        def change() -> None:
            node = add_node(self.tree, f"/{name}", name, parent)
            self.start.ids[name] = node.id
            self.start.own[node.id] = {r: limit.hard for r, limit in node.limits.items()}

        return [self._try({"project": name}, change)]

    def _move(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"project", "parent"})
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))
        parent_id = self.start.node_id(spec.get("parent"), (*where, "parent"))

        def change() -> None:
            if self.start.additive:
                additive.move(self.tree, self.start.own, node_id, parent_id, self.now)
            else:
                move(self.tree, node_id, parent_id, self.now)

        return [self._try_whole({"project": self.tree.nodes[node_id].name}, change)]

    def _remove(self, details: Any, where: Where) -> list[Result]:
        spec = mapping(details, where, {"project"})
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))
        node = self.tree.nodes[node_id]

        def change() -> None:
            parent = node.parent
            remove(self.tree, node_id, self.now)
            del self.start.ids[node.name]
            if self.start.additive and parent is not None:
                additive.restate(self.tree, self.start.own, parent, force=False)

        return [self._try_whole({"project": node.name}, change)]

    def _try_whole(self, about: Result, change: Callable[[], object]) -> Result:
        """As _try; an additive change touches the ancestors too, so a refusal restores the whole state."""
        if not self.start.additive:
            return self._try(about, change)
        kept = deepcopy((self.tree, self.start.own, self.start.ids))
        result = self._try(about, change)
        if result["outcome"] == "refused":
            self.tree, self.start.own, self.start.ids = kept
            self.start.tree = self.tree
        return result
