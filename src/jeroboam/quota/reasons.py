"""Why not: data first (rule, node, resource, figures, what would help), sentences second. Codes are API."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from jeroboam.model.errors import Problem

Name = Callable[[str], str]
Format = Callable[[str, int], str]


LAST = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()


FAIR = frozenset({"has", "waits", "asks", "deserved", "fair_now"})
"""What a requester has, waits for, asks for, deserves, and could have now."""


def at_utc(at: float) -> str:
    """A time in words; what lies beyond the calendar is its end."""
    return datetime.fromtimestamp(int(min(at, LAST)), UTC).isoformat(timespec="seconds")


@dataclass(frozen=True, slots=True)
class Help:
    """One thing that would help. `node` is who could do it (an id), `figures` how much, `at` when.

    `amounts`: how much of each resource, where several are meant. `nodes`: ids of those to change, in this order.
    `reservation`: the name of the one to draw from.
    """

    code: str
    node: str | None = None
    figures: Mapping[str, int] = field(default_factory=dict)
    at: float | None = None
    amounts: Mapping[str, int] = field(default_factory=dict)
    nodes: tuple[str, ...] = ()
    reservation: str | None = None

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "node": self.node,
            "figures": dict(self.figures),
            "at": self.at,
            "amounts": dict(self.amounts),
            "nodes": list(self.nodes),
            "reservation": self.reservation,
        }


@dataclass(frozen=True, slots=True)
class Reason:
    """`node` is an id (None: it may not be named to this reader), `figures` are base units of `resource`.

    `decides`: the resource by which fairness said no; what the requester has, asks for and deserves is in its units.
    `reservation`: the name of the one that the request is about. `never`: it would not fit either if nothing else ran.
    `about`: the id of the node that was to be changed, where `node` is another.
    """

    code: str
    node: str | None = None
    resource: str | None = None
    figures: Mapping[str, int] = field(default_factory=dict)
    rule: str = ""
    helps: tuple[Help, ...] = ()
    decides: str | None = None
    reservation: str | None = None
    never: bool = False
    about: str | None = None

    def unit(self, word: str) -> str | None:
        """The resource that this figure counts."""
        return self.decides if self.decides and word in FAIR else self.resource

    def as_dict(self) -> dict[str, Any]:
        return {
            "code": self.code,
            "node": self.node,
            "resource": self.resource,
            "figures": dict(self.figures),
            "rule": self.rule,
            "helps": [h.as_dict() for h in self.helps],
            "decides": self.decides,
            "reservation": self.reservation,
            "never": self.never,
            "about": self.about,
        }

    def sentence(
        self,
        name: Name | Mapping[str, str] | None = None,
        amount: Format | None = None,
        when: Callable[[float], str] = at_utc,
    ) -> str:
        """In words. `name` turns a node's id into what people call it, `amount(resource, units)` writes quantities."""
        from jeroboam.quota.sentences import write

        return write(self, name, amount, when)


class QuotaConflict(Problem):
    """A change of the tree that its state does not allow now; `reason` says why."""

    code, status, title = "quota_conflict", 409, "The quota tree does not allow it"

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.sentence(), **reason.as_dict())
        self.reason = reason
