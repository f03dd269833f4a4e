"""A request that names no priority gets the usual one, or the most that its node allows: it is never refused for it."""

import pytest

from jeroboam.quota.admission import Request, admit, decide
from jeroboam.quota.invariants import check
from jeroboam.quota.policy import Ground, Policy, WithinProject
from jeroboam.quota.reserving import reserve
from jeroboam.quota.simulator.simulate import simulate
from jeroboam.quota.tree import Tree
from tests.quota.builders import ask_each, cloud, project


def tree_with(max_priority: int | None) -> Tree:
    tree = cloud(Policy(max_priority=max_priority), u=8)
    project(tree, "A", u=4)
    project(tree, "B", u=4)
    return tree


@pytest.mark.parametrize(
    ("most", "named", "outcome", "priority"),
    [
        (None, None, "admitted", 50),
        (100, None, "admitted", 50),
        (50, None, "admitted", 50),
        (30, None, "admitted", 30),
        (0, None, "admitted", 0),
        (30, 30, "admitted", 30),
        (30, 7, "admitted", 7),
        (30, 50, "refused", 50),
        (100, 80, "admitted", 80),
    ],
)
def test_the_priority_of_a_request(most: int | None, named: int | None, outcome: str, priority: int) -> None:
    tree = tree_with(most)
    request = Request("r", "A", {"u": 1}, named, order=1)
    assert decide(tree, request, 0).outcome == admit(tree, request, 0).outcome == outcome
    assert tree.claims["r"].priority == priority


@pytest.mark.parametrize("most", [100, 30, 0])
def test_a_reservation_can_be_had_at_every_maximum(most: int) -> None:
    tree = tree_with(most)
    assert reserve(tree, "free", "A", {"u": 1}, 0).outcome == "admitted"
    assert ask_each(tree, "B", 7) == ["admitted"] * 7
    assert reserve(tree, "lent", "A", {"u": 3}, 0).outcome == "reclaiming"
    assert tree.claims["lent"].priority == min(50, most)
    assert check(tree) == []


def test_priorities_that_are_not_named_are_compared_as_they_count() -> None:
    """Within a project of which the most is 30: the second has no lower one to displace, a named lower one is."""
    tree = cloud(u=1)
    project(tree, "A", u=1)
    tree.nodes["A"].policy = Policy(max_priority=30, within_project=WithinProject.LOWER_PRIORITY)
    assert admit(tree, Request("first", "A", {"u": 1}, order=1), 0).outcome == "admitted"
    assert decide(tree, Request("second", "A", {"u": 1}, order=2), 0).outcome == "refused"
    tree.claims["first"].priority = 29
    decision = decide(tree, Request("second", "A", {"u": 1}, order=2), 0)
    assert (decision.outcome, decision.rule) == ("reclaiming", Ground.WITHIN_PROJECT)


def test_the_simulator_says_the_same() -> None:
    document = {
        "tree": {"name": "A", "hard_limit": {"u": 1}, "policy": {"max_priority": 30}},
        "steps": [{"claim": {"project": "A", "id": "r", "amount": {"u": 1}}}],
    }
    assert simulate(document)["steps"][0]["results"][0]["outcome"] == "admitted"
