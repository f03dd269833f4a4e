"""Writes nodes back, with their limits and counters: rows that differ, and nothing else."""

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from jeroboam.quota.counters import debt
from jeroboam.quota.tree import ROOT, Node
from jeroboam.store.ledger.codecs import write_defaults, write_policy
from jeroboam.store.ledger.load import Books, nodes_of
from jeroboam.store.ledger_schema import limits, nodes

_DEPTH = select(nodes.c.depth).where(nodes.c.id == bindparam("node_id"))
_INSERT_NODE = insert(nodes)
_UPDATE_NODE = (
    update(nodes)
    .where(nodes.c.id == bindparam("node_id"))
    .values(
        parent_id=bindparam("to_parent"),
        depth=bindparam("to_depth"),
        name=bindparam("to_name"),
        weight=bindparam("to_weight"),
        policy=bindparam("to_policy"),
        child_defaults=bindparam("to_defaults"),
        revision=bindparam("to_generation"),
    )
)
_DELETE_NODE = delete(nodes).where(nodes.c.id == bindparam("node_id"))
_INSERT_LIMIT = insert(limits)
_UPDATE_LIMIT = (
    update(limits)
    .where(limits.c.node_id == bindparam("at_node"), limits.c.resource == bindparam("of_resource"))
    .values(
        hard=bindparam("to_hard"),
        lend=bindparam("to_lend"),
        borrow=bindparam("to_borrow"),
        used=bindparam("to_used"),
        reserved=bindparam("to_reserved"),
        subtree=bindparam("to_subtree"),
        in_debt=bindparam("to_in_debt"),
        parent_id=bindparam("to_parent_id"),
    )
)
_DELETE_LIMIT = delete(limits).where(
    limits.c.node_id == bindparam("at_node"), limits.c.resource == bindparam("of_resource")
)


def save_nodes(tx: Connection, books: Books, kinds: Mapping[str, str]) -> None:
    """`kinds`: of nodes that are new."""
    tree = books.tree
    old_nodes: dict[str, tuple[Any, ...]] = {}
    old_limits: dict[tuple[str, str], tuple[Any, ...]] = {}
    for row in nodes_of(tx, tree.dirty_nodes):
        old_nodes[row[0]] = tuple(row[1:7])
        if row[7] is not None:
            old_limits[row[0], row[7]] = tuple(row[8:-1])
    present = [tree.nodes[ident] for ident in tree.dirty_nodes if ident in tree.nodes]
    # Parents first in, children first out.
    for node in sorted(present, key=_depth):
        _save_node(tx, node, old_nodes.get(node.id), kinds)
    new_limits = {(node.id, resource): row for node in present for resource, row in _limit_rows(node)}
    _save_limits(tx, old_limits, new_limits)
    gone = [ident for ident in tree.dirty_nodes if ident not in tree.nodes and ident in old_nodes]
    depths = {ident: tx.execute(_DEPTH, {"node_id": ident}).scalar_one() for ident in gone}
    for ident in sorted(gone, key=lambda node_id: -depths[node_id]):
        tx.execute(_DELETE_NODE, {"node_id": ident})


def _save_node(tx: Connection, node: Node, old: tuple[Any, ...] | None, kinds: Mapping[str, str]) -> None:
    new = (
        node.parent_id,
        node.name,
        str(node.weight),
        write_policy(node.policy),
        write_defaults(node.child_defaults),
        node.generation,
    )
    if new == old:
        return
    _, name, weight, policy, defaults, generation = new
    if old is None:
        kind = kinds.get(node.id, "cloud" if node.id == ROOT else "project")
        values = {"id": node.id, "parent_id": node.parent_id, "name": name, "kind": kind, "depth": _depth(node)}
        values |= {"weight": weight, "policy": policy, "child_defaults": defaults, "revision": generation}
        tx.execute(_INSERT_NODE, values)
        return
    # Only the simulator moves nodes, as Keystone moves no project: the depths of all below would have to follow.
    values = {"node_id": node.id, "to_parent": node.parent_id, "to_depth": _depth(node), "to_name": name}
    values |= {"to_weight": weight, "to_policy": policy, "to_defaults": defaults, "to_generation": generation}
    tx.execute(_UPDATE_NODE, values)


def _depth(node: Node) -> int:
    return sum(1 for _ in node.path()) - 1


def _limit_rows(node: Node) -> Iterable[tuple[str, tuple[Any, ...]]]:
    counted = {r for counter in (node.used, node.reserved, node.subtree) for r, value in counter.items() if value}
    for resource in counted | set(node.limits):
        limit = node.limits.get(resource)
        own = (None, None, None) if limit is None else (limit.hard, limit.lend, limit.borrow)
        held = (node.used.get(resource, 0), node.reserved.get(resource, 0), node.subtree.get(resource, 0))
        yield resource, (*own, *held, debt(node, resource) > 0, node.parent_id)


def _save_limits(
    tx: Connection, old: Mapping[tuple[str, str], tuple[Any, ...]], new: Mapping[tuple[str, str], tuple[Any, ...]]
) -> None:
    names = ("hard", "lend", "borrow", "used", "reserved", "subtree", "in_debt", "parent_id")
    changed = [
        {"at_node": key[0], "of_resource": key[1], **{f"to_{n}": v for n, v in zip(names, row, strict=True)}}
        for key, row in new.items()
        if key in old and old[key] != row
    ]
    added = [
        {"node_id": key[0], "resource": key[1], "by_capacity": False, **dict(zip(names, row, strict=True))}
        for key, row in new.items()
        if key not in old
    ]
    removed = [{"at_node": key[0], "of_resource": key[1]} for key in old if key not in new]
    for statement, rows in ((_UPDATE_LIMIT, changed), (_INSERT_LIMIT, added), (_DELETE_LIMIT, removed)):
        if rows:
            tx.execute(statement, rows)
