"""A project that nobody has used yet is shown as it would be made, and looking at it changes nothing."""

from contextlib import suppress

import pytest

from jeroboam.model.errors import Conflict
from jeroboam.quota.tree import Limit, Tree
from jeroboam.quota.view import node_view, tree_view
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.ledger import Path, load
from tests.store.cloud import ADMIN, a_cloud, ask_many

DEFAULT = ("default", "Default", "domain")
UNUSED = [("t9", "t9", "project"), ("org", "Org", "project"), DEFAULT]
PATHS = [
    pytest.param(UNUSED, id="a project"),
    pytest.param([("new", "new", "project"), *UNUSED], id="two"),
    pytest.param([("t9", "t9", "project"), ("d2", "Two", "domain")], id="a domain"),
    pytest.param([("team1", "team1", "project"), ("org", "Org", "project"), DEFAULT], id="none"),
]
DEFAULTS = {"containers": Limit(3, 1, 2), "vcpus": Limit(-1, None, None), "gpus": Limit(0, None, 0)}


@pytest.fixture
def cloud(db: Database) -> Database:
    with db.write() as tx:
        a_cloud(tx, {"team1": Limit(4), "team2": Limit(4)})
        ledger.set_node(tx, ADMIN, "org", {}, 1.0, child_defaults=DEFAULTS)
        ask_many(tx, "team1", 3)
    return db


def everything(tree: Tree) -> list[str]:
    """In its order, and with what is nothing."""
    assert {node.id for node in tree.root.walk()} == tree.nodes.keys()
    dirty = [sorted(ids) for ids in (tree.dirty_nodes, tree.dirty_claims, tree.dirty_reclaims, tree.dirty_reservations)]
    words = ("id", "name", "limits", "used", "reserved", "subtree", "generation", "allocated", "lendable")
    nodes = [str([getattr(node, word) for word in words] + list(node.children)) for node in tree.nodes.values()]
    return [*nodes, str(dirty)]


@pytest.mark.parametrize("path", PATHS)
def test_it_is_shown_as_it_will_be_and_then_taken_out_again(cloud: Database, path: Path) -> None:
    with cloud.quota() as books:
        before = everything(books.tree)
        with ledger.shown_with(books.tree, path):
            shown = node_view(books.tree.nodes[path[0][0]]), tree_view(books.tree)
        assert everything(books.tree) == before
    with cloud.write() as tx:
        ledger.ensure_path(tx, path)
    with cloud.quota() as books:
        assert (node_view(books.tree.nodes[path[0][0]]), tree_view(books.tree)) == shown


def test_it_is_taken_out_again_where_looking_fails(cloud: Database) -> None:
    with cloud.quota() as books:
        before = everything(books.tree)
        with pytest.raises(KeyError), ledger.shown_with(books.tree, UNUSED):
            raise KeyError
        assert everything(books.tree) == before


def test_the_tree_is_not_read_again_for_it(cloud: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    with cloud.quota():
        pass
    monkeypatch.setattr(load, "whole", None)
    for _ in range(2):
        with cloud.quota() as books, ledger.shown_with(books.tree, UNUSED):
            assert "t9" in books.tree.nodes
    with cloud.quota() as books:
        assert "t9" not in books.tree.nodes


@pytest.mark.parametrize("path", PATHS)
def test_what_is_made_and_rolled_back_is_taken_out_again(
    cloud: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tree is not read again for it: whoever asks for what is refused would hold up everybody else."""
    with cloud.quota() as books:
        before, shown = sorted(everything(books.tree)), tree_view(books.tree)
    monkeypatch.setattr(load, "whole", None)
    for _ in range(2):
        with suppress(Conflict), cloud.write() as tx:
            ledger.ensure_path(tx, path)
            raise Conflict("cannot do what comes next")
    with cloud.quota() as books:
        assert (sorted(everything(books.tree)), tree_view(books.tree)) == (before, shown)
