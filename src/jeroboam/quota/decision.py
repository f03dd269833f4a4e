"""What is asked and what is answered."""

from dataclasses import dataclass
from typing import Literal

from jeroboam.quota.policy import Shortage
from jeroboam.quota.reasons import Reason
from jeroboam.quota.tree import Amounts

Outcome = Literal["admitted", "refused", "reclaiming", "waiting"]


@dataclass(frozen=True, slots=True)
class Request:
    """`amounts` for `node_id`, all of them or nothing. `order` is its age: smaller is older.

    priority None: the usual one, or the most that the node allows. shortage None: as the node's policy says.
    reservation: the id of a reservation of the same node to draw from.
    """

    id: str
    node_id: str
    amounts: Amounts
    priority: int | None = None
    shortage: Shortage | str | None = None
    reservation: str | None = None
    reclaimable: bool = True
    order: int = 0


@dataclass(frozen=True, slots=True)
class Decision:
    """`victims` have to leave by `deadline` for a `reclaiming` request, by `rule` (policy.Ground)."""

    outcome: Outcome
    victims: tuple[str, ...] = ()
    reason: Reason | None = None
    deadline: float | None = None
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """What followed from a release: claims now admitted, and waiting claims that now have a reclaim of their own."""

    admitted: tuple[str, ...] = ()
    reclaiming: tuple[str, ...] = ()


ADMITTED = Decision("admitted")
NOTHING_FOLLOWS = Settled()
