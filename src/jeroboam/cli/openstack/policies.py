"""Rules of a node on the command line: `--policy grace_seconds=30`."""

import argparse
import re
from collections.abc import Callable
from fractions import Fraction
from typing import Any

HELP = (
    "One of reclaim=any|lower_priority|never, within_project=never|lower_priority|lower_or_newer, "
    "strategies=final_share,initial_share, undershoot=guarantee|forbid|allow, shortage=refuse|wait, "
    "grace_seconds=N, max_priority=N, reclaimable=true|false; KEY= inherits it again (repeatable)"
)


class PolicyAction(argparse.Action):
    """`--policy reclaim=never --policy grace_seconds=` -> {"reclaim": "never", "grace_seconds": None}."""

    def __call__(self, parser: Any, namespace: Any, values: Any, option: str | None = None) -> None:
        key, equals, text = values.partition("=")
        if not equals or key not in READERS:
            known = ", ".join(READERS)
            raise argparse.ArgumentError(self, f"cannot read {values[:60]!r}: write KEY=VALUE, KEY one of {known}")
        try:
            value = READERS[key](text) if text else None
        except ValueError as error:
            raise argparse.ArgumentError(self, f"cannot set {key} to {text[:40]!r}: {error}") from None
        setattr(namespace, self.dest, {**(getattr(namespace, self.dest) or {}), key: value})


_WEIGHT = re.compile(r"[\d./]{1,15}", re.ASCII)
"""What Fraction reads, or refuses, without much work: an exponent could be any power of ten."""


def weight(text: str) -> int | str:
    """A fraction as the API takes it: 3, or "3/2"."""
    try:
        fraction = Fraction(text) if _WEIGHT.fullmatch(text) else Fraction(-1)
    except (ValueError, ZeroDivisionError):
        fraction = Fraction(-1)
    if fraction < 0 or fraction.numerator > 10**6 or fraction.denominator > 10**6:
        raise argparse.ArgumentTypeError(f"cannot read {text[:20]!r} as a weight: write 2, 0.5, 1/3 or 0")
    return fraction.numerator if fraction.denominator == 1 else str(fraction)


def _word(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"it is one of {', '.join(words)}")
        return text

    return read


def _seconds(text: str) -> int | float:
    value = float(text) if _number(text) else -1.0
    if not 0 <= value <= 86400:
        raise ValueError("it is a number of seconds from 0 to 86400")
    return int(value) if value.is_integer() else value


def _number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit() and text.isascii() and len(text) < 20


def _priority(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 4 and int(text) <= 100):
        raise ValueError("it is a whole number from 0 to 100")
    return int(text)


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError("it is true or false")
    return text.lower() == "true"


def _strategies(text: str) -> list[str]:
    return [_word("final_share", "initial_share")(part.strip()) for part in text.split(",")]


READERS: dict[str, Callable[[str], Any]] = {
    "reclaim": _word("any", "lower_priority", "never"),
    "within_project": _word("never", "lower_priority", "lower_or_newer"),
    "strategies": _strategies,
    "undershoot": _word("guarantee", "forbid", "allow"),
    "shortage": _word("refuse", "wait"),
    "grace_seconds": _seconds,
    "max_priority": _priority,
    "reclaimable": _truth,
}
