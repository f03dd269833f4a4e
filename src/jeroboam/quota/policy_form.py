"""Reads a policy as people write it."""

from dataclasses import fields
from typing import Any

from jeroboam.quota.forms import BadForm, Where, flag, mapping, seconds, sequence, whole
from jeroboam.quota.policy import Policy, ReclaimFrom, Shortage, Strategy, Undershoot, WithinProject

HIGHEST = 2**31 - 1
"""Of priorities."""


def policy(value: Any, where: Where) -> Policy:
    """A policy as it is written in YAML (None: nothing is); unknown words are refused."""
    given = dict(mapping({} if value is None else value, where, {f.name for f in fields(Policy)}))
    words = {"reclaim": ReclaimFrom, "within_project": WithinProject, "undershoot": Undershoot, "shortage": Shortage}
    for name, kind in words.items():
        if given.get(name) is not None:
            given[name] = _word(kind, given[name], (*where, name))
    if given.get("strategies") is not None:
        listed = sequence(given["strategies"], (*where, "strategies"))
        given["strategies"] = tuple(_word(Strategy, s, (*where, "strategies")) for s in listed)
    if given.get("grace_seconds") is not None:
        given["grace_seconds"] = seconds(given["grace_seconds"], (*where, "grace_seconds"))
    if given.get("max_priority") is not None:
        given["max_priority"] = whole(given["max_priority"], (*where, "max_priority"), 0, HIGHEST)
    if given.get("reclaimable") is not None:
        given["reclaimable"] = flag(given["reclaimable"], (*where, "reclaimable"))
    return Policy(**given)


def _word(kind: Any, value: Any, where: Where) -> Any:
    try:
        return kind(value)
    except ValueError as error:
        raise BadForm(where, f"should be one of {', '.join(kind)}") from error
