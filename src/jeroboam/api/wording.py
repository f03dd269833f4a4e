"""What is wrong with a request, in sentences: pydantic's errors are for programmers.

What the caller sent is not repeated.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

MOST = 3
"""Fields that are named in one answer."""

_FORMS: dict[str, str] = {}
_BRANCH = re.compile(r"constrained-\w+|int|str|float|bool|none|\[key\]|(list|dict|literal|function-[a-z]+)\[.*\]")
"""How pydantic marks which branch of a union it has tried, or that it means a key: no part of the path."""
_TYPES = {
    "missing": "is missing",
    "extra_forbidden": "is not known here",
    "int": "has to be a whole number",
    "float": "has to be a number",
    "finite": "has to be a number",
    "string": "has to be text",
    "bool": "has to be true or false",
    "list": "has to be a list",
    "dict": "has to be an object ({...})",
    "model": "has to be an object ({...})",
    "json": "has to be JSON",
}
_BOUNDS = {
    "greater_than_equal": "has to be {ge:.16g} or more",
    "greater_than": "has to be more than {gt:.16g}",
    "less_than_equal": "has to be {le:.16g} at most",
    "less_than": "has to be less than {lt:.16g}",
    "string_too_short": "has to have {min_length} or more characters",
    "string_too_long": "has to have {max_length} characters at most",
    "too_short": "has to have {min_length} or more entries",
    "too_long": "has to have {max_length} entries at most",
    "literal_error": "has to be {expected}",
    "enum": "has to be {expected}",
}


def form(pattern: str, words: str) -> str:
    """The pattern itself; who does not match it is told `words`."""
    _FORMS[pattern] = words
    return pattern


def sentence(errors: Sequence[Mapping[str, Any]], body: Any = None) -> str:
    """The first few fields that are wrong, each with what it has to be. `body` tells which part of a path was sent."""
    fields: dict[str, list[Mapping[str, Any]]] = {}
    for error in errors:
        fields.setdefault(_field(error["loc"], body), []).append(error)
    parts = [f"{field[:100]} {_wanted(of_field)}" for field, of_field in list(fields.items())[:MOST]]
    more = f" (and {len(fields) - MOST} more)" if len(fields) > MOST else ""
    return f"cannot read the request: {'; '.join(parts)}{more}"


def _field(loc: Sequence[Any], sent: Any) -> str:
    path = []
    for part in loc[1:]:
        if isinstance(sent, dict | list) and part in (sent if isinstance(sent, dict) else range(len(sent))):
            sent = sent[part]  # a key is one even where it is called like a branch: a label `int`
        elif isinstance(part, str) and _BRANCH.fullmatch(part):
            continue
        path.append(str(part))
    return ".".join(path) or f"the {loc[0]}"


def _wanted(errors: Sequence[Mapping[str, Any]]) -> str:
    """Of a union the branch that came furthest: a number that is too large was a number at least."""
    told = [error for error in errors if error["type"] in _BOUNDS] or errors
    told = [error for error in told if error["type"] == "string_pattern_mismatch"] or told
    return " or ".join(dict.fromkeys(_words(error) for error in told)).replace(" or has to be ", " or ")[:300]


def _words(error: Mapping[str, Any]) -> str:
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _BOUNDS:
        return _BOUNDS[kind].format(**context)
    if kind == "string_pattern_mismatch":
        pattern = str(context["pattern"])
        return _FORMS.get(pattern, f"has to match {pattern}")
    if kind == "value_error":
        return f"cannot be used: {str(error['msg']).removeprefix('Value error, ')}"
    return _TYPES.get(kind) or _TYPES.get(kind.partition("_")[0]) or f"cannot be used: {error['msg']}"
