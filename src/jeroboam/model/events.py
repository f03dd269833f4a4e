"""Events: one row per thing that happened to an object, in the order in which it was committed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class EventType(StrEnum):
    CREATED = "created"
    UPDATED = "updated"
    PHASE = "phase"
    PULL = "pull"
    ACTION = "action"
    QUOTA = "quota"
    EVICTING = "evicting"
    EVICTED = "evicted"
    READMITTED = "readmitted"
    DRIFTED = "drifted"
    DELETED = "deleted"
    LIMITS = "limits"


@dataclass(frozen=True, slots=True)
class Event:
    """`seq` is stable and grows; 0 means not stored yet. `at` is in seconds since the epoch."""

    type: EventType
    kind: str
    object_id: str
    project_id: str
    at: float
    message: str = ""
    name: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    request_id: str | None = None
    seq: int = 0
