"""The worked examples of docs/quota-model.md."""

from typing import Any

from jeroboam.quota.invariants import check
from jeroboam.quota.limits import reserve
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import Tree
from jeroboam.quota.view import node_view
from tests.quota.builders import EXCLUSIVE, ask, ask_each, cloud, counted, project, used


def two(root: int, h1: int, h2: int, **limits: Any) -> Tree:
    tree = cloud(u=root)
    project(tree, "T1", u=h1, **limits)
    project(tree, "T2", u=h2, **limits)
    return tree


def borrowed_and_lent(tree: Tree, node: str) -> tuple[int | None, int | None]:
    view = node_view(tree.nodes[node])
    return view["borrowed"]["u"], view["lent"]["u"]


def test_figure_13_allocated_and_free() -> None:
    tree = cloud(u=1000)
    project(tree, "ORG", u=1000)
    project(tree, "CMS", "ORG", u=300)
    project(tree, "ATLAS", "ORG", u=400)
    ask(tree, "ORG", "work", 100)
    reserve(tree, "held", "ORG", {"u": 100}, 0)
    view = node_view(tree.nodes["ORG"])
    figures = {word: view[word]["u"] for word in ("hard_limit", "used", "reserved", "allocated", "free")}
    assert figures == {"hard_limit": 1000, "used": 100, "reserved": 100, "allocated": 700, "free": 100}
    assert check(tree) == []


def test_figure_14_exclusive() -> None:
    tree = two(16, 8, 8, **EXCLUSIVE)
    assert counted(ask_each(tree, "T1", 4)) == 4
    assert counted(ask_each(tree, "T2", 12)) == 8
    assert used(tree, "T1", "T2") == (4, 8)
    assert check(tree) == []


def test_figure_15_borrow_and_lend() -> None:
    tree = two(16, 8, 8)
    ask_each(tree, "T1", 4)
    assert counted(ask_each(tree, "T2", 12)) == 12
    assert borrowed_and_lent(tree, "T2") == (4, 0)
    assert borrowed_and_lent(tree, "T1") == (0, 4)
    decision = ask(tree, "T1", "back", 4)
    assert decision.outcome == "admitted"
    assert len(decision.victims) == 4
    assert {tree.claims[v].node_id for v in decision.victims} == {"T2"}
    assert used(tree, "T1", "T2") == (8, 8)
    assert borrowed_and_lent(tree, "T2") == (0, 0)
    assert check(tree) == []


def test_figure_15_after_the_grace_period() -> None:
    tree = two(16, 8, 8)
    tree.root.policy = Policy(grace_seconds=30)
    ask_each(tree, "T1", 4)
    ask_each(tree, "T2", 12)
    decision = ask(tree, "T1", "back", 4, now=100)
    assert (decision.outcome, decision.deadline, len(decision.victims)) == ("reclaiming", 130, 4)
    assert used(tree, "T1", "T2") == (4, 12)
    assert check(tree) == []


def test_figure_16_share() -> None:
    tree = two(16, 0, 0)
    assert node_view(tree.nodes["T1"])["deserved"]["u"] == 8
    assert counted(ask_each(tree, "T1", 4)) == 4
    assert counted(ask_each(tree, "T2", 12)) == 12
    decision = ask(tree, "T1", "more", 4)
    assert (decision.outcome, len(decision.victims)) == ("admitted", 4)
    assert used(tree, "T1", "T2") == (8, 8)
    another = ask(tree, "T1", "another")
    assert another.outcome == "refused"
    assert another.reason is not None
    assert (another.reason.code, another.reason.figures["deserved"]) == ("share_reached", 8)
    assert check(tree) == []


def test_mixed() -> None:
    tree = two(16, 4, 4, lend=0)
    assert counted(ask_each(tree, "T2", 16)) == 12
    assert node_view(tree.nodes["T1"])["deserved"]["u"] == 8
    assert counted(ask_each(tree, "T1", 8)) == 8
    assert used(tree, "T1", "T2") == (8, 8)
    assert ask(tree, "T1", "beyond").outcome == "refused"
    assert check(tree) == []
