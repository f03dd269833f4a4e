"""The rules that a node may set for itself and everything below it. None: as the parent has it."""

from dataclasses import dataclass, fields
from enum import StrEnum

MAX_GRACE = 86400
"""Seconds of notice at most."""
MAX_PRIORITY = 100
MAX_WEIGHT = 10**6


class ReclaimFrom(StrEnum):
    """From whom a request of this node may take back."""

    ANY = "any"
    LOWER_PRIORITY = "lower_priority"
    NEVER = "never"


class WithinProject(StrEnum):
    """Which of its own claims a project may displace."""

    NEVER = "never"
    LOWER_PRIORITY = "lower_priority"
    LOWER_OR_NEWER = "lower_or_newer"


class Strategy(StrEnum):
    """How fairness compares a requester that is above its own with a victim's side."""

    FINAL_SHARE = "final_share"  # requester after <= victim after
    INITIAL_SHARE = "initial_share"  # requester after < victim before


class Undershoot(StrEnum):
    """May a big claim be taken if its node then falls below its own?"""

    GUARANTEE = "guarantee"  # only for a requester within its own
    FORBID = "forbid"
    ALLOW = "allow"


class Shortage(StrEnum):
    """What happens to a request that does not fit and is not entitled."""

    REFUSE = "refuse"
    WAIT = "wait"


class Ground(StrEnum):
    """Why a request may take from somebody."""

    GUARANTEE = "guarantee"
    """Its side is within its own, and takes that back."""
    FAIR_SHARE = "fair_share"
    """It has no more than the other then, by their weights."""
    WITHIN_PROJECT = "within_project"
    """Its own project has lower priorities displaced."""
    LEFT_OVER = "left_over"
    """Nobody has to leave for it alone: those who leave for others free more than these need."""


DEFAULT_PRIORITY = 50


@dataclass(frozen=True, slots=True)
class Policy:
    """`grace_seconds`: notice that a victim of this node gets. `reclaimable`: False opts every new claim out."""

    reclaim: ReclaimFrom | None = None
    within_project: WithinProject | None = None
    strategies: tuple[Strategy, ...] | None = None
    undershoot: Undershoot | None = None
    shortage: Shortage | None = None
    grace_seconds: float | None = None
    max_priority: int | None = None
    reclaimable: bool | None = None

    def over(self, inherited: "Effective") -> "Effective":
        """The rules in force where `inherited` holds above and this policy is set."""
        if self is INHERIT or self == INHERIT:
            return inherited
        return Effective(*(getattr(inherited, k) if (v := getattr(self, k)) is None else v for k in _RULES))


_RULES = tuple(f.name for f in fields(Policy))


@dataclass(frozen=True, slots=True)
class Effective:
    """The rules in force at a node: a policy with nothing left to inherit."""

    reclaim: ReclaimFrom = ReclaimFrom.ANY
    within_project: WithinProject = WithinProject.NEVER
    strategies: tuple[Strategy, ...] = (Strategy.FINAL_SHARE,)
    undershoot: Undershoot = Undershoot.GUARANTEE
    shortage: Shortage = Shortage.REFUSE
    grace_seconds: float = 0
    max_priority: int = 100
    reclaimable: bool = True

    def priority(self, named: int | None) -> int:
        """What a request has that names none: the usual one, or the most that is allowed here."""
        return min(DEFAULT_PRIORITY, self.max_priority) if named is None else named


INHERIT = Policy()
DEFAULTS = Effective()
