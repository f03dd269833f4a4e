"""Reads what the simulator is given: checks its form, and scales its fractions to whole units."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import fields
from fractions import Fraction
from math import lcm
from typing import Any

from jeroboam.model.errors import Malformed
from jeroboam.model.quantities import MAX
from jeroboam.quota.policy import Policy, ReclaimFrom, Shortage, Strategy, Undershoot, WithinProject
from jeroboam.quota.tree import UNLIMITED, Amounts, Limit

Where = tuple[str | int, ...]
"""The keys and indices that lead to a place in the document."""

MAX_DEPTH = 32
_NUMBER = re.compile(r"-?\d{1,18}(\.\d{1,17})?([eE][-+]?\d{1,2})?|-?\d{1,18}/[1-9]\d{0,8}", re.ASCII)
_AMOUNTS = ("hard_limit", "lend_limit", "borrow_limit", "reserved", "amount")


class BadScenario(Malformed):
    """The document is not a scenario; `where` leads to the place."""

    def __init__(self, where: Where, message: str) -> None:
        super().__init__(f"cannot simulate: {'.'.join(map(str, where)) or 'the document'}: {message}")
        self.where = where


def mapping(value: Any, where: Where, allowed: set[str] | None = None) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise BadScenario(where, "should be a mapping of names to values")
    unknown = sorted(set(value) - allowed) if allowed is not None else []
    if unknown:
        raise BadScenario((*where, unknown[0]), f"is not known here; known are {', '.join(sorted(allowed or ()))}")
    return value


def sequence(value: Any, where: Where) -> list[Any]:
    if not isinstance(value, list):
        raise BadScenario(where, "should be a list")
    return value


def number(value: Any, where: Where, least: int = -MAX, most: int = MAX) -> Fraction:
    """A finite number from `least` to `most`, written as one or as text (0.5, "1/2")."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadScenario(where, "should be a number")
    written = str(value)
    if not _NUMBER.fullmatch(written):
        raise BadScenario(where, "should be a finite number of at most 18 digits")
    found = Fraction(written)
    if not least <= found <= most:
        raise BadScenario(where, f"should be from {least} to {most}")
    return found


def text(value: Any, where: Where) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadScenario(where, "should be a name")
    return str(value)


class Units:
    """Whole base units for the fractions of a document, and back."""

    def __init__(self, document: Any) -> None:
        self._scale: dict[str, int] = {}
        for resource, value in _written(document, 0):
            self._scale[resource] = lcm(self._scale.get(resource, 1), value.denominator)

    def amounts(self, value: Any, where: Where) -> Amounts:
        """{resource: units}, none of them below 0."""
        found = self.inward(value, where)
        for resource, units in found.items():
            if units < 0:
                raise BadScenario((*where, resource), "should not be below 0")
        return found

    def inward(self, value: Any, where: Where) -> Amounts:
        """{resource: units}; -1 stays -1."""
        found = {}
        for resource, amount in mapping(value, where).items():
            exact = number(amount, (*where, resource))
            whole = exact if exact == UNLIMITED else exact * self._scale.get(resource, 1)
            if exact < 0 and exact != UNLIMITED:
                raise BadScenario((*where, resource), "should not be below 0 (a limit may be -1: no bound)")
            found[resource] = int(whole)
        return found

    def outward(self, figures: Mapping[str, int | None]) -> dict[str, int | float]:
        return {r: self.out(r, v) for r, v in figures.items() if v is not None}

    def out(self, resource: str, value: int) -> int | float:
        whole, rest = divmod(value, self._scale.get(resource, 1))
        return whole if not rest else value / self._scale[resource]


def _written(value: Any, depth: int) -> Iterator[tuple[str, Fraction]]:
    """Every amount in the document, by resource; what is no number is found fault with later."""
    if depth > MAX_DEPTH * 2:
        raise BadScenario((), "is nested too deeply")
    for key, inner in (
        value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    ):
        if key in _AMOUNTS and isinstance(inner, Mapping):
            for resource, amount in inner.items():
                try:
                    yield str(resource), number(amount, ())
                except BadScenario:
                    continue
        else:
            yield from _written(inner, depth + 1)


def policy(value: Any, where: Where) -> Policy:
    """A policy as it is written in YAML; unknown words are refused."""
    given = dict(mapping(value, where, {f.name for f in fields(Policy)}))
    words = {"reclaim": ReclaimFrom, "within_project": WithinProject, "undershoot": Undershoot, "shortage": Shortage}
    for name, kind in words.items():
        if given.get(name) is not None:
            given[name] = _word(kind, given[name], (*where, name))
    if given.get("strategies") is not None:
        listed = sequence(given["strategies"], (*where, "strategies"))
        given["strategies"] = tuple(_word(Strategy, s, (*where, "strategies")) for s in listed)
    if given.get("grace_seconds") is not None:
        given["grace_seconds"] = float(number(given["grace_seconds"], (*where, "grace_seconds")))
    if given.get("max_priority") is not None:
        given["max_priority"] = int(number(given["max_priority"], (*where, "max_priority")))
    return Policy(**given)


def _word(kind: Any, value: Any, where: Where) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise BadScenario(where, f"should be one of {', '.join(kind)}") from error


def limits(node: Mapping[str, Any], units: Units, known: Mapping[str, Limit], where: Where) -> dict[str, Limit]:
    """The limits that a node has where `known` are those of its parent: hard 0, and no other bound, unless written."""
    hard = units.inward(node.get("hard_limit") or {}, (*where, "hard_limit"))
    lend = units.inward(node.get("lend_limit") or {}, (*where, "lend_limit"))
    borrow = units.inward(node.get("borrow_limit") or {}, (*where, "borrow_limit"))
    found = {}
    for resource in {**known, **hard, **lend, **borrow}:
        ends = [None if side.get(resource, UNLIMITED) < 0 else side[resource] for side in (lend, borrow)]
        found[resource] = Limit(hard.get(resource, 0), *ends)
    return found
