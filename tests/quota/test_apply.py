"""A whole tree of limits from a document."""

import pytest

from jeroboam.model.errors import Malformed
from jeroboam.quota.apply import Change, apply, diff
from jeroboam.quota.invariants import check, debts
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ClaimState, Tree
from tests.quota.builders import ask, cloud, project


def small() -> Tree:
    tree = cloud(u=16)
    project(tree, "ORG", u=16)
    project(tree, "T1", "ORG", u=12, borrow=0)
    project(tree, "T2", "ORG", u=4, borrow=0)
    return tree


def document(t1: int, t2: int) -> object:
    children = [{"name": "T2", "hard_limit": {"u": t2}}, {"name": "T1", "hard_limit": {"u": t1}}]
    return {"children": [{"name": "ORG", "children": children}]}


def hard(tree: Tree, node: str) -> int:
    return tree.nodes[node].limit("u").hard


def test_diff_shows_and_changes_nothing() -> None:
    tree = small()
    assert diff(tree, document(6, 10)) == [
        Change("T2", "hard_limit", "u", 4, 10),
        Change("T1", "hard_limit", "u", 12, 6),
    ]
    assert hard(tree, "T1") == 12


def test_children_shrink_before_their_siblings_grow() -> None:
    tree = small()
    apply(tree, document(6, 10))
    assert (hard(tree, "T1"), hard(tree, "T2")) == (6, 10)
    assert check(tree) == []
    assert diff(tree, document(6, 10)) == []


def test_parents_grow_before_their_children() -> None:
    tree = small()
    wanted = {
        "hard_limit": {"u": 20},
        "children": [
            {
                "name": "ORG",
                "hard_limit": {"u": 20},
                "children": [{"name": "T1", "hard_limit": {"u": 15}, "borrow_limit": {"u": None}, "weight": "1/2"}],
            }
        ],
    }
    apply(tree, wanted)
    assert hard(tree, "T1") == 15
    assert tree.nodes["T1"].limit("u").borrow is None
    assert check(tree) == []


def test_all_or_nothing() -> None:
    tree = small()
    ask(tree, "T1", "work", 10)
    with pytest.raises(QuotaConflict, match="cannot give"):
        apply(tree, {"hard_limit": {"u": 30}, **document(6, 10)})  # type: ignore[dict-item]
    assert (hard(tree, "cloud"), hard(tree, "T1"), hard(tree, "T2")) == (16, 12, 4)


def test_nobody_gets_what_is_free_only_between_two_changes() -> None:
    tree = cloud(u=12)
    project(tree, "A", u=8, lend=0)
    project(tree, "B", u=4, lend=0)
    project(tree, "C", u=0)
    assert ask(tree, "C", "queued", 4, shortage="wait").outcome == "waiting"
    apply(tree, {"children": [{"name": "A", "hard_limit": {"u": 4}}, {"name": "B", "hard_limit": {"u": 8}}]})
    assert tree.claims["queued"].state is ClaimState.WAITING
    assert debts(tree) == {}
    apply(tree, {"children": [{"name": "A", "hard_limit": {"u": 0}}]})
    assert tree.claims["queued"].state is ClaimState.ADMITTED


@pytest.mark.parametrize(
    "wrong",
    [
        {"children": [{"name": "nobody"}]},
        {"hard_limit": {"u": 1.5}},
        {"hard_limit": {"u": -2}},
        {"hard_limit": {"u": True}},
        {"hard_limits": {}},
        {"children": {"name": "T1"}},
        {"policy": {"reclaim": "everybody"}},
        [],
    ],
)
def test_a_bad_document_is_refused(wrong: object) -> None:
    with pytest.raises(Malformed, match=r"^cannot apply the document: "):
        apply(small(), wrong)
