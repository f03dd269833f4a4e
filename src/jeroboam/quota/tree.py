"""What the quota tree is made of: nodes with limits and counters, the claims charged to them, open reclaims.

Three counters per node and resource are kept, always equal to what the claims add up to (counters.py):
`used` (the node's own claims), `reserved` (undrawn reservations) and `subtree` (used + what each child takes out).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from fractions import Fraction

from jeroboam.quota.candidates import Candidates
from jeroboam.quota.policy import DEFAULT_PRIORITY, DEFAULTS, INHERIT, Effective, Policy, Shortage

ROOT = "cloud"
UNLIMITED = -1

Amounts = dict[str, int]
"""Quantities by resource, in base units."""


@dataclass(frozen=True, slots=True)
class Limit:
    """One resource at one node. hard -1: no bound of its own; lend None: all of hard; borrow None: no bound."""

    hard: int = 0
    lend: int | None = None
    borrow: int | None = None

    @property
    def private(self) -> int:
        """What never serves anybody else: hard - lend."""
        return 0 if self.lend is None or self.hard < 0 else max(0, self.hard - self.lend)


NOTHING = Limit(0, None, 0)
"""What a new project has, and what a node has of a resource that nobody has limited there."""


class ClaimState(StrEnum):
    ADMITTED = "admitted"
    REFUSED = "refused"
    WAITING = "waiting"
    RECLAIMING = "reclaiming"
    EVICTED = "evicted"
    RELEASED = "released"
    CANCELLED = "cancelled"


PENDING = frozenset({ClaimState.WAITING, ClaimState.RECLAIMING})
LIVE = PENDING | {ClaimState.ADMITTED, ClaimState.EVICTED}
"""Not ended: evicted work may come back."""


@dataclass(slots=True, eq=False)
class Claim:
    """One request and its life. Charged while `admitted`, also when `leaving` (until it has really stopped).

    A pending claim whose `reservation` is its own id is the making of that reservation.
    """

    id: str
    node_id: str
    amounts: Amounts
    priority: int = DEFAULT_PRIORITY
    order: int = 0
    state: ClaimState = ClaimState.ADMITTED
    reclaimable: bool = True
    reservation: str | None = None
    shortage: Shortage = Shortage.REFUSE
    reason: object = None
    leaving: str | None = None

    @property
    def reserves(self) -> bool:
        return self.reservation == self.id


@dataclass(slots=True, eq=False)
class Reservation:
    """Capacity held for a node until `until` (None: until released). `amounts` is what has not been drawn yet.

    `name` is what people call it, once in its node; empty: its id.
    """

    id: str
    node_id: str
    amounts: Amounts
    until: float | None = None
    name: str = ""


@dataclass(slots=True, eq=False)
class Reclaim:
    """Who gets what from whom until when, by which rule (policy.Ground; several with commas).

    `victims` are those still to leave; freed units are the beneficiary's.
    """

    id: str
    claim_id: str
    victims: tuple[str, ...]
    deadline: float
    rule: str = ""


@dataclass(slots=True, eq=False)
class Node:
    """A project, a domain or the cloud. Counters: {resource: units}, absent means 0."""

    id: str
    name: str
    parent: "Node | None" = None
    limits: dict[str, Limit] = field(default_factory=dict)
    weight: Fraction = Fraction(1)
    policy: Policy = INHERIT
    child_defaults: dict[str, Limit] | None = None
    used: Amounts = field(default_factory=dict)
    reserved: Amounts = field(default_factory=dict)
    subtree: Amounts = field(default_factory=dict)
    generation: int = 1
    children: "dict[str, Node]" = field(default_factory=dict)
    claims: dict[str, Claim] = field(default_factory=dict)  # the charged ones: see hold and let_go
    allocated: Amounts = field(default_factory=dict)  # what the children own
    lendable: Amounts = field(default_factory=dict)  # what the children's subtrees could lend
    _candidates: Candidates | None = None

    def __post_init__(self) -> None:
        if self.policy == INHERIT:
            self.policy = INHERIT  # so that the many that set nothing are passed over at a glance

    @property
    def parent_id(self) -> str | None:
        return self.parent.id if self.parent else None

    def limit(self, resource: str) -> Limit:
        return self.limits.get(resource, NOTHING)

    def path(self) -> "Iterator[Node]":
        """This node, its parent, ... the root."""
        node: Node | None = self
        while node is not None:
            yield node
            node = node.parent

    def bounded(self, resource: str) -> "Node | None":
        """The nearest of the path that has a bound of its own; None: nothing bounds it."""
        return next((node for node in self.path() if node.limit(resource).hard >= 0), None)

    def walk(self) -> "Iterator[Node]":
        """This node and everything below it, parents first."""
        stack = [self]
        while stack:
            node = stack.pop()
            yield node
            stack.extend(reversed(node.children.values()))

    def rules(self) -> Effective:
        """The policy in force here."""
        set_here = [node.policy for node in self.path() if node.policy is not INHERIT]
        rules = DEFAULTS
        for policy in reversed(set_here):
            rules = policy.over(rules)
        return rules

    def priority(self, named: int | None) -> int:
        """What a request has here that names this one, or none."""
        return self.rules().priority(named)

    def candidates(self) -> Candidates:
        """The charged claims, in the order in which they would leave."""
        if self._candidates is None:
            self._candidates = Candidates(self.claims.values())
        return self._candidates

    def hold(self, claim: Claim) -> None:
        """It is among the charged claims; counters are not touched. One that is to change is let go first."""
        if self._candidates is not None:
            self.let_go(claim.id)
            self._candidates.add(claim)
        self.claims[claim.id] = claim

    def let_go(self, claim_id: str) -> None:
        known = self.claims.pop(claim_id, None)
        if known is not None and self._candidates is not None:
            self._candidates.remove(known)

    def knows(self, resource: str) -> bool:
        return any(resource in node.limits for node in self.path())


class Tree:
    """The whole cloud.

    The dirty_* sets name what has changed since they were last emptied, removed things too: a store writes back
    exactly those.
    """

    def __init__(self, root_limits: Mapping[str, Limit], policy: Policy = INHERIT) -> None:
        self.nodes: dict[str, Node] = {}
        self.claims: dict[str, Claim] = {}
        self.reclaims: dict[str, Reclaim] = {}
        self.reservations: dict[str, Reservation] = {}
        self.waiting: dict[str, Claim] = {}
        self.last_order = 0
        self.dirty_nodes: set[str] = set()
        self.dirty_claims: set[str] = set()
        self.dirty_reclaims: set[str] = set()
        self.dirty_reservations: set[str] = set()
        limits = {r: Limit(limit.hard, None, 0) for r, limit in root_limits.items()}
        self.root = Node(ROOT, ROOT, limits=limits, policy=policy)
        self.nodes[ROOT] = self.root

    def record(self, claim: Claim) -> None:
        """Load a claim, or take one whose state has changed into the indexes. Does not touch counters."""
        self.claims[claim.id] = claim
        self.last_order = max(self.last_order, claim.order)
        node = self.nodes.get(claim.node_id)
        if claim.state is ClaimState.ADMITTED:
            if node is not None:
                node.hold(claim)
        elif node is not None:
            node.let_go(claim.id)
        if claim.state is ClaimState.WAITING:
            self.waiting[claim.id] = claim
        else:
            self.waiting.pop(claim.id, None)

    def forget_changes(self) -> None:
        """Everything is written: start a new unit of work."""
        for dirty in (self.dirty_nodes, self.dirty_claims, self.dirty_reclaims, self.dirty_reservations):
            dirty.clear()
