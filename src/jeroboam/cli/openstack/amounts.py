"""Quantities as people write and read them; base units (thousandths of a vCPU, MiB, whole things) for programs."""

import argparse
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from cliff.columns import FormattableColumn

from jeroboam.model.errors import Malformed
from jeroboam.model.names import check_resource
from jeroboam.model.quantities import MAX, MEMORY, VCPUS, parse_memory, parse_vcpus

UNLIMITED = -1
_WHOLE = re.compile(r"\d+", re.ASCII)
_DIGITS = len(str(MAX))

AMOUNTS = "vcpus in CPUs (1.5, 1500m), memory in MiB or with a unit (512, 2g), everything else whole"


def parse(resource: str, text: str) -> int:
    """Base units; nothing is rounded. Raises Malformed."""
    if resource == VCPUS:
        return parse_vcpus(text, exact=True)
    if resource == MEMORY:
        return parse_memory(text, exact=True)
    digits = text.strip()
    if not _WHOLE.fullmatch(digits):
        raise Malformed(f"cannot read {text[:40]!r} as an amount of {resource}: write a whole number")
    if len(digits.lstrip("0")) > _DIGITS or int(digits) > MAX:
        raise Malformed(f"cannot take so many {resource}: the most is {MAX}")
    return int(digits)


def whole(least: int, most: int) -> Callable[[str], int]:
    """Reads an option that is a number of these."""

    def read(text: str) -> int:
        if not (_WHOLE.fullmatch(text) and len(text) < 16 and least <= int(text) <= most):
            raise argparse.ArgumentTypeError(f"cannot read {text[:20]!r}: write a whole number from {least} to {most}")
        return int(text)

    return read


def human(resource: str, units: int) -> str:
    """`units` as `parse` reads them, and with MiB behind memory."""
    if resource == VCPUS:
        return f"{(Decimal(units) / 1000).normalize():f}"
    return f"{units} MiB" if resource == MEMORY else str(units)


def plain(resource: str, units: int) -> int | float:
    """`units` as a number for a file that people edit: vcpus in CPUs."""
    if resource != VCPUS:
        return units
    return units // 1000 if units % 1000 == 0 else units / 1000


def sentence(amounts: Mapping[str, int]) -> str:
    return ", ".join(f"{resource}={human(resource, units)}" for resource, units in sorted(amounts.items()))


class Amount(FormattableColumn[Any]):
    """A cell: `1.5` in a table, 1500 for a program. `nothing` and `unbounded` are the words for None and for -1."""

    def __init__(self, resource: str, units: int | None, nothing: str = "", unbounded: str | None = None) -> None:
        super().__init__(units)
        self._resource = resource
        self._nothing = nothing
        self._unbounded = unbounded

    def human_readable(self) -> str:
        if self._value is None:
            return self._nothing
        if self._value == UNLIMITED and self._unbounded is not None:
            return self._unbounded
        return human(self._resource, self._value)


class Amounts(FormattableColumn[Any]):
    """A cell of several resources: `containers=4, vcpus=1.5`."""

    def human_readable(self) -> str:
        return sentence(self._value or {})


class Gather(argparse.Action):
    """`--hard containers=8,vcpus=4 --hard memory=2g` -> {"containers": 8, "vcpus": 4000, "memory": 2048}.

    `words` are the values that stand for something that is no amount: {"unlimited": None}.
    """

    def __init__(self, *args: Any, words: Mapping[str, int | None] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self._words = words or {}

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        gathered = dict(getattr(namespace, self.dest) or {})
        try:
            for part in values.split(","):
                resource, amount = self._pair(part)
                if resource in gathered:
                    raise Malformed(f"{resource} is given twice")
                gathered[resource] = amount
        except Malformed as error:
            raise argparse.ArgumentError(self, str(error)) from None
        setattr(namespace, self.dest, gathered)

    def _pair(self, text: str) -> tuple[str, int | None]:
        resource, equals, amount = text.strip().partition("=")
        if not equals:
            raise Malformed(f"cannot read {text[:40]!r}: write RESOURCE=AMOUNT, say containers=8")
        check_resource(resource)
        if amount in self._words:
            return resource, self._words[amount]
        try:
            return resource, parse(resource, amount)
        except Malformed as error:
            words = f", or {' or '.join(self._words)}" if self._words else ""
            raise Malformed(f"{error}{words}") from None
