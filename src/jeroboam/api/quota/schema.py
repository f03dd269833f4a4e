"""What comes in about the tree, and what it becomes inside. Quantities in base units: vcpus in thousandths, MiB."""

from fractions import Fraction
from typing import Annotated, Any, Literal

from pydantic import Field, StrictBool, StrictFloat, StrictInt

from jeroboam.api.containers.fields import Body, QueryFlag
from jeroboam.api.wording import form
from jeroboam.model.errors import Malformed
from jeroboam.model.quantities import MAX
from jeroboam.quota.limits import KEEP, LimitChange
from jeroboam.quota.policy import (
    MAX_GRACE,
    MAX_PRIORITY,
    MAX_WEIGHT,
    Policy,
    ReclaimFrom,
    Shortage,
    Strategy,
    Undershoot,
    WithinProject,
)
from jeroboam.quota.tree import Limit

Resource = Annotated[
    str,
    Field(
        pattern=form(
            r"^[a-z][a-z0-9_.-]{0,62}$",
            "is no name of a resource: a-z, digits, _ . -, beginning with a letter, 63 at most",
        )
    ),
]
Amount = Annotated[StrictInt, Field(ge=0, le=MAX)]
ReservationName = Annotated[
    str,
    Field(
        pattern=form(
            r"^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,63}$",
            "has to begin with a letter or digit, and have none but letters, digits, _, . and -, 64 at most",
        )
    ),
]
NodeId = Annotated[str, Field(min_length=1, max_length=64)]


class LimitBody(Body):
    """What is left out stays. lend_limit null: all of it; borrow_limit null: unlimited."""

    hard_limit: Annotated[StrictInt, Field(ge=-1, le=MAX)] | None = None
    lend_limit: Amount | None = None
    borrow_limit: Amount | None = None

    def change(self) -> LimitChange:
        given = self.model_fields_set
        if "hard_limit" in given and self.hard_limit is None:
            raise Malformed("cannot set a hard_limit of null: it is a whole number, or -1 for none of its own")
        return LimitChange(
            KEEP if self.hard_limit is None else self.hard_limit,
            self.lend_limit if "lend_limit" in given else KEEP,
            self.borrow_limit if "borrow_limit" in given else KEEP,
        )


class PolicyBody(Body):
    """null: as the parent says. The whole policy is replaced."""

    reclaim: ReclaimFrom | None = None
    within_project: WithinProject | None = None
    strategies: Annotated[list[Strategy], Field(max_length=2)] | None = None
    undershoot: Undershoot | None = None
    shortage: Shortage | None = None
    grace_seconds: (
        Annotated[StrictInt, Field(ge=0, le=MAX_GRACE)] | Annotated[StrictFloat, Field(ge=0, le=MAX_GRACE)] | None
    ) = None
    max_priority: Annotated[StrictInt, Field(ge=0, le=MAX_PRIORITY)] | None = None
    reclaimable: StrictBool | None = None

    def policy(self) -> Policy:
        values = self.model_dump()
        strategies = self.strategies
        return Policy(**{**values, "strategies": None if strategies is None else tuple(strategies)})


class UpdateNode(Body):
    limits: dict[Resource, LimitBody] = Field(default_factory=dict)
    weight: (
        Annotated[StrictInt, Field(ge=0, le=MAX_WEIGHT)]
        | Annotated[
            str,
            Field(pattern=form(r"^[0-9]{1,7}(/[1-9][0-9]{0,6})?$", "has to be a whole number or a fraction: 3, 3/2")),
        ]
        | None
    ) = Field(None, description='A fraction: 3, or "3/2"')
    policy: PolicyBody | None = None
    child_defaults: dict[Resource, LimitBody] | None = None
    force: StrictBool = False

    def fraction(self) -> Fraction | None:
        return None if self.weight is None else Fraction(self.weight)

    def defaults(self) -> dict[str, Limit] | None:
        if self.child_defaults is None:
            return None
        # A new child has nothing and may not borrow, unless these say so.
        return {resource: body.change().on(Limit(0, None, 0)) for resource, body in self.child_defaults.items()}


class ReserveBody(Body):
    amounts: Annotated[dict[Resource, Amount], Field(min_length=1, max_length=64)]
    name: ReservationName | None = Field(None, description="What the node calls it, once; none: its id")
    id: ReservationName | None = Field(None, description="Unique in the cloud; made up where none is given")
    until: str | None = Field(None, max_length=40, description="ISO 8601; none: until it is released")


class ExtendBody(Body):
    until: str | None = Field(max_length=40)


class DryRunBody(Body):
    node: NodeId = "self"
    amounts: Annotated[dict[Resource, Amount], Field(min_length=1, max_length=64)]
    priority: Annotated[StrictInt, Field(ge=0, le=MAX_PRIORITY)] | None = None
    shortage: Shortage | None = None
    reservation: Annotated[str, Field(max_length=64)] | None = Field(None, description="Name or id")
    reclaimable: StrictBool = True


class ApplyBody(Body):
    """A node with its limits and children, as the engine reads it: docs/quota-model.md. Base units.

    Its top is named by `id` or `name` as any node is; what is left out stays as it is.
    """

    document: dict[str, Any]
    force: StrictBool = False


class ApplyQuery(Body):
    dry_run: QueryFlag = False


class TreeQuery(Body):
    root: NodeId = "self"


class BelowQuery(Body):
    below: QueryFlag = False


class NodeQuery(BelowQuery):
    node: NodeId = "self"


class ClaimsQuery(NodeQuery):
    state: Literal["admitted", "waiting", "reclaiming", "evicted", "refused", "released", "cancelled"] | None = None


class AuditQuery(NodeQuery):
    limit: Annotated[int, Field(ge=1, le=1000)] = 100


class HistoryQuery(Body):
    since: str | None = Field(None, max_length=40, description="ISO 8601; none: an hour, or with step=hour 30 days")
    until: str | None = Field(None, max_length=40, description="ISO 8601; none: now")
    step: Literal["minute", "hour"] | None = Field(None, description="none: by hour what begins over a day ago")
    resource: Resource | None = None
    depth: Annotated[int, Field(ge=0, le=64)] = Field(0, description="Levels below the node; 1: its children too")
    limit: Annotated[int, Field(ge=1, le=1000)] = Field(100, description="Nodes in one answer, at most")
    marker: NodeId | None = Field(None, description="The node after which to go on: see `next`")
