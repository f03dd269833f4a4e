"""Builds the tree that a simulation starts from."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Any

from jeroboam.quota.charging import charge
from jeroboam.quota.counters import attach, change, lift
from jeroboam.quota.policy import Shortage
from jeroboam.quota.scenario import (
    MAX_DEPTH,
    BadScenario,
    Units,
    Where,
    limits,
    mapping,
    number,
    policy,
    sequence,
    text,
)
from jeroboam.quota.tree import ROOT, Amounts, Claim, Limit, Node, Reservation, Tree

NODE = {
    "name",
    "hard_limit",
    "lend_limit",
    "borrow_limit",
    "reserved",
    "weight",
    "policy",
    "child_defaults",
    "children",
}
CLAIM = {"project", "id", "amount", "count", "priority", "at", "shortage", "reservation", "reclaimable"}
MANY = 100_000


class Start:
    """The state before the first step. `own`: hard_limits as written, by node id; the additive reading needs them."""

    def __init__(self, document: Any) -> None:
        top = mapping(document, (), {"reading", "policy", "tree", "claims", "steps"})
        reading = top.get("reading", "containment")
        if reading not in ("containment", "additive"):
            raise BadScenario(("reading",), "should be containment or additive")
        self.additive = reading == "additive"
        self.units = Units(document)
        self.steps = sequence(top.get("steps") or [], ("steps",))
        self.own: dict[str, Amounts] = {}
        self.ids: dict[str, str] = {}
        self.order = 0
        if "tree" not in top:
            raise BadScenario(("tree",), "is missing")
        self.tree = self._plant(mapping(top["tree"], ("tree",), NODE), top.get("policy") or {})
        for index, written in enumerate(sequence(top.get("claims") or [], ("claims",))):
            for claim in self.claims(written, ("claims", index)):
                self._take_over(claim, ("claims", index))

    def _plant(self, spec: Mapping[str, Any], rules: Any) -> Tree:
        where: Where = ("tree",)
        given = {**mapping(rules, ("policy",)), **mapping(spec.get("policy") or {}, (*where, "policy"))}
        tree = Tree(self._limits(spec, ROOT, {}, where), policy({"max_priority": 2**31, **given}, ("policy",)))
        tree.root.name = self._name(spec, ROOT, where, "root")
        self._settings(spec, tree.root, where)
        self._children(tree, spec, tree.root, where)
        self._reserve(tree, spec, tree.root, where)
        return tree

    def _children(self, tree: Tree, spec: Mapping[str, Any], parent: Node, where: Where) -> None:
        for index, child in enumerate(sequence(spec.get("children") or [], (*where, "children"))):
            self.grow(tree, child, parent, (*where, "children", index))

    def grow(self, tree: Tree, written: Any, parent: Node, where: Where) -> Node:
        """Add a node of the document, with all below it, as it is written, whether its limits fit or not."""
        if len(where) > 2 * MAX_DEPTH:
            raise BadScenario(where, "is nested too deeply")
        spec = mapping(written, where, NODE)
        name = text(spec.get("name"), (*where, "name"))
        node_id = f"/{name}"  # no name can be the root's id
        node = Node(
            node_id, self._name(spec, node_id, where), policy=policy(spec.get("policy") or {}, (*where, "policy"))
        )
        node.limits = self._limits(spec, node_id, parent.limits, where)
        self._settings(spec, node, where)
        attach(tree, node, parent.id)
        for resource, limit in node.limits.items():
            lift(tree, node, resource, limit.private)
        self._children(tree, spec, node, where)
        self._reserve(tree, spec, node, where)
        return node

    def _name(self, spec: Mapping[str, Any], node_id: str, where: Where, default: str | None = None) -> str:
        name = text(spec.get("name", default), (*where, "name"))
        if name in self.ids:
            raise BadScenario((*where, "name"), f"{name} is there already")
        self.ids[name] = node_id
        return name

    def _limits(self, spec: Any, node_id: str, known: Mapping[str, Limit], where: Where) -> dict[str, Limit]:
        found = limits(spec, self.units, known, where)
        self.own[node_id] = {r: limit.hard for r, limit in found.items()}
        if self.additive:
            for resource, below in self._below(spec, where, 0).items():
                limit = found.get(resource, Limit())
                found[resource] = Limit(limit.hard + below if limit.hard >= 0 else -1, limit.lend, limit.borrow)
        return found

    def _below(self, spec: Any, where: Where, depth: int) -> Amounts:
        """What the children own together, their own children's part included (the additive reading)."""
        total: Amounts = {}
        if depth > MAX_DEPTH:
            raise BadScenario(where, "is nested too deeply")
        for index, child in enumerate(sequence(spec.get("children") or [], (*where, "children"))):
            place = (*where, "children", index)
            hard = self.units.inward(mapping(child, place).get("hard_limit") or {}, (*place, "hard_limit"))
            for part in ({r: h for r, h in hard.items() if h > 0}, self._below(child, place, depth + 1)):
                for resource, amount in part.items():
                    total[resource] = total.get(resource, 0) + amount
        return total

    def _settings(self, spec: Mapping[str, Any], node: Node, where: Where) -> None:
        node.weight = weight(spec.get("weight", 1), (*where, "weight"))
        if spec.get("child_defaults") is not None:
            allowed = {"hard_limit", "lend_limit", "borrow_limit"}
            place = (*where, "child_defaults")
            node.child_defaults = limits(mapping(spec["child_defaults"], place, allowed), self.units, {}, place)

    def _reserve(self, tree: Tree, spec: Mapping[str, Any], node: Node, where: Where) -> None:
        amounts = self.units.amounts(spec.get("reserved") or {}, (*where, "reserved"))
        if any(amounts.values()):
            held = Reservation(f"{node.name}:reserved", node.id, amounts)
            tree.reservations[held.id] = held
            for resource, amount in amounts.items():
                change(tree, node, resource, reserved=amount)

    def claims(self, written: Any, where: Where) -> Iterator[Claim]:
        """One claim, or `count` of them with a number behind the id, each newer than those before it."""
        spec = mapping(written, where, CLAIM)
        name = text(spec.get("id"), (*where, "id"))
        count = int(number(spec.get("count", 1), (*where, "count")))
        if not 0 < count <= MANY:
            raise BadScenario((*where, "count"), f"should be 1 to {MANY}")
        node_id = self.node_id(spec.get("project"), (*where, "project"))
        amounts = {r: a for r, a in self.units.amounts(spec.get("amount"), (*where, "amount")).items() if a}
        named = int(number(spec["priority"], (*where, "priority"))) if "priority" in spec else None
        at = number(spec.get("at", 0), (*where, "at"))
        try:
            shortage = Shortage(spec.get("shortage", self.tree.nodes[node_id].rules().shortage))
        except ValueError as error:
            raise BadScenario((*where, "shortage"), "should be refuse or wait") from error
        drawn = None if spec.get("reservation") is None else text(spec["reservation"], (*where, "reservation"))
        for number_ in range(1, count + 1):
            self.order += 1
            yield Claim(
                f"{name}{number_}" if "count" in spec else name,
                node_id,
                dict(amounts),
                self.tree.nodes[node_id].priority(named),
                age(at, self.order),
                reclaimable=bool(spec.get("reclaimable", True)),
                reservation=drawn,
                shortage=shortage,
            )

    def _take_over(self, claim: Claim, where: Where) -> None:
        """Admitted already, as it is, even if it exceeds a limit."""
        if claim.id in self.tree.claims:
            raise BadScenario((*where, "id"), f"{claim.id} is there already")
        node = self.tree.nodes[claim.node_id]
        for resource in claim.amounts:
            if not node.knows(resource):
                raise BadScenario((*where, "amount", resource), "has no limit on the way to the root")
        claim.reclaimable = claim.reclaimable and node.rules().reclaimable
        charge(self.tree, claim)

    def node_id(self, value: Any, where: Where) -> str:
        name = text(value, where)
        if name not in self.ids:
            raise BadScenario(where, f"there is no project {name}")
        return self.ids[name]


def age(at: Fraction, order: int) -> int:
    """Older first by time (to the millisecond), then by place in the document."""
    return int(at * 1000) * 2**32 + order


def weight(value: Any, where: Where) -> Fraction:
    found = number(value, where)
    if found < 0:
        raise BadScenario(where, "should not be below 0")
    return found
