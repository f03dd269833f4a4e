"""Reads again what others have changed of a ledger that is in memory."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set
from operator import itemgetter
from typing import Any

from sqlalchemy import Connection

from jeroboam.quota.counters import restate
from jeroboam.quota.shape import forget
from jeroboam.quota.tree import Limit, Node, Tree
from jeroboam.store.ledger import load
from jeroboam.store.ledger.changes import Touched
from jeroboam.store.ledger.codecs import read_defaults, read_policy, read_weight
from jeroboam.store.ledger.load import Books


def refresh(tx: Connection, books: Books, touched: Touched) -> bool:
    """Afterwards `books` are what `load.whole` would give. False: they have to be loaded, for nodes moved or went."""
    if not _nodes(tx, books.tree, touched.nodes):
        return False
    _claims(tx, books, touched.claims)
    if touched.reservations:
        for ident in touched.reservations:
            books.tree.reservations.pop(ident, None)
        load.add_reservations(tx, books.tree, sorted(touched.reservations))
    if touched.reclaims:
        books.tree.reclaims.clear()
        load.add_reclaims(tx, books.tree)
    return True


def _nodes(tx: Connection, tree: Tree, touched: Iterable[str]) -> bool:
    stored = _stored(tx, tree, touched)
    if stored is None:
        return False
    new: list[Sequence[Any]] = []
    for ident, rows in stored.items():
        node = tree.nodes.get(ident)
        if node is None:
            new += rows
        elif rows[0][1] != node.parent_id:
            return False
        else:
            _restate(node, rows)
    new.sort(key=itemgetter(-1, 0))  # parents first
    load.add_nodes(tree, (row[:-1] for row in new))
    load.in_order(tree.nodes[ident] for ident in {row[1] for row in new})
    return True


def _stored(tx: Connection, tree: Tree, touched: Iterable[str]) -> dict[str, list[Sequence[Any]]] | None:
    """The rows of these nodes and of all above them, also above those that are new here. None: one went."""
    stored: dict[str, list[Sequence[Any]]] = defaultdict(list)
    wanted = set(touched)
    while wanted:
        wanted |= {above.id for ident in wanted if ident in tree.nodes for above in tree.nodes[ident].path()}
        wanted -= stored.keys()
        for row in load.nodes_of(tx, wanted):
            stored[row[0]].append(row)
        if not _forgotten(tree, wanted - stored.keys()):
            return None
        wanted &= stored.keys()
        wanted = {rows[0][1] for ident in wanted if (rows := stored[ident])[0][1] is not None} - stored.keys()
    return stored


def _forgotten(tree: Tree, gone: Set[str]) -> bool:
    """Nodes that were made here and rolled back are taken out again; False: others went."""
    nodes = sorted((tree.nodes[ident] for ident in gone if ident in tree.nodes), key=lambda n: -len(list(n.path())))
    dirty = set(tree.dirty_nodes)
    for node in nodes:
        if node.children or node.claims or any(node.reserved.values()):
            return False
        forget(tree, node)
    tree.dirty_nodes = dirty
    return len(nodes) == len(gone)


_NO_LIMIT = (None, None, None, 0, 0, 0)


def _restate(node: Node, rows: Sequence[Sequence[Any]]) -> None:
    node.name, weight, policy, defaults, node.generation = rows[0][2:7]
    node.weight, node.policy, node.child_defaults = read_weight(weight), read_policy(policy), read_defaults(defaults)
    stored = {row[7]: row[8:-1] for row in rows if row[7] is not None}
    for resource in {*stored, *node.limits, *node.used, *node.reserved, *node.subtree}:
        hard, lend, borrow, used, reserved, subtree, *_ = stored.get(resource, _NO_LIMIT)
        restate(node, resource, None if hard is None else Limit(hard, lend, borrow), used, reserved, subtree)


def _claims(tx: Connection, books: Books, touched: Iterable[str]) -> None:
    for ident in touched:
        load.forget(books, ident)
    load.add_claims(tx, books, touched)
