"""Conditions: what is true of an object at present, since when and why, in words a person can read."""

from dataclasses import dataclass
from enum import StrEnum


class ConditionType(StrEnum):
    ACCEPTED = "Accepted"
    QUOTA_RESERVED = "QuotaReserved"
    PROGRESSING = "Progressing"
    READY = "Ready"
    STALLED = "Stalled"
    DRIFTED = "Drifted"


@dataclass(frozen=True, slots=True)
class Condition:
    """`since`: when `status` last changed; `deadline`: when the wait ends, if known. Seconds since the epoch."""

    type: ConditionType
    status: bool
    reason: str
    message: str = ""
    since: float = 0.0
    deadline: float | None = None


Conditions = tuple[Condition, ...]


def find(conditions: Conditions, type: ConditionType) -> Condition | None:
    return next((c for c in conditions if c.type == type), None)


def put(conditions: Conditions, new: Condition) -> Conditions:
    """`conditions` with `new` in the place of its type; `since` stays where the status did not change."""
    old = find(conditions, new.type)
    if old is not None and old.status == new.status:
        new = Condition(new.type, new.status, new.reason, new.message, old.since, new.deadline)
    return (*(c for c in conditions if c.type != new.type), new)


def drop(conditions: Conditions, *types: ConditionType) -> Conditions:
    return tuple(c for c in conditions if c.type not in types)
