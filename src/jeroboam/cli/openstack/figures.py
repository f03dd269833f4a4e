"""The figures of a node as rows of a table: one per resource, in the words of the model."""

import argparse
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from jeroboam.cli.openstack.amounts import UNLIMITED, Amount

SHORT = ("hard_limit", "used", "reserved", "allocated", "free", "borrowed", "lent", "deserved", "fair_now")
WORDS = (
    "hard_limit",
    "lend_limit",
    "borrow_limit",
    "used",
    "reserved",
    "allocated",
    "free",
    "borrowed",
    "lent",
    "deserved",
    "fair_now",
    "debt",
)
_NONE = {"lend_limit": "all", "borrow_limit": "unlimited"}


def everything(parsed_args: argparse.Namespace) -> bool:
    """Programs get all columns, and so does who names some; people get what fits on a screen unless they say --long."""
    return bool(parsed_args.long or parsed_args.columns or parsed_args.formatter != "table")


def words(nodes: Iterable[Mapping[str, Any]], wide: bool) -> Sequence[str]:
    """The columns to show. Debt is never left out where there is some."""
    if wide:
        return WORDS
    indebted = any(units for node in nodes for units in (node.get("debt") or {}).values())
    return (*SHORT, "debt") if indebted else SHORT


def resources(node: Mapping[str, Any], only: str | None = None) -> list[str]:
    """The resources that a node has a figure for, by name."""
    found = {resource for word in WORDS for resource in node.get(word) or {}}
    return sorted(found if only is None else found & {only})


def cells(node: Mapping[str, Any], resource: str, columns: Sequence[str]) -> list[Amount]:
    return [_cell(node, resource, word) for word in columns]


def _cell(node: Mapping[str, Any], resource: str, word: str) -> Amount:
    units = (node.get(word) or {}).get(resource)
    known = resource in (node.get("hard_limit") or {})
    return Amount(
        resource, units, _NONE.get(word, "") if known else "", "unlimited" if _open(node, resource, word) else None
    )


def _open(node: Mapping[str, Any], resource: str, word: str) -> bool:
    """Whether -1 means that nothing bounds it. A `free` of -1 may also be one too many."""
    if word == "free":
        return bool(node["hard_limit"].get(resource) == UNLIMITED)
    return word in ("hard_limit", "deserved", "fair_now")


def policy(rules: Mapping[str, Any] | None) -> str:
    """`grace_seconds=30, reclaim=any`: what is set at the node itself, as --policy takes it."""
    return ", ".join(f"{key}={_said(value)}" for key, value in sorted((rules or {}).items()) if value is not None)


def _said(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return ",".join(value) if isinstance(value, list) else str(value)
