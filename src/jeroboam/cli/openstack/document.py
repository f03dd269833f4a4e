"""The file of `quota tree apply` and `quota tree export`: a tree of limits as people write it, and as the API takes it.

Amounts are those of the command line (vcpus: 1.5, memory: 2g); the API's are in base units.
"""

from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from jeroboam.cli.marked import BadFile, Items, Pairs, Text, Value
from jeroboam.cli.openstack import policies
from jeroboam.cli.openstack.amounts import UNLIMITED, parse, plain
from jeroboam.model.errors import Malformed
from jeroboam.model.names import check_resource
from jeroboam.quota.forms import BadForm, number

LIMITS = ("hard_limit", "lend_limit", "borrow_limit")
KEYS = ("name", "id", *LIMITS, "weight", "policy", "child_defaults", "children")
WORDS: Mapping[str, Mapping[str, int | None]] = {
    "hard_limit": {"unlimited": UNLIMITED, "-1": UNLIMITED},
    "lend_limit": {"all": None},
    "borrow_limit": {"unlimited": None},
}


def tree(value: Value) -> dict[str, Any]:
    """The node at the top of the file, as the API takes it. Raises BadFile."""
    return _node(pairs(value, "a project", "name: org", KEYS))


def _node(node: Pairs) -> dict[str, Any]:
    if "name" not in node.pairs and "id" not in node.pairs:
        raise BadFile(node.line, "this project has no name; write `name: team1`")
    found: dict[str, Any] = {}
    for key, value in node.pairs.items():
        if not _nothing(value):
            found[key] = _READERS[key](value, key)
    return found


def _text(value: Value, key: str, what: str = "text") -> str:
    if not isinstance(value, Text) or not value.text:
        raise BadFile(value.line, f"{key} has to be {what}")
    return value.text


def _amounts(value: Value, key: str) -> dict[str, int | None]:
    found = {}
    given = pairs(value, key, "{containers: 8}")
    for resource, amount in given.pairs.items():
        line, words = given.lines[resource], WORDS[key]
        with _bad(line, key):
            check_resource(resource)
        text = _text(amount, f"{key} of {resource}", "an amount")
        with _bad(line, key, "" if text[0].isdigit() else f", or {' or '.join(words)}"):
            found[resource] = words[text] if text in words else parse(resource, text)
    return found


@contextmanager
def _bad(line: int, key: str, further: str = "") -> Iterator[None]:
    try:
        yield
    except Malformed as error:
        raise BadFile(line, f"{key}: {error}{further}") from None


def _weight(value: Value, key: str) -> Any:
    text = _text(value, key, "a number or a fraction (1/3)")
    try:
        number(text, ())  # which takes no such power of ten as would fill the memory
        return policies.weight(text)
    except (BadForm, ArgumentTypeError):
        raise BadFile(value.line, f"cannot read {text[:20]!r} as a weight: write 2, 0.5, 1/3 or 0") from None


def _policy(value: Value, key: str) -> dict[str, Any]:
    given = pairs(value, key, "{reclaim: never}", tuple(policies.READERS))
    return {rule: _rule(rule, value) for rule, value in given.pairs.items() if not _nothing(value)}


def _nothing(value: Value) -> bool:
    return isinstance(value, Text) and value.empty


def _rule(rule: str, value: Value) -> Any:
    if isinstance(value, Items):  # strategies
        value = Text(value.line, ",".join(_text(item, rule) for item in value.items))
    return _checked(value, rule, policies.READERS[rule])


def _checked(value: Value, key: str, reader: Callable[[str], Any]) -> Any:
    text = _text(value, key)
    try:
        return reader(text)
    except ValueError as error:
        raise BadFile(value.line, f"cannot set {key} to {text[:40]!r}: {error}") from None


def _defaults(value: Value, key: str) -> dict[str, Any]:
    given = pairs(value, key, "{hard_limit: {containers: 8}}", LIMITS)
    return {word: _amounts(amounts, word) for word, amounts in given.pairs.items()}


def _children(value: Value, key: str) -> list[dict[str, Any]]:
    if not isinstance(value, Items):
        raise BadFile(value.line, "children has to be a list; begin each with `- name: ...`")
    found: dict[str, dict[str, Any]] = {}
    lines: dict[str, int] = {}
    for child in value.items:
        node = _node(pairs(child, "a project", "name: team1", KEYS))
        called = str(node.get("id", node.get("name")))
        if called in found:
            raise BadFile(child.line, f"{called[:60]!r} stands here twice; it was on line {lines[called]}")
        found[called], lines[called] = node, child.line
    return [*found.values()]


_READERS: Mapping[str, Callable[[Value, str], Any]] = {
    "name": _text,
    "id": _text,
    "hard_limit": _amounts,
    "lend_limit": _amounts,
    "borrow_limit": _amounts,
    "weight": _weight,
    "policy": _policy,
    "child_defaults": _defaults,
    "children": _children,
}


def pairs(value: Value, what: str, example: str, known: tuple[str, ...] | None = None) -> Pairs:
    """`value`, which has to be a mapping with none but `known` keys. Raises BadFile."""
    if not isinstance(value, Pairs):
        raise BadFile(value.line, f"{what} has to be a mapping of names to values; write, say, `{example}`")
    for key, line in value.lines.items():
        if known is not None and key not in known:
            raise BadFile(line, f"{key[:60]!r} is not known here; known are {', '.join(known)}")
    return value


def written(node: Mapping[str, Any]) -> dict[str, Any]:
    """A node of the API as the file has it: only what differs from what a reader would assume."""
    found: dict[str, Any] = {"name": node["name"], "id": node["id"]}
    for word in LIMITS:
        amounts = {r: _said(word, r, units) for r, units in sorted(node[word].items())}
        if amounts:
            found[word] = amounts
    if node["weight"] != "1":
        found["weight"] = int(node["weight"]) if node["weight"].isdigit() else node["weight"]
    if rules := {key: value for key, value in node["policy"].items() if value is not None}:
        found["policy"] = {key: _short(value) for key, value in rules.items()}
    if node["child_defaults"]:
        found["child_defaults"] = {
            word: {r: _said(word, r, limit[word]) for r, limit in sorted(node["child_defaults"].items())}
            for word in LIMITS
        }
    return found


def _short(value: Any) -> Any:
    """Seconds without the point that JSON has put there."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _said(word: str, resource: str, units: int | None) -> int | float | str:
    if units is None:
        return "all" if word == "lend_limit" else "unlimited"
    return "unlimited" if word == "hard_limit" and units == UNLIMITED else plain(resource, units)
