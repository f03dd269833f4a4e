"""The path to a project: made when the project is first used, and until then shown as it would be made."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from sqlalchemy import Connection, bindparam, select, update

from jeroboam.quota.counters import put_limit
from jeroboam.quota.shape import add_node
from jeroboam.quota.tree import ROOT, UNLIMITED, Limit, Node, Tree
from jeroboam.store.ledger import changes, load, resident
from jeroboam.store.ledger.changes import Touched
from jeroboam.store.ledger.load import IDS
from jeroboam.store.ledger.tell import write
from jeroboam.store.ledger_schema import nodes

DEFAULT_DOMAIN = "default"
"""Owns the whole cloud in the embedded default: no bound of its own."""

Path = Sequence[tuple[str, str, str]]
"""(id, name, kind) of a node and of what is above it, leaf first, up to the domain."""

_NAMES = select(nodes.c.id, nodes.c.name).where(nodes.c.id.in_(IDS))
_RENAME = update(nodes).where(nodes.c.id == bindparam("node_id")).values(name=bindparam("new_name"))
_WORDS = ("limits", "subtree", "allocated", "lendable", "children")
"""What of a node changes when others are made below it."""


def has_path(tx: Connection, path: Path) -> bool:
    """Whether `ensure_path` would change nothing."""
    known = _names(tx, path)
    return ROOT in known and all(known.get(ident) == name for ident, name, _ in path)


def ensure_path(tx: Connection, path: Path) -> None:
    """Makes what is missing of a path; names follow Keystone's.

    A new node has its parent's child_defaults, at first nothing; the domain `default` the whole cloud.
    """
    if not path:
        return
    known = _names(tx, path)
    renamed = [{"node_id": ident, "new_name": name} for ident, name, _ in path if known.get(ident, name) != name]
    if renamed:
        tx.execute(_RENAME, renamed)
        changes.note(tx, Touched(nodes={row["node_id"] for row in renamed}))
    if ROOT in known and all(ident in known for ident, _, _ in path):
        return
    books = resident.books(tx)
    if ROOT not in known:
        books.tree.dirty_nodes.add(ROOT)
    write(tx, books, 0.0, kinds=add_path(books.tree, path))


def add_path(tree: Tree, path: Path) -> dict[str, str]:
    """Makes in memory what is missing of a path, as `ensure_path` does for good: {id: kind} of what is new."""
    new: dict[str, str] = {}
    if not path:
        return new
    above = [*(ident for ident, _, _ in path[1:]), ROOT]
    for (ident, name, kind), parent in reversed(list(zip(path, above, strict=True))):
        if ident not in tree.nodes:
            add_node(tree, ident, name, parent)
            load.in_order([tree.nodes[parent]])
            new[ident] = kind
    share_the_cloud(tree)
    return new


@contextmanager
def shown_with(tree: Tree, path: Path) -> Iterator[None]:
    """The tree as if the path were made, to look at only. Afterwards it is as it was, to the last counter."""
    new = [ident for ident, _, _ in path if ident not in tree.nodes]
    if not new:
        yield
        return
    dirty, kept = set(tree.dirty_nodes), [(node, _copied(node)) for node in _concerned(tree, path)]
    try:
        add_path(tree, path)
        yield
    finally:
        for node, words in kept:
            for word, value in words.items():
                setattr(node, word, value)
        for ident in new:
            tree.nodes.pop(ident, None)
        tree.dirty_nodes = dirty


def share_the_cloud(tree: Tree) -> None:
    """The domain `default` is bounded by nothing but the cloud, whatever that has."""
    domain = tree.nodes.get(DEFAULT_DOMAIN)
    if domain is None or domain.parent is not tree.root:
        return
    for resource in tree.root.limits.keys() - domain.limits.keys():
        put_limit(tree, domain, resource, Limit(UNLIMITED, None, None))


def _concerned(tree: Tree, path: Path) -> list[Node]:
    """Those that are there already: what is above the path, and the domain that the cloud is shared with."""
    nearest = next(ident for ident in (*(ident for ident, _, _ in path), ROOT) if ident in tree.nodes)
    found = {node.id: node for node in tree.nodes[nearest].path()}
    if DEFAULT_DOMAIN in tree.nodes:
        found[DEFAULT_DOMAIN] = tree.nodes[DEFAULT_DOMAIN]
    return list(found.values())


def _copied(node: Node) -> Mapping[str, object]:
    return {word: dict(getattr(node, word)) for word in _WORDS}


def _names(tx: Connection, path: Path) -> dict[str, str]:
    rows = tx.execute(_NAMES, {"ids": [ROOT, *(ident for ident, _, _ in path)]})
    return {ident: name for ident, name in rows}
