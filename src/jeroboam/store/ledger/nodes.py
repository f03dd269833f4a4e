"""The tree's nodes: they follow the engine's capacity, and are set by managers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from sqlalchemy import Connection, bindparam, literal, select, update

from jeroboam.model.errors import NotFound
from jeroboam.model.events import Event, EventType
from jeroboam.quota.apply import Change
from jeroboam.quota.apply import apply as apply_document
from jeroboam.quota.limits import LimitChange, set_limits
from jeroboam.quota.policy import Policy
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ROOT, Limit, Node, Tree
from jeroboam.store import audit, events
from jeroboam.store.audit import Actor, Entry
from jeroboam.store.ledger import load, resident
from jeroboam.store.ledger.load import IDS
from jeroboam.store.ledger.paths import Path, add_path, share_the_cloud
from jeroboam.store.ledger.tell import write
from jeroboam.store.ledger_schema import limits, nodes

KIND = "quota_node"
"""Of events about a node's limits."""


@dataclass(frozen=True, slots=True)
class NodeRow:
    """`kind`: cloud, domain or project."""

    id: str
    parent_id: str | None
    name: str
    kind: str


_COLUMNS = (nodes.c.id, nodes.c.parent_id, nodes.c.name, nodes.c.kind)
_SOME = select(*_COLUMNS).where(nodes.c.id.in_(IDS))
_above = select(nodes.c.id, nodes.c.parent_id).where(nodes.c.id == bindparam("leaf")).cte("above", recursive=True)
_above = _above.union_all(select(nodes.c.id, nodes.c.parent_id).where(nodes.c.id == _above.c.parent_id))
_ANCESTORS = (
    select(nodes.c.id)
    .where(nodes.c.id.in_(select(_above.c.id)), nodes.c.id != bindparam("leaf"))
    .order_by(nodes.c.depth.desc())
)
_below = select(nodes.c.id).where(nodes.c.id == bindparam("top")).cte("below", recursive=True)
_below = _below.union_all(select(nodes.c.id).where(nodes.c.parent_id == _below.c.id))
_BELOW = select(_below.c.id)
_down = select(nodes.c.id, literal(0).label("level")).where(nodes.c.id == bindparam("top")).cte("down", recursive=True)
_down = _down.union_all(
    select(nodes.c.id, _down.c.level + 1).where(nodes.c.parent_id == _down.c.id, _down.c.level < bindparam("levels"))
)
_DOWN = select(*_COLUMNS).join(_down, _down.c.id == nodes.c.id).order_by(nodes.c.depth, nodes.c.name, nodes.c.id)
_ANY_PROJECT = select(nodes.c.id).where(nodes.c.kind == "project").limit(1)
_ROOT_LIMITS = select(limits.c.resource, limits.c.hard, limits.c.by_capacity).where(limits.c.node_id == ROOT)
_BY_CAPACITY = (
    update(limits).where(limits.c.node_id == ROOT, limits.c.resource.in_(IDS)).values(by_capacity=bindparam("follows"))
)


def set_capacity(tx: Connection, amounts: Mapping[str, int], now: float) -> None:
    """The cloud's limits are `amounts` (-1: no bound), but for those that an admin has set.

    A machine that shrank leaves debt, which is shown; what is given away already is never cut.
    """
    present = {resource: (hard, follows) for resource, hard, follows in tx.execute(_ROOT_LIMITS)}
    wanted = {r: amount for r, amount in amounts.items() if _follows(present.get(r), amount)}
    if not wanted:
        return
    books = resident.books(tx)
    books.tree.dirty_nodes.add(ROOT)
    for resource, amount in sorted(wanted.items()):
        try:
            set_limits(books.tree, ROOT, {resource: Limit(amount)}, force=True, now=now)
        except QuotaConflict:
            continue
    share_the_cloud(books.tree)
    write(tx, books, now)
    tx.execute(_BY_CAPACITY, {"ids": sorted(wanted), "follows": True})


def _follows(present: tuple[int | None, bool] | None, amount: int) -> bool:
    if present is None or present[0] is None:
        return True
    hard, follows = present
    return follows and hard != amount


def set_node(
    tx: Connection,
    actor: Actor,
    node_id: str,
    limits: Mapping[str, Limit | LimitChange],
    now: float,
    *,
    weight: Fraction | None = None,
    policy: Policy | None = None,
    child_defaults: Mapping[str, Limit] | None = None,
    force: bool = False,
) -> None:
    """Changes a node; what is None or not named stays. Audited. Raises NotFound, QuotaConflict (then nothing changed).

    Who may is the caller's business.
    """
    books = resident.books(tx)
    if node_id not in books.tree.nodes:
        raise NotFound(f"cannot find {node_id[:64]!r} in the quota tree; it appears there when it is first used")
    node = books.tree.nodes[node_id]
    before = settings(node)
    set_limits(books.tree, node_id, limits, weight, policy, child_defaults, force, now)
    if node_id == ROOT:
        share_the_cloud(books.tree)
    write(tx, books, now)
    if node_id == ROOT and limits:
        tx.execute(_BY_CAPACITY, {"ids": sorted(limits), "follows": False})
    record(tx, actor, node, before, now)


def plan(
    tx: Connection, document: object, now: float, *, force: bool = False, unmade: Sequence[Path] = ()
) -> list[Change]:
    """What `apply` would answer, or raise, with these paths made; nothing is written."""
    # Those would not be taken out again exactly of what is kept in memory: the document changes it, too.
    tree = load.whole(tx).tree if unmade else resident.books(tx).tree
    for path in unmade:
        add_path(tree, path)
    return apply_document(tree, document, force, now)


def apply(tx: Connection, actor: Actor, document: object, now: float, *, force: bool = False) -> list[Change]:
    """Sets a whole tree of limits (the document's top is the cloud), all or nothing; answers what differs. Audited.

    Raises Malformed, QuotaConflict.
    """
    books = resident.books(tx)
    before = {ident: settings(node) for ident, node in books.tree.nodes.items()}
    changes = apply_document(books.tree, document, force, now)
    if not changes:
        return changes
    share_the_cloud(books.tree)
    write(tx, books, now)
    of_root = {change.resource for change in changes if change.node_id == ROOT} - {None}
    if of_root:
        tx.execute(_BY_CAPACITY, {"ids": sorted(str(resource) for resource in of_root), "follows": False})
    for ident in dict.fromkeys(change.node_id for change in changes):
        record(tx, actor, books.tree.nodes[ident], before[ident], now)
    return changes


def settings(node: Node) -> dict[str, Any]:
    """What of a node a manager can set, JSON-able: what the audit compares."""
    found: dict[str, Any] = {f"limits.{r}": asdict(limit) for r, limit in node.limits.items()}
    found |= {f"child_defaults.{r}": asdict(limit) for r, limit in (node.child_defaults or {}).items()}
    found |= {f"policy.{key}": value for key, value in asdict(node.policy).items() if value is not None}
    return {**found, "weight": str(node.weight)}


def record(tx: Connection, actor: Actor, node: Node, before: Mapping[str, Any], now: float) -> None:
    """The audit row and the event of a change; neither where nothing differs."""
    after = settings(node)
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if not changed:
        return
    was, became = ({key: side.get(key) for key in changed} for side in (before, after))
    audit.append(tx, Entry(actor, node.id, "set", was, became, now))
    data = {"before": was, "after": became, "managers": {"user_id": actor.user_id, "user_name": actor.user_name}}
    message = f"The quota of {node.name} was changed: {', '.join(changed)}."
    events.append(tx, Event(EventType.LIMITS, KIND, node.id, node.id, now, message, node.name, data, actor.request_id))


def ancestors(tx: Connection, node_id: str) -> list[str]:
    """Ids of the nodes above, the parent first, the cloud last; empty for a node that is not in the tree."""
    return list(tx.execute(_ANCESTORS, {"leaf": node_id}).scalars())


def below(tx: Connection, node_id: str) -> list[str]:
    """Ids of the node and everything under it; empty for a node that is not in the tree."""
    return list(tx.execute(_BELOW, {"top": node_id}).scalars())


def down(tx: Connection, node_id: str, levels: int) -> list[NodeRow]:
    """The node and what is up to so many levels below it, upper levels first, each by name."""
    return [NodeRow(*row) for row in tx.execute(_DOWN, {"top": node_id, "levels": levels})]


def names(tx: Connection, node_ids: Iterable[str]) -> dict[str, str]:
    """{id: name} of those that are in the tree."""
    return {row.id: row.name for row in _rows(tx, node_ids)}


def has_projects(tx: Connection) -> bool:
    """Whether anybody has used the tree yet."""
    return tx.execute(_ANY_PROJECT).first() is not None


def node(tx: Connection, node_id: str) -> NodeRow:
    """Raises NotFound."""
    for row in _rows(tx, [node_id]):
        return row
    raise NotFound(f"cannot find {node_id[:64]!r} in the quota tree; it appears there when it is first used")


def tree(tx: Connection) -> Tree:
    """Everything, as the engine sees it: to look at. All of it is read; `db.quota()` has it in memory."""
    return load.whole(tx).tree


def _rows(tx: Connection, node_ids: Iterable[str]) -> list[NodeRow]:
    return [
        NodeRow(ident, parent_id, name, kind)
        for ids in load.chunks(set(node_ids))
        for ident, parent_id, name, kind in tx.execute(_SOME, {"ids": ids})
    ]
