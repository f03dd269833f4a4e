"""Writes down what a simulation saw: in the names and units of the document that it was given."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jeroboam.quota.decision import Decision
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.simulator.scenario import shown
from jeroboam.quota.simulator.start import Start
from jeroboam.quota.tree import UNLIMITED, Node
from jeroboam.quota.view import WORDS

Result = dict[str, Any]
_SHOWN = tuple(w for w in WORDS if w not in ("lend_limit", "borrow_limit"))


class Report:
    """`start` knows the tree, the names, the units and the reading."""

    def __init__(self, start: Start) -> None:
        self.start = start

    def answer(self, name: str, decision: Decision) -> Result:
        result: Result = {"id": name, "outcome": decision.outcome, "victims": list(decision.victims)}
        if decision.reason is not None:
            result["reason"] = self.reason(decision.reason)
        if decision.deadline is not None:
            result["deadline"] = decision.deadline
        return result

    def reason(self, reason: Reason) -> Result:
        """As data in the file's names and units, with the sentence."""

        def name(node_id: str) -> str:
            node = self.start.tree.nodes.get(node_id)
            return node_id.removeprefix("/") if node is None else node.name

        reason = self._additive(reason) if self.start.additive else reason
        data = reason.as_dict()
        data["node"] = reason.node and name(reason.node)
        data["about"] = reason.about and name(reason.about)
        data["figures"] = {k: self._units_of(reason.unit(k), k, v) for k, v in reason.figures.items()}
        for help_ in data["helps"]:
            help_["node"] = help_["node"] and name(help_["node"])
            help_["figures"] = {k: self._units_of(reason.resource, k, v) for k, v in help_["figures"].items()}
            help_["amounts"] = {r: self.start.units.out(r, v) for r, v in help_["amounts"].items()}
            help_["nodes"] = list(map(name, help_["nodes"]))
        out = self.start.units.out
        data["sentence"] = reason.sentence(
            name, lambda resource, units: shown(out(resource, units)), lambda at: f"second {shown(at)}"
        )
        return data

    def _additive(self, reason: Reason) -> Reason:
        """A hard_limit is to be raised from what is written, which the engine's has the children's on top of."""
        own = self.start.own.get(reason.node or "", {}).get(reason.resource or "", 0)

        def restated(help_: Help) -> Help:
            if help_.code != "raise_hard_limit":
                return help_
            return replace(help_, figures={**help_.figures, "hard_limit": own + help_.figures["missing"]})

        return replace(reason, helps=tuple(map(restated, reason.helps)))

    def _units_of(self, resource: str | None, word: str, value: int) -> int | float:
        if resource is None or value == UNLIMITED or word == "count":
            return value
        return self.start.units.out(resource, value)

    def view(self, view: Mapping[str, Any]) -> Result:
        node = self.start.tree.nodes[view["id"]]
        shown: Result = {"name": view["name"]}
        if node.parent is not None and node.id != f"/{node.name}":
            shown["id"] = node.id.removeprefix("/")
        for word in _SHOWN:
            figures = dict(view[word])
            if word == "hard_limit" and self.start.additive:
                figures = {r: self.start.own[node.id].get(r, 0) for r in figures}
            shown[word] = {r: self._figure(node, r, word, v) for r, v in figures.items()}
        shown["children"] = [self.view(c) for c in view["children"]]
        return shown

    def _figure(self, node: Node, resource: str, word: str, value: int) -> int | float:
        endless = node.limit(resource).hard < 0 and word in ("hard_limit", "free")
        endless = endless or (value == UNLIMITED and word in ("deserved", "fair_now"))
        return UNLIMITED if endless else self.start.units.out(resource, value)
