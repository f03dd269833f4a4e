"""What a change of the tree changed, in words: `hard_limit containers 8 -> 10, weight 1 -> 2`."""

from collections.abc import Mapping
from typing import Any

from cliff.columns import FormattableColumn

from jeroboam.cli.openstack.amounts import UNLIMITED, human, sentence

# How the audit writes the fields of a limit, and what its None says.
_LIMIT = {"hard": ("hard_limit", "-"), "lend": ("lend_limit", "all"), "borrow": ("borrow_limit", "unlimited")}
_NOTHING = {"hard": 0, "lend": None, "borrow": 0}
"""What a node has of a resource that nobody has limited there."""


class Difference(FormattableColumn[Any]):
    """A cell of what was and what became of it: words in a table, both documents for a program."""

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        super().__init__({"before": dict(before), "after": dict(after)})

    def human_readable(self) -> str:
        return "\n".join(differences(self._value["before"], self._value["after"]))


def differences(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """One piece of text for each thing that differs."""
    keys = sorted(before.keys() | after.keys())
    return [
        text for key in keys for text in _of(key, before.get(key), after.get(key)) if before.get(key) != after.get(key)
    ]


def _of(key: str, was: Any, became: Any) -> list[str]:
    kind, _, name = key.partition(".")
    if kind in ("limits", "child_defaults") and name:
        return _limits("" if kind == "limits" else "child default ", name, was or _NOTHING, became or _NOTHING)
    if kind == "amounts":
        return [f"{key} {sentence(was or {}) or '-'} -> {sentence(became or {}) or '-'}"]
    return [f"{key} {_plain(was)} -> {_plain(became)}"]


def _limits(prefix: str, resource: str, was: Mapping[str, Any], became: Mapping[str, Any]) -> list[str]:
    said = []
    for field, (word, nothing) in _LIMIT.items():
        old, new = (_units(resource, side.get(field), nothing) for side in (was, became))
        if old != new:
            said.append(f"{prefix}{word} {resource} {old} -> {new}")
    return said


def _units(resource: str, units: int | None, nothing: str) -> str:
    if units is None:
        return nothing
    return "unlimited" if units == UNLIMITED else human(resource, units)


def _plain(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        return ",".join(str(item) for item in value)
    if isinstance(value, bool):
        return str(value).lower()
    return f"{value:g}" if isinstance(value, float) else str(value)
