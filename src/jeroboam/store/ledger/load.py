"""Reads the ledger into the engine's tree."""

import gc
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy import BindParameter, Connection, bindparam, select

from jeroboam.quota.counters import attach
from jeroboam.quota.policy import Shortage
from jeroboam.quota.tree import ROOT, Claim, ClaimState, Limit, Node, Reclaim, Reservation, Tree
from jeroboam.store.ledger.changes import NONE, Version
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
    """A tree and what the engine does not need to know: `objects` is {claim id: object id}, `version` the ledger's."""

    tree: Tree
    objects: dict[str, str] = field(default_factory=dict)
    version: Version = NONE


Id = TypeVar("Id", str, int)
IDS: BindParameter[Any] = bindparam("ids", expanding=True)
NODE_COLUMNS = (
    nodes.c.id,
    nodes.c.parent_id,
    nodes.c.name,
    nodes.c.weight,
    nodes.c.policy,
    nodes.c.child_defaults,
    nodes.c.revision,
    limits.c.resource,
    limits.c.hard,
    limits.c.lend,
    limits.c.borrow,
    limits.c.used,
    limits.c.reserved,
    limits.c.subtree,
    limits.c.in_debt,
    limits.c.parent_id,
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

_PATH = (
    select(*NODE_COLUMNS)
    .select_from(_with_limits)
    .where(nodes.c.id.in_(select(_above.c.id)))
    .order_by(nodes.c.depth, nodes.c.id)
)
_SOME_NODES = select(*NODE_COLUMNS, nodes.c.depth).select_from(_with_limits).where(nodes.c.id.in_(IDS))
_ALL_NODES = select(*NODE_COLUMNS).select_from(_with_limits).order_by(nodes.c.depth, nodes.c.id)
_CLAIM = select(*CLAIM_COLUMNS).where(claims.c.id.in_(IDS))
_ALL_CLAIMS = select(*CLAIM_COLUMNS).order_by(claims.c.age, claims.c.id)
_RESERVATIONS = select(reservations.c.id, reservations.c.node_id, reservations.c.until, reservations.c.name).order_by(
    reservations.c.id
)
_RESERVATION = _RESERVATIONS.where(reservations.c.id.in_(IDS))
_RESERVED = select(reservation_amounts.c.reservation_id, reservation_amounts.c.resource, reservation_amounts.c.amount)
_RECLAIMS = select(reclaims.c.id, reclaims.c.claim_id, reclaims.c.deadline, reclaims.c.rule).order_by(
    reclaims.c.opened, reclaims.c.id
)
_VICTIMS = select(victims.c.reclaim_id, victims.c.claim_id).order_by(victims.c.reclaim_id, victims.c.position)


def path(tx: Connection, node_ids: Sequence[str]) -> Tree:
    """These nodes and their ancestors alone, without claims: who is above whom, and how they are called."""
    tree = Tree({})
    add_nodes(tree, tx.execute(_PATH, {"ids": node_ids}))
    return tree


def whole(tx: Connection) -> Books:
    """Every node, claim, reservation and reclaim."""
    books = Books(Tree({}))
    tree = books.tree
    with _uncollected():
        add_nodes(tree, tx.execute(_ALL_NODES))
        add_reservations(tx, tree, None)
        _record(books, tx.execute(_ALL_CLAIMS))
        add_reclaims(tx, tree)
        in_order(tree.nodes.values())
    return books


def in_order(parents: Iterable[Node]) -> None:
    """Their children by id, in whichever order they have come: what is split among them has remainders to give."""
    for parent in parents:
        ids = list(parent.children)
        if ids != sorted(ids):
            parent.children = {ident: parent.children[ident] for ident in sorted(ids)}


@contextmanager
def _uncollected() -> Iterator[None]:
    """Nothing of what is loaded is garbage: to look for some again and again takes a third of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def nodes_of(tx: Connection, ids: Iterable[str]) -> list[Sequence[Any]]:
    """These nodes as they are stored, in any order: NODE_COLUMNS and the depth, a row for each resource."""
    return [row for some in chunks(ids) for row in tx.execute(_SOME_NODES, {"ids": some})]


def add_nodes(tree: Tree, rows: Iterable[Sequence[Any]]) -> None:
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
    resource, hard, lend, borrow, used, reserved, subtree, *_ = row
    if resource is None:
        return
    if hard is not None:
        node.limits[resource] = Limit(hard, lend, borrow)
    for counter, value in ((node.used, used), (node.reserved, reserved), (node.subtree, subtree)):
        if value:
            counter[resource] = value


def add_claims(tx: Connection, books: Books, ids: Iterable[str]) -> None:
    """Those of them that there are, as they are stored."""
    for some in chunks(ids):
        _record(books, tx.execute(_CLAIM, {"ids": some}))


def forget(books: Books, claim_id: str) -> None:
    """As if it had never been; counters stay."""
    claim = books.tree.claims.pop(claim_id, None)
    if claim is not None:
        node = books.tree.nodes.get(claim.node_id)
        if node is not None:
            node.let_go(claim_id)
    books.tree.waiting.pop(claim_id, None)
    books.objects.pop(claim_id, None)


def _record(books: Books, rows: Iterable[Sequence[Any]]) -> None:
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


def add_reclaims(tx: Connection, tree: Tree) -> None:
    """All of them."""
    leaving: dict[str, list[str]] = defaultdict(list)
    for reclaim_id, claim_id in tx.execute(_VICTIMS):
        leaving[reclaim_id].append(claim_id)
    for ident, claim_id, deadline, rule in tx.execute(_RECLAIMS):
        tree.reclaims[ident] = Reclaim(ident, claim_id, tuple(leaving[ident]), deadline, rule)


def add_reservations(tx: Connection, tree: Tree, ids: Sequence[str] | None) -> None:
    if ids is None:
        _reserve(tree, tx.execute(_RESERVATIONS), tx.execute(_RESERVED))
        return
    for some in chunks(ids):
        of_them = _RESERVED.where(reservation_amounts.c.reservation_id.in_(some))
        _reserve(tree, tx.execute(_RESERVATION, {"ids": some}), tx.execute(of_them))


def _reserve(tree: Tree, rows: Iterable[Sequence[Any]], amounts: Iterable[Sequence[Any]]) -> None:
    held = _grouped(amounts)
    for ident, node_id, until, name in rows:
        tree.reservations[ident] = Reservation(ident, node_id, held[ident], until, name or "")


def chunks(ids: Iterable[Id], size: int = 500) -> Iterator[list[Id]]:
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
