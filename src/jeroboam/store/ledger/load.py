"""Reads the ledger into the engine's tree: the path of one node, which is enough for most requests, or everything."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import BindParameter, Connection, bindparam, func, select, text

from jeroboam.quota.counters import attach
from jeroboam.quota.policy import Shortage
from jeroboam.quota.tree import ROOT, Claim, ClaimState, Limit, Node, Reclaim, Reservation, Tree
from jeroboam.store.ledger.codecs import read_amounts, read_defaults, read_policy, read_reason, read_weight
from jeroboam.store.ledger_schema import (
    claims,
    limits,
    nodes,
    reclaims,
    reservation_amounts,
    reservations,
    victims,
)


@dataclass(slots=True)
class Books:
    """A tree and what the engine does not need to know: `objects` is {claim id: object id}.

    `rows` are the nodes as they are stored (NODE_COLUMNS); None where there are too many to keep.
    """

    tree: Tree
    objects: dict[str, str] = field(default_factory=dict)
    rows: Sequence[Sequence[Any]] | None = None


IDS: BindParameter[Any] = bindparam("ids", expanding=True)
NODE_COLUMNS = (
    nodes.c.id,
    nodes.c.parent_id,
    nodes.c.name,
    nodes.c.weight,
    nodes.c.policy,
    nodes.c.child_defaults,
    nodes.c.generation,
    limits.c.resource,
    limits.c.hard,
    limits.c.lend,
    limits.c.borrow,
    limits.c.used,
    limits.c.reserved,
    limits.c.subtree,
)
CLAIM_COLUMNS = (
    claims.c.id,
    claims.c.object_id,
    claims.c.node_id,
    claims.c.priority,
    claims.c.age,
    claims.c.state,
    claims.c.reclaimable,
    claims.c.reservation_id,
    claims.c.shortage,
    claims.c.reason,
    claims.c.leaving,
    claims.c.amounts,
)
_with_limits = nodes.outerjoin(limits, limits.c.node_id == nodes.c.id)
_above = select(nodes.c.id, nodes.c.parent_id).where(nodes.c.id.in_(IDS)).cte("above", recursive=True)
_above = _above.union(select(nodes.c.id, nodes.c.parent_id).where(nodes.c.id == _above.c.parent_id))

_PATHS = (
    select(*NODE_COLUMNS)
    .select_from(_with_limits)
    .where(nodes.c.id.in_(select(_above.c.id)))
    .order_by(nodes.c.depth, nodes.c.id)
)
_ALL_NODES = select(*NODE_COLUMNS).select_from(_with_limits).order_by(nodes.c.depth, nodes.c.id)
_CLAIM = select(*CLAIM_COLUMNS).where(claims.c.id.in_(IDS))
_ALL_CLAIMS = select(*CLAIM_COLUMNS).order_by(claims.c.age, claims.c.id)
_RESERVATIONS = select(reservations.c.id, reservations.c.node_id, reservations.c.until).order_by(reservations.c.id)
_RESERVATION = _RESERVATIONS.where(reservations.c.id.in_(IDS))
_RESERVED = select(reservation_amounts.c.reservation_id, reservation_amounts.c.resource, reservation_amounts.c.amount)
_RECLAIMS = select(reclaims.c.id, reclaims.c.claim_id, reclaims.c.deadline, reclaims.c.rule).order_by(
    reclaims.c.opened, reclaims.c.id
)
_VICTIMS = select(victims.c.reclaim_id, victims.c.claim_id).order_by(victims.c.reclaim_id, victims.c.position)
PENDING = text("quota_claims.state <> 'admitted'")
"""In the words of the index."""
_GLANCE = select(
    select(claims.c.node_id).where(claims.c.id == bindparam("claim_id")).scalar_subquery(),
    select(claims.c.id).where(PENDING, claims.c.state == ClaimState.WAITING.value).limit(1).scalar_subquery(),
    select(reclaims.c.id).limit(1).scalar_subquery(),
    select(reservations.c.id).where(reservations.c.until <= bindparam("now")).limit(1).scalar_subquery(),
    select(func.coalesce(func.max(claims.c.age), 0)).scalar_subquery(),
)


@dataclass(frozen=True, slots=True)
class Glance:
    """What one look tells: the node of the claim (None: no such claim), whether anybody waits, or takes back, whether
    a reservation is over that has not been ended yet, and the greatest age."""

    node_id: str | None
    waiting: bool
    reclaiming: bool
    expired: bool
    last_order: int


def glance(tx: Connection, claim_id: str, now: float) -> Glance:
    row = tx.execute(_GLANCE, {"claim_id": claim_id, "now": now}).one()
    node_id, waiting, reclaiming, expired, last_order = row
    return Glance(node_id, waiting is not None, reclaiming is not None, expired is not None, last_order)


def path(tx: Connection, node_id: str, claim_ids: Iterable[str] = (), reservation_id: str | None = None) -> Books:
    """`node_id` and its ancestors with their counters, and these claims of it. complete=False."""
    books = paths(tx, (node_id,))
    if reservation_id is not None:
        _add_reservations(tx, books.tree, (reservation_id,))
    if ids := list(claim_ids):
        _add_claims(books, tx.execute(_CLAIM, {"ids": ids}))
        drawn = {claim.reservation for claim in books.tree.claims.values()} - {None, reservation_id}
        if drawn:
            _add_reservations(tx, books.tree, [ident for ident in drawn if ident is not None])
    return books


def paths(tx: Connection, node_ids: Iterable[str]) -> Books:
    """These nodes and their ancestors with their counters. complete=False."""
    books = Books(Tree({}, complete=False))
    books.rows = tx.execute(_PATHS, {"ids": list(node_ids)}).all()
    _add_nodes(books.tree, books.rows)
    return books


def whole(tx: Connection) -> Books:
    """Every node, claim, reservation and reclaim."""
    books = Books(Tree({}))
    tree = books.tree
    _add_nodes(tree, tx.execute(_ALL_NODES))
    _add_reservations(tx, tree, None)
    _add_claims(books, tx.execute(_ALL_CLAIMS))
    leaving: dict[str, list[str]] = defaultdict(list)
    for reclaim_id, claim_id in tx.execute(_VICTIMS):
        leaving[reclaim_id].append(claim_id)
    for ident, claim_id, deadline, rule in tx.execute(_RECLAIMS):
        tree.reclaims[ident] = Reclaim(ident, claim_id, tuple(leaving[ident]), deadline, rule)
    return books


def _add_nodes(tree: Tree, rows: Iterable[Sequence[Any]]) -> None:
    """Rows come parents first, one for each resource; a node is attached once all its limits are there."""
    node, above = tree.root, ""
    for row in rows:
        ident, parent_id, name, weight, policy, defaults, generation = row[:7]
        if ident != node.id:
            _attach(tree, node, above)
            node, above = Node(ident, name), parent_id
        node.name, node.generation = name, generation
        node.weight, node.policy = read_weight(weight), read_policy(policy)
        node.child_defaults = read_defaults(defaults)
        _add_limit(node, row[7:])
    _attach(tree, node, above)


def _attach(tree: Tree, node: Node, parent_id: str) -> None:
    if node.id != ROOT:
        attach(tree, node, parent_id)


def _add_limit(node: Node, row: Sequence[Any]) -> None:
    resource, hard, lend, borrow, used, reserved, subtree = row
    if resource is None:
        return
    if hard is not None:
        node.limits[resource] = Limit(hard, lend, borrow)
    for counter, value in ((node.used, used), (node.reserved, reserved), (node.subtree, subtree)):
        if value:
            counter[resource] = value


def _add_claims(books: Books, rows: Iterable[Sequence[Any]]) -> None:
    for row in rows:
        ident, object_id, node_id, priority, age, state, reclaimable, reservation, shortage, reason = row[:10]
        leaving, amounts = row[10:]
        claim = Claim(
            ident,
            node_id,
            read_amounts(amounts),
            priority,
            age,
            ClaimState(state),
            bool(reclaimable),
            reservation,
            Shortage(shortage),
            read_reason(reason),
            leaving,
        )
        books.tree.record(claim)
        books.objects[ident] = object_id


def _add_reservations(tx: Connection, tree: Tree, ids: Sequence[str] | None) -> None:
    if ids is None:
        rows, held = tx.execute(_RESERVATIONS), _grouped(tx.execute(_RESERVED))
    else:
        rows = tx.execute(_RESERVATION, {"ids": ids})
        held = _grouped(tx.execute(_RESERVED.where(reservation_amounts.c.reservation_id.in_(ids))))
    for ident, node_id, until in rows:
        tree.reservations[ident] = Reservation(ident, node_id, held[ident], until)


def chunks(ids: Iterable[str], size: int = 500) -> Iterator[list[str]]:
    """In order, some at a time: a database takes only so many parameters in one statement."""
    ordered = sorted(ids)
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def _grouped(rows: Iterable[Sequence[Any]]) -> dict[str, dict[str, int]]:
    """{id: {resource: amount}} from rows of three."""
    found: dict[str, dict[str, int]] = defaultdict(dict)
    for ident, resource, amount in rows:
        found[ident][resource] = amount
    return found
