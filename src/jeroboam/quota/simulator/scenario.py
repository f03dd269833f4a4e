"""Reads what the simulator is given: checks its form, and scales its fractions to whole units."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import lcm
from typing import Any

from jeroboam.model.quantities import VCPUS
from jeroboam.quota.forms import BadForm, Where, mapping, number, part, text
from jeroboam.quota.tree import UNLIMITED, Amounts, Limit

MAX_DEPTH = 32
THOUSANDTHS = 1000
FINEST = 10**18
"""No resource is divided finer."""

LIMITS = ("hard_limit", "lend_limit", "borrow_limit")
_AMOUNTS = (*LIMITS, "reserved", "amount")
_ENDLESS = ("unlimited", "all")


class Units:
    """Whole base units for the fractions of a document, and back. vcpus are divided as finely as the API counts them:
    a document that has them in whole CPUs alone (an export) says nothing against parts of one.
    """

    def __init__(self, document: Any) -> None:
        self._scale = {VCPUS: THOUSANDTHS}
        for resource, value, where in _written(document, ()):
            self._scale[resource] = lcm(self._scale.get(resource, 1), value.denominator)
            if self._scale[resource] > FINEST:
                raise BadForm(
                    where, f"cannot be divided together with the other amounts of {resource}: use fewer digits"
                )

    def amounts(self, value: Any, where: Where) -> Amounts:
        """{resource: units}, none of them below 0."""
        return {
            _resource(r, where): self._units(r, number(a, (*where, r)), (*where, r))
            for r, a in mapping(value, where).items()
        }

    def limits(self, whole: Mapping[str, Any], key: str, where: Where) -> Amounts:
        """{resource: units} at `key`; -1, `unlimited` and `all` are -1, nothing written is {}."""
        found, where = {}, (*where, key)
        for resource, amount in part(whole, key, where[:-1]).items():
            place = (*where, _resource(resource, where))
            exact = Fraction(UNLIMITED) if amount in _ENDLESS else number(amount, place)
            found[resource] = UNLIMITED if exact == UNLIMITED else self._units(resource, exact, place)
        return found

    def _units(self, resource: str, exact: Fraction, where: Where) -> int:
        if exact < 0:
            raise BadForm(where, "should not be below 0 (only a limit may be -1: no bound)")
        return int(exact * self._scale.get(resource, 1))

    def outward(self, figures: Mapping[str, int | None]) -> dict[str, int | float]:
        return {r: self.out(r, v) for r, v in figures.items() if v is not None}

    def out(self, resource: str, value: int) -> int | float:
        whole, rest = divmod(value, self._scale.get(resource, 1))
        return whole if not rest else value / self._scale[resource]


def _resource(name: str, where: Where) -> str:
    try:
        return text(name, where)
    except BadForm:
        raise BadForm(where, "should name each resource, in up to 255 characters that can be seen") from None


def shown(value: float) -> str:
    """A number in a sentence: whole ones exactly."""
    return str(value) if isinstance(value, int) else f"{value:.12g}"


def _written(value: Any, where: Where) -> Iterator[tuple[str, Fraction, Where]]:
    """Every amount in the document, with its resource and place; what is no number is found fault with later."""
    if len(where) > MAX_DEPTH * 2:
        raise BadForm((), "is nested too deeply")
    inside = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in inside:
        if key in _AMOUNTS and isinstance(inner, Mapping):
            for resource, amount in inner.items():
                try:
                    yield str(resource), number(amount, ()), (*where, key, resource)
                except BadForm:
                    continue
        else:
            yield from _written(inner, (*where, key))


def limits(node: Mapping[str, Any], units: Units, known: Mapping[str, Limit], where: Where) -> dict[str, Limit]:
    """The limits that a node has where `known` are those of its parent: hard 0, and no other bound, unless written."""
    hard, lend, borrow = (units.limits(node, word, where) for word in LIMITS)
    found = {}
    for resource in {**known, **hard, **lend, **borrow}:
        ends = [None if side.get(resource, UNLIMITED) < 0 else side[resource] for side in (lend, borrow)]
        found[resource] = Limit(hard.get(resource, 0), *ends)
    return found


def child_defaults(spec: Mapping[str, Any], units: Units, where: Where) -> dict[str, Limit] | None:
    """What projects made below the node start with; None: nothing is written."""
    if spec.get("child_defaults") is None:
        return None
    return limits(part(spec, "child_defaults", where, set(LIMITS)), units, {}, (*where, "child_defaults"))
