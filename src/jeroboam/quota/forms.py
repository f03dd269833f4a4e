"""Reads the parts of a document: mappings, lists, numbers, names. What is of another form is refused with its place."""

import re
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

Where = tuple[str | int, ...]
"""The keys and indices that lead to a place in the document."""

LARGEST = 10**18
"""No number is as large."""

_NUMBER = re.compile(
    r"[-+]?(\d{1,18}(\.\d{0,17})?|\.\d{1,17})([eE][-+]?\d{1,2})?|-?\d{1,18}/0{0,8}[1-9]\d{0,8}", re.ASCII
)


class BadForm(Exception):
    """The document is not of the form; `where` leads to the place, `problem` says it (in lists counted from 1, as
    people do) and what is wrong there. What could not be done with the document is for the caller to say.
    """

    def __init__(self, where: Where, message: str) -> None:
        self.where = where
        place = ".".join(str(step + 1 if isinstance(step, int) else step)[:60] for step in where)
        self.problem = f"{place or 'the document'} {message}"
        super().__init__(self.problem)


def mapping(value: Any, where: Where, allowed: set[str] | None = None) -> Mapping[str, Any]:
    known = f"; known are {', '.join(sorted(allowed))}" if allowed else ""
    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        raise BadForm(where, f"{_should(value)} be a mapping of names to values{known}")
    unknown = sorted(set(value) - allowed) if allowed is not None else []
    if unknown:
        raise BadForm((*where, unknown[0]), f"is not known here{known}")
    return value


def _should(value: Any) -> str:
    return "is missing; it should" if value is None else "should"


def part(whole: Mapping[str, Any], key: str, where: Where, allowed: set[str] | None = None) -> Mapping[str, Any]:
    """The mapping at `key`; empty if nothing is written there."""
    return {} if whole.get(key) is None else mapping(whole[key], (*where, key), allowed)


def sequence(value: Any, where: Where) -> list[Any]:
    if not isinstance(value, list):
        raise BadForm(where, "should be a list")
    return value


def items(whole: Mapping[str, Any], key: str, where: Where) -> list[Any]:
    """The list at `key`; empty if nothing is written there."""
    return [] if whole.get(key) is None else sequence(whole[key], (*where, key))


def number(value: Any, where: Where, least: int = -LARGEST, most: int = LARGEST) -> Fraction:
    """A finite number from `least` to `most`, written as one or as text (0.5, "1/2")."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise BadForm(where, f"{_should(value)} be a number")
    written = str(value) if not isinstance(value, int) or abs(value) < LARGEST else ""
    found = Fraction(written) if _NUMBER.fullmatch(written) else None
    if found is None or abs(found) >= LARGEST:
        raise BadForm(where, "should be a number of at most 18 digits, or a fraction (1/3)")
    if not least <= found <= most:
        raise BadForm(where, f"should be from {least} to {most}")
    return found


def whole(value: Any, where: Where, least: int, most: int) -> int:
    found = number(value, where)
    if found.denominator != 1 or not least <= found <= most:
        raise BadForm(where, f"should be a whole number from {least} to {most}")
    return int(found)


def seconds(value: Any, where: Where) -> float:
    found = number(value, where)
    if found < 0:
        raise BadForm(where, "should not be below 0")
    return float(found)


def flag(value: Any, where: Where) -> bool:
    if not isinstance(value, bool):
        raise BadForm(where, "should be true or false")
    return value


def text(value: Any, where: Where) -> str:
    """A name: one line of characters that can be seen."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise BadForm(where, f"{_should(value)} be a name")
    found = str(value) if isinstance(value, str) or abs(value) < LARGEST else ""
    if not found.isprintable() or not 0 < len(found) <= 255:
        raise BadForm(where, "should be a name of 1 to 255 characters that can be seen")
    return found
