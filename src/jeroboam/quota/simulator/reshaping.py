"""The simulator's steps that change the tree itself: set, add, move, remove."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

from jeroboam.quota.forms import Where, flag, mapping, text
from jeroboam.quota.limits import KEEP, LimitChange, add_node, move, remove, set_limits
from jeroboam.quota.policy import Policy
from jeroboam.quota.policy_form import policy
from jeroboam.quota.reasons import QuotaConflict, Reason
from jeroboam.quota.simulator import additive
from jeroboam.quota.simulator.report import Report, Result
from jeroboam.quota.simulator.scenario import LIMITS, child_defaults
from jeroboam.quota.simulator.start import Start, weight
from jeroboam.quota.tree import Node

_SET = {"project", *LIMITS, "weight", "policy", "child_defaults", "force"}


class Reshaping:
    """Each step answers one result: outcome `done`, or `refused` with the reason."""

    def __init__(self, start: Start, report: Report) -> None:
        self.start = start
        self.report = report

    def set(self, details: Any, where: Where, now: float) -> list[Result]:
        """What is not written stays as it is; of a policy, rule by rule (null: as the parent has it)."""
        spec = mapping(details, where, _SET)
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))
        changes = self._changes(spec, where)
        rules = policy(spec["policy"], (*where, "policy")) if spec.get("policy") is not None else None
        heavy = weight(spec["weight"], (*where, "weight")) if spec.get("weight") is not None else None
        defaults = child_defaults(spec, self.start.units, where)
        force = flag(spec.get("force", False), (*where, "force"))

        def change() -> None:
            node = self._node(node_id)
            left = changes
            if self.start.additive:
                left = additive.set_own(self.start.tree, self.start.own, node, changes, force)
            merged = None if rules is None else _merged(node.policy, rules, spec["policy"])
            set_limits(self.start.tree, node_id, left, heavy, merged, defaults, force, now)

        return [self._attempt(text(spec["project"], where), change)]

    def _changes(self, spec: Mapping[str, Any], where: Where) -> dict[str, LimitChange]:
        """What the step writes of each limit; a lend_limit or borrow_limit of -1 is none."""
        hard, lend, borrow = (self.start.units.limits(spec, word, where) for word in LIMITS)
        return {
            r: LimitChange(
                hard.get(r, KEEP),
                KEEP if r not in lend else None if lend[r] < 0 else lend[r],
                KEEP if r not in borrow else None if borrow[r] < 0 else borrow[r],
            )
            for r in {**hard, **lend, **borrow}
        }

    def add(self, details: Any, where: Where) -> list[Result]:
        """A new project; its limits are its parent's child_defaults, or nothing."""
        spec = mapping(details, where, {"project", "parent"})
        name = text(spec.get("project"), (*where, "project"))
        parent = self.start.node_id(spec.get("parent"), (*where, "parent"))

        def change() -> None:
            if name in self.start.ids:
                raise QuotaConflict(Reason("exists", self.start.ids[name] or name))
            node = add_node(self.start.tree, f"/{name}", name, parent)
            self.start.ids[name] = node.id
            self.start.own[node.id] = {r: limit.hard for r, limit in node.limits.items()}
            if self.start.additive:
                additive.restate(self.start.tree, self.start.own, node, force=False)

        return [self._attempt(name, change)]

    def move(self, details: Any, where: Where, now: float) -> list[Result]:
        spec = mapping(details, where, {"project", "parent"})
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))
        parent_id = self.start.node_id(spec.get("parent"), (*where, "parent"))

        def change() -> None:
            if self.start.additive:
                self._node(parent_id)
                former = self._node(node_id)
                additive.move(self.start.tree, self.start.own, former.id, parent_id, now)
            else:
                move(self.start.tree, node_id, parent_id, now)

        return [self._attempt(text(spec["project"], where), change)]

    def remove(self, details: Any, where: Where, now: float) -> list[Result]:
        spec = mapping(details, where, {"project"})
        node_id = self.start.node_id(spec.get("project"), (*where, "project"))

        def change() -> None:
            node = self._node(node_id)
            parent = node.parent
            remove(self.start.tree, node_id, now)
            self.start.ids = {called: known for called, known in self.start.ids.items() if known != node_id}
            if self.start.additive and parent is not None:
                additive.restate(self.start.tree, self.start.own, parent, force=False)

        return [self._attempt(text(spec["project"], where), change)]

    def _node(self, node_id: str) -> Node:
        if node_id not in self.start.tree.nodes:
            raise QuotaConflict(Reason("unknown_node", node_id))
        return self.start.tree.nodes[node_id]

    def _attempt(self, project: str, change: Callable[[], object]) -> Result:
        """An additive change touches the ancestors too, so a refusal restores the whole state."""
        kept = deepcopy((self.start.tree, self.start.own, self.start.ids)) if self.start.additive else None
        result = attempt(self.report, {"project": project}, change)
        if kept is not None and result["outcome"] == "refused":
            self.start.tree, self.start.own, self.start.ids = kept
        return result


def attempt(report: Report, about: Result, change: Callable[[], object]) -> Result:
    """`about` with what became of the change: done, or refused and why."""
    try:
        change()
    except QuotaConflict as refused:
        return {**about, "outcome": "refused", "reason": report.reason(refused.reason)}
    return {**about, "outcome": "done"}


def _merged(present: Policy, rules: Policy, written: Mapping[str, Any]) -> Policy:
    """`rules` over `present` where something is written."""
    return replace(present, **{rule: getattr(rules, rule) for rule in written})
