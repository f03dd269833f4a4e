"""A whole tree of limits from one document: what differs, and setting it in an order that works, all or nothing.

    {"name": ..., "hard_limit": {resource: units}, "lend_limit": {...}, "borrow_limit": {...}, "weight": "1/2",
     "policy": {...}, "child_defaults": {...}, "children": [...]}

Nodes are named by `id`, or by `name` among their siblings; the top is the cloud. What a document leaves out stays as it
is, nodes that it does not mention too. lend_limit and borrow_limit null: all, unlimited. Units are base units.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from jeroboam.model.errors import Malformed
from jeroboam.model.quantities import MAX
from jeroboam.quota.forms import BadForm, mapping, number, sequence, text
from jeroboam.quota.limits import change_node
from jeroboam.quota.policy import MAX_GRACE, MAX_PRIORITY, MAX_WEIGHT, Policy
from jeroboam.quota.policy_form import policy
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.settling import settle
from jeroboam.quota.tree import NOTHING, UNLIMITED, Limit, Node, Tree

_KEYS = {"id", "name", "hard_limit", "lend_limit", "borrow_limit", "weight", "policy", "child_defaults", "children"}
_FIELDS = {"hard_limit": "hard", "lend_limit": "lend", "borrow_limit": "borrow"}


@dataclass(frozen=True, slots=True)
class Change:
    """`what` (a limit's word, weight, policy or child_defaults) of `node_id` goes from `before` to `after`."""

    node_id: str
    what: str
    resource: str | None
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What a node is to have; None: as it is."""

    node: Node
    limits: dict[str, Limit]
    weight: Fraction | None
    policy: Policy | None
    child_defaults: dict[str, Limit] | None


def diff(tree: Tree, document: Any) -> list[Change]:
    """What apply would change, parents first. Raises Malformed if the document is not of the form."""
    return [change for wanted in _read(tree, document) for change in _differences(wanted)]


def apply(tree: Tree, document: Any, force: bool = False, now: float = 0.0) -> list[Change]:
    """Set it all, and answer what has changed. Raises QuotaConflict (or Malformed), and nothing has changed.

    Whatever is possible is done first, until nothing is left: so children shrink before others of their parent grow,
    and parents grow before their children.
    """
    changes = diff(tree, document)
    rehearsal = deepcopy(tree)
    _carry_out(rehearsal, document, force, now)
    _carry_out(tree, document, force, now)
    return changes


def _carry_out(tree: Tree, document: Any, force: bool, now: float) -> None:
    waiting = [(w, r) for w in _read(tree, document) for r in w.limits if w.limits[r] != w.node.limit(r)]
    while waiting:
        blocked, conflict = [], None
        for wanted, resource in waiting:
            try:
                change_node(tree, wanted.node.id, {resource: wanted.limits[resource]}, force=force)
            except QuotaConflict as refused:
                conflict = conflict or refused
                blocked.append((wanted, resource))
        if conflict is not None and len(blocked) == len(waiting):
            raise conflict
        waiting = blocked
    for w in _read(tree, document):
        if w.weight is not None or w.policy is not None or w.child_defaults is not None:
            change_node(tree, w.node.id, {}, w.weight, w.policy, w.child_defaults, force)
    settle(tree, now)


def _differences(wanted: _Wanted) -> Iterator[Change]:
    node = wanted.node
    for resource, new in wanted.limits.items():
        old = node.limit(resource)
        for word, key in _FIELDS.items():
            if getattr(old, key) != getattr(new, key):
                yield Change(node.id, word, resource, getattr(old, key), getattr(new, key))
    others = (("weight", node.weight), ("policy", node.policy), ("child_defaults", node.child_defaults))
    for what, before in others:
        after = getattr(wanted, what)
        if after is not None and after != before:
            yield Change(node.id, what, None, before, after)


def _read(tree: Tree, document: Any) -> list[_Wanted]:
    try:
        return list(_nodes(tree.root, document, ()))
    except BadForm as error:
        raise Malformed(f"cannot apply the document: {error.problem}") from None


def _nodes(node: Node, document: Any, where: tuple[str | int, ...]) -> Iterator[_Wanted]:
    spec = mapping(document, where, _KEYS)
    yield _Wanted(
        node,
        _limits(node, spec, where),
        number(spec["weight"], (*where, "weight"), 0, MAX_WEIGHT) if spec.get("weight") is not None else None,
        _policy(spec["policy"], (*where, "policy")) if spec.get("policy") is not None else None,
        _defaults(spec["child_defaults"], (*where, "child_defaults"))
        if spec.get("child_defaults") is not None
        else None,
    )
    for index, child in enumerate(sequence(spec.get("children") or [], (*where, "children"))):
        place = (*where, "children", index)
        yield from _nodes(_child(node, mapping(child, place, _KEYS), place), child, place)


def _child(parent: Node, spec: Mapping[str, Any], where: tuple[str | int, ...]) -> Node:
    wanted = text(spec.get("id", spec.get("name")), where)
    found = [c for c in parent.children.values() if (c.id if "id" in spec else c.name) == wanted]
    if len(found) != 1:
        raise Malformed(
            f"cannot apply the document: {parent.name} has {len(found) or 'no'} projects {wanted}: "
            "name one that exists, by its id if names are not unique"
        )
    return found[0]


def _limits(node: Node, spec: Mapping[str, Any], where: tuple[str | int, ...]) -> dict[str, Limit]:
    found: dict[str, dict[str, Any]] = {}
    for word, key in _FIELDS.items():
        for resource, value in mapping(spec.get(word) or {}, (*where, word)).items():
            found.setdefault(resource, {})[key] = _units(value, key, (*where, word, resource))
    return {r: _merged(node.limit(r), changes) for r, changes in found.items()}


def _policy(spec: Any, where: tuple[str | int, ...]) -> Policy:
    """Within the ranges that a setting of a node has: the simulator, which reads policies too, knows none."""
    found = policy(spec, where)
    if found.grace_seconds is not None:
        number(found.grace_seconds, (*where, "grace_seconds"), 0, MAX_GRACE)
    if found.max_priority is not None:
        exact = number(spec["max_priority"], (*where, "max_priority"), 0, MAX_PRIORITY)
        if exact.denominator != 1:
            raise Malformed(f"cannot apply the document: {'.'.join(map(str, where))}.max_priority: should be whole")
    return found


def _defaults(spec: Any, where: tuple[str | int, ...]) -> dict[str, Limit]:
    """{resource: Limit} for new children, complete: what is not written is 0 hard and 0 borrow, all lent."""
    found: dict[str, dict[str, Any]] = {}
    for word, written in mapping(spec, where, set(_FIELDS)).items():
        for resource, value in mapping(written or {}, (*where, word)).items():
            found.setdefault(resource, {})[_FIELDS[word]] = _units(value, _FIELDS[word], (*where, word, resource))
    return {r: _merged(NOTHING, changes) for r, changes in found.items()}


def _merged(old: Limit, changes: Mapping[str, Any]) -> Limit:
    values = {key: changes.get(key, getattr(old, key)) for key in ("hard", "lend", "borrow")}
    return Limit(**values)


def _units(value: Any, key: str, where: tuple[str | int, ...]) -> int | None:
    if value is None and key != "hard":
        return None
    exact = number(value, where, UNLIMITED, MAX)
    if exact.denominator != 1:
        raise Malformed(
            f"cannot apply the document: {'.'.join(map(str, where))}: should be a whole number of units, or -1"
        )
    return None if exact == UNLIMITED and key != "hard" else int(exact)
