"""What answers about the tree look like, for the OpenAPI document."""

from typing import Any

from pydantic import BaseModel

from jeroboam.api.containers.documents import Document

Amounts = dict[str, int]
Figures = dict[str, int | None]


class LimitDocument(Document):
    hard_limit: int
    lend_limit: int | None
    borrow_limit: int | None


class PolicyDocument(Document):
    reclaim: str | None
    within_project: str | None
    strategies: list[str] | None
    undershoot: str | None
    shortage: str | None
    grace_seconds: float | None
    max_priority: int | None
    reclaimable: bool | None


class AboveDocument(Document):
    """What limits the node from above: how much more would fit there, by resource (null: nothing bounds it)."""

    id: str
    name: str
    available: Figures


class NodeFigures(BaseModel):
    """Every word of the model, by resource. -1 in hard_limit, deserved or fair_now: nothing bounds it.

    `free` is -1 for that where hard_limit is; below any other hard_limit it is what it says: one too many.
    """

    id: str
    name: str
    hard_limit: Figures
    lend_limit: Figures
    borrow_limit: Figures
    used: Figures
    reserved: Figures
    allocated: Figures
    free: Figures
    borrowed: Figures
    lent: Figures
    deserved: Figures
    fair_now: Figures
    debt: Figures


class NodeDocument(NodeFigures):
    kind: str
    parent_id: str | None
    weight: str
    policy: PolicyDocument
    effective_policy: PolicyDocument
    child_defaults: dict[str, LimitDocument] | None
    generation: int
    available: Figures
    above: list[AboveDocument]


class TreeDocument(NodeFigures):
    kind: str
    children: list["TreeDocument"]


class ReasonDocument(Document):
    sentence: str
    code: str
    node: str | None
    node_name: str | None
    resource: str | None
    figures: Amounts
    rule: str
    helps: list[dict[str, Any]]
    decides: str | None
    reservation: str | None
    never: bool
    about: str | None


class DryRunDocument(Document):
    outcome: str
    victims: int
    deadline: str | None
    reason: ReasonDocument | None


class ReservationDocument(Document):
    """`amounts`: what has not been drawn. `pending`: its units are still being taken back, and `amounts` is what
    it will hold.
    """

    id: str
    name: str
    node: str
    node_name: str
    amounts: Amounts
    until: str | None
    pending: bool


class ReservedDocument(Document):
    outcome: str
    deadline: str | None
    reservation: ReservationDocument


class ReservationsDocument(Document):
    reservations: list[ReservationDocument]


class ClaimDocument(Document):
    """`object`, `node`: ids, null where they belong to another project that the caller does not manage."""

    id: str
    state: str
    node: str | None
    node_name: str
    object: str | None
    object_name: str | None
    amounts: Amounts
    priority: int
    shortage: str
    reclaimable: bool
    reservation: str | None
    reservation_name: str | None
    reason: str
    created_at: str
    deadline: str | None
    leaving_until: str | None
    leaving_for: str | None


class ClaimsDocument(Document):
    claims: list[ClaimDocument]


class VictimDocument(Document):
    node: str | None
    node_name: str
    object: str | None
    object_name: str | None
    amounts: Amounts


class ReclaimDocument(Document):
    """`reservation_name`: of the reservation that it is for, which has no object."""

    id: str
    node: str | None
    node_name: str
    object: str | None
    object_name: str | None
    amounts: Amounts
    deadline: str
    rule: str
    reservation_name: str | None
    victims: list[VictimDocument]


class ReclaimsDocument(Document):
    reclaims: list[ReclaimDocument]


class AuditEntryDocument(Document):
    id: int
    at: str
    action: str
    node: str
    node_name: str
    user_id: str
    user_name: str
    project_id: str | None
    request_id: str | None
    before: dict[str, Any]
    after: dict[str, Any]


class AuditDocument(Document):
    entries: list[AuditEntryDocument]


class ChangeDocument(Document):
    """`before` and `after` hold only what differs, in the words of the audit."""

    node: str
    node_name: str
    before: dict[str, Any]
    after: dict[str, Any]


class ChangesDocument(Document):
    dry_run: bool
    changes: list[ChangeDocument]


class PointDocument(Document):
    """Holds until the next point. By hour means, weighted by time, and the greatest at any minute of the hour; by
    minute both are the figure itself. The least of an hour is not kept.

    `used` and `waited` are those of the node and everything below it.
    """

    at: str
    used: float
    borrowed: float
    lent: float
    waited: float
    used_max: int
    borrowed_max: int
    lent_max: int
    waited_max: int


class SeriesDocument(Document):
    node: str
    node_name: str
    parent_id: str | None
    resource: str
    points: list[PointDocument]


class HistoryDocument(Document):
    """What was nothing all the time has no series. `next`: where the nodes that had no room here are."""

    since: str
    until: str
    step: str
    series: list[SeriesDocument]
    next: str | None
