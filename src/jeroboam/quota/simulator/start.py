"""Builds the tree that a simulation starts from."""

from collections.abc import Iterator, Mapping
from dataclasses import fields, replace
from fractions import Fraction
from typing import Any

from jeroboam.quota.charging import charge
from jeroboam.quota.counters import attach, change, lift
from jeroboam.quota.decision import Request
from jeroboam.quota.explain import bad_draw
from jeroboam.quota.forms import BadForm, Where, flag, items, mapping, number, part, text, whole
from jeroboam.quota.policy import Effective, Policy, Shortage
from jeroboam.quota.policy_form import HIGHEST, policy
from jeroboam.quota.simulator.scenario import MAX_DEPTH, Units, child_defaults, limits, shown
from jeroboam.quota.tree import ROOT, Amounts, Claim, Limit, Node, Reservation, Tree

NODE = {
    "id",
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
TOP = {"reading", "policy", "tree", "claims", "steps"}
CLAIM = {"project", "id", "amount", "count", "priority", "at", "shortage", "reservation", "reclaimable"}
MANY = 100_000
"""No document makes more claims."""


class Start:
    """The state before the first step. `own`: hard_limits as written, by node id; the additive reading needs them."""

    def __init__(self, document: Any) -> None:
        if isinstance(document, Mapping) and "tree" not in document and NODE & document.keys() - TOP:
            raise BadForm((), "has no tree: write `tree:` above the project, and the project indented below it")
        top = mapping(document, (), TOP)
        reading = top.get("reading", "containment")
        if reading not in ("containment", "additive"):
            raise BadForm(("reading",), "should be containment or additive")
        self.additive = reading == "additive"
        self.units = Units(document)
        self.steps = items(top, "steps", ())
        self.own: dict[str, Amounts] = {}
        self.ids: dict[str, str | None] = {}  # what nodes are called; None: two of them
        self.named: set[str] = set()  # claims and reservations, those that are over too
        self.notices: list[tuple[Where, str]] = []
        self.order = 0
        if "tree" not in top:
            raise BadForm(("tree",), "is missing")
        self.tree = self._plant(mapping(top["tree"], ("tree",), NODE), policy(top.get("policy"), ("policy",)))
        for index, written in enumerate(items(top, "claims", ())):
            for claim in self.claims(written, ("claims", index)):
                self._take_over(claim, ("claims", index))

    def name_once(self, ident: str, where: Where) -> None:
        """An id stands for one claim or reservation of the file, also when that is over: otherwise the engine would
        take what is written as the former request, asked again.
        """
        if ident in self.named:
            raise BadForm((*where, "id"), f"{ident} is there already: each claim and reservation has an id of its own")
        self.named.add(ident)

    def _plant(self, spec: Mapping[str, Any], rules: Policy) -> Tree:
        where: Where = ("tree",)
        own = policy(spec.get("policy"), (*where, "policy"))
        rules = replace(Policy(max_priority=HIGHEST), **{**_set(rules), **_set(own)})
        tree = Tree(self._limits(spec, ROOT, {}, where), rules)
        tree.root.name = text(spec.get("name", "root"), (*where, "name"))
        self._call(tree.root.name, _id(spec, where), ROOT, where)
        self._settings(spec, tree.root, where)
        self._children(tree, spec, tree.root, where)
        self._reserve(tree, spec, tree.root, where)
        self._notice(tree.root, where)
        return tree

    def _children(self, tree: Tree, spec: Mapping[str, Any], parent: Node, where: Where) -> None:
        for index, child in enumerate(items(spec, "children", where)):
            self.grow(tree, child, parent, (*where, "children", index))

    def grow(self, tree: Tree, written: Any, parent: Node, where: Where) -> Node:
        """Add a node of the document, with all below it, as it is written, whether its limits fit or not."""
        if len(where) > 2 * MAX_DEPTH:
            raise BadForm(where, "is nested too deeply")
        spec = mapping(written, where, NODE)
        name, ident = text(spec.get("name"), (*where, "name")), _id(spec, where)
        node_id = f"/{ident or name}"  # so nothing that is written can be the root's id
        self._call(name, ident, node_id, where)
        node = Node(node_id, name, policy=policy(spec.get("policy"), (*where, "policy")))
        node.limits = self._limits(spec, node_id, parent.limits, where)
        self._settings(spec, node, where)
        attach(tree, node, parent.id)
        for resource, limit in node.limits.items():
            lift(tree, node, resource, limit.private)
        self._children(tree, spec, node, where)
        self._reserve(tree, spec, node, where)
        self._notice(node, where)
        return node

    def _notice(self, node: Node, where: Where) -> None:
        """An over-allocated node is taken as it is (a cloud that has lost capacity is one), not without a word."""
        for resource in {**node.limits, **node.allocated}:
            hard = node.limit(resource).hard
            given = node.allocated.get(resource, 0) + node.reserved.get(resource, 0)
            if 0 <= hard < given:
                owns, gives = (shown(self.units.out(resource, units)) for units in (hard, given))
                told = f"{node.name} owns {owns} {resource}, of which {gives} are allocated or reserved: taken as it is"
                self.notices.append(((*where, "hard_limit", resource), told))

    def _call(self, name: str, ident: str | None, node_id: str, where: Where) -> None:
        """From now on the node is found by its id, and by its name if no other has it. Without an id its name is it."""
        key, called = ("name", name) if ident is None else ("id", ident)
        if called in self.ids:
            raise BadForm((*where, key), f"{called} is there already")
        self.ids[called] = node_id
        if name != called:
            self.ids[name] = None if name in self.ids else node_id

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
            raise BadForm(where, "is nested too deeply")
        for index, child in enumerate(items(spec, "children", where)):
            place = (*where, "children", index)
            hard = self.units.limits(mapping(child, place), "hard_limit", place)
            for owned in ({r: h for r, h in hard.items() if h > 0}, self._below(child, place, depth + 1)):
                for resource, amount in owned.items():
                    total[resource] = total.get(resource, 0) + amount
        return total

    def _settings(self, spec: Mapping[str, Any], node: Node, where: Where) -> None:
        node.weight = weight(spec.get("weight", 1), (*where, "weight"))
        node.child_defaults = child_defaults(spec, self.units, where)

    def _reserve(self, tree: Tree, spec: Mapping[str, Any], node: Node, where: Where) -> None:
        amounts = self.units.amounts(part(spec, "reserved", where), (*where, "reserved"))
        if any(amounts.values()):
            called = node.name if node is tree.root else node.id.removeprefix("/")
            held = Reservation(f"{called}:reserved", node.id, amounts)
            self.name_once(held.id, where)
            tree.reservations[held.id] = held
            for resource, amount in amounts.items():
                change(tree, node, resource, reserved=amount)

    def claims(self, written: Any, where: Where) -> Iterator[Claim]:
        """One claim, or `count` of them with a number behind the id, each newer than those before it."""
        spec = mapping(written, where, CLAIM)
        name = text(spec.get("id"), (*where, "id"))
        count = whole(spec.get("count", 1), (*where, "count"), 1, MANY)
        if self.order + count > MANY:
            raise BadForm(where, f"makes more than {MANY} claims in all")
        node_id = self.node_id(spec.get("project"), (*where, "project"))
        amounts = {r: a for r, a in self.amount(spec, where).items() if a}
        priority = whole(spec["priority"], (*where, "priority"), -HIGHEST, HIGHEST) if "priority" in spec else None
        at = number(spec.get("at", 0), (*where, "at"))
        rules = self.tree.nodes.get(node_id, self.tree.root).rules()
        reclaimable = flag(spec.get("reclaimable", True), (*where, "reclaimable")) and rules.reclaimable
        shortage = _shortage(spec, rules, where)
        drawn = None if spec.get("reservation") is None else text(spec["reservation"], (*where, "reservation"))
        for number_ in range(1, count + 1):
            self.order += 1
            ident = f"{name}{number_}" if "count" in spec else name
            self.name_once(ident, where)
            yield Claim(
                ident,
                node_id,
                dict(amounts),
                rules.priority(priority),
                age(at, self.order),
                reclaimable=reclaimable,
                reservation=drawn,
                shortage=shortage,
            )

    def amount(self, spec: Mapping[str, Any], where: Where) -> Amounts:
        """What a claim or a reservation is of: something."""
        amounts = self.units.amounts(spec.get("amount"), (*where, "amount"))
        if not amounts:
            raise BadForm((*where, "amount"), "should name a resource")
        return amounts

    def _take_over(self, claim: Claim, where: Where) -> None:
        """Admitted already, as it is, even if it exceeds a limit."""
        node = self.tree.nodes.get(claim.node_id)
        if node is None:
            raise BadForm((*where, "project"), f"is not in the tree: {claim.node_id.removeprefix('/')}")
        for resource in claim.amounts:
            if not node.knows(resource):
                raise BadForm((*where, "amount", resource), "has no limit on the way to the root")
        self._draw(claim, where)
        charge(self.tree, claim)

    def _draw(self, claim: Claim, where: Where) -> None:
        """What a claim draws is in its reservation, even at the start."""
        if claim.reservation is None:
            return
        reason = bad_draw(self.tree, Request(claim.id, claim.node_id, claim.amounts), claim.reservation)
        if reason is None:
            return
        if reason.resource is None:
            raise BadForm((*where, "reservation"), f"is none of that project: {claim.reservation}")
        left = self.units.out(reason.resource, reason.figures["available"])
        raise BadForm((*where, "amount", reason.resource), f"is more than the {shown(left)} that are left to draw")

    def node_id(self, value: Any, where: Where) -> str:
        """The id of the project of that id or name; where there is none, one that is in no tree."""
        name = text(value, where)
        found = self.ids.get(name, f"/{name}")
        if found is None:
            raise BadForm(where, f"is the name of several projects: {name}; write an id")
        return found


def _id(spec: Mapping[str, Any], where: Where) -> str | None:
    return None if spec.get("id") is None else text(spec["id"], (*where, "id"))


def _shortage(spec: Mapping[str, Any], rules: Effective, where: Where) -> Shortage:
    try:
        return Shortage(spec.get("shortage", rules.shortage))
    except ValueError as error:
        raise BadForm((*where, "shortage"), "should be refuse or wait") from error


def _set(rules: Policy) -> dict[str, Any]:
    return {f.name: value for f in fields(Policy) if (value := getattr(rules, f.name)) is not None}


def age(at: Fraction, order: int) -> int:
    """Older first by time (to the millisecond), then by place in the document."""
    return int(at * 1000) * 2**32 + order


def weight(value: Any, where: Where) -> Fraction:
    found = number(value, where)
    if found < 0:
        raise BadForm(where, "should not be below 0")
    return found
