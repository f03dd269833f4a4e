"""The tree as answers show it: whole where the caller may see it whole, and otherwise only what limits it."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from jeroboam.api.context import Context
from jeroboam.api.quota import places, refusal
from jeroboam.api.quota.places import Place
from jeroboam.api.respond import iso
from jeroboam.quota import view as figures
from jeroboam.quota.counters import bound, taken
from jeroboam.quota.decision import Decision
from jeroboam.quota.tree import ROOT, Limit, Node, Tree
from jeroboam.store.ledger_schema import nodes
from jeroboam.store.schema import objects

ANOTHER = "another project"


def node(tree: Tree, place: Place) -> dict[str, Any]:
    """A node whole, and what is left above it."""
    found = tree.nodes[place.id]
    resources = sorted({r for n in found.path() for r in (*n.limits, *n.subtree)})
    return {
        "id": found.id,
        "name": place.name,
        "kind": place.kind,
        "parent_id": found.parent_id,
        **figures.node_view(found, figures.demand(tree)),
        "weight": str(found.weight),
        "policy": asdict(found.policy),
        "effective_policy": asdict(found.rules()),
        "child_defaults": _limits(found.child_defaults),
        "generation": found.generation,
        "available": {r: figures.headroom(found, r) for r in resources},
        "above": [_above(n, resources) for n in list(found.path())[1:]],
    }


def _above(node: Node, resources: list[str]) -> dict[str, Any]:
    available: dict[str, int | None] = {}
    for resource in resources:
        most = bound(node, resource)
        available[resource] = None if most is None else max(0, most - taken(node, resource))
    return {"id": node.id, "name": node.name, "available": available}


def _limits(limits: Mapping[str, Limit] | None) -> dict[str, Any] | None:
    if limits is None:
        return None
    return {
        resource: {"hard_limit": limit.hard, "lend_limit": limit.lend, "borrow_limit": limit.borrow}
        for resource, limit in limits.items()
    }


def subtree(ctx: Context, tx: Connection, tree: Tree, place: Place) -> dict[str, Any]:
    """The node and all below it; for those who do not manage it, the node alone."""
    view = figures.tree_view(tree, place.id)
    kinds = {place.id: place.kind} | {row[0]: row[1] for row in tx.execute(select(nodes.c.id, nodes.c.kind))}
    if not places.manages(ctx, place):
        view["children"] = []
    pending = [view]
    while pending:
        part = pending.pop()
        part["kind"] = kinds.get(part["id"], "cloud" if part["id"] == ROOT else "project")
        pending += part["children"]
    return view


def decision(ctx: Context, tree: Tree, decided: Decision, node_id: str) -> dict[str, Any]:
    reason = decided.reason
    return {
        "outcome": decided.outcome,
        "victims": len(decided.victims),
        "deadline": None if decided.deadline is None else iso(decided.deadline),
        "reason": None if reason is None else refusal.explained(ctx, tree, reason, node_id),
    }


class Names:
    """Who is who for one answer: what this caller may not know is another project's."""

    def __init__(self, tx: Connection, known: Mapping[str, str]) -> None:
        self._tx = tx
        self.known = known
        self._objects: dict[str, str | None] = {}

    def of(self, node_id: str, object_id: str | None) -> dict[str, str | None]:
        """node, node_name, object, object_name of a claim's side."""
        if node_id not in self.known:
            return {"node": None, "node_name": ANOTHER, "object": None, "object_name": None}
        ident = object_id or None
        return {
            "node": node_id,
            "node_name": self.known[node_id],
            "object": ident,
            "object_name": None if ident is None else self._object(ident),
        }

    def _object(self, object_id: str) -> str | None:
        if object_id not in self._objects:
            found = self._tx.execute(select(objects.c.name).where(objects.c.id == object_id)).scalar()
            self._objects[object_id] = found
        return self._objects[object_id]
