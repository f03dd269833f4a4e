"""Dominant shares and counters, in figures. Sources: kueue fair_sharing_test.go, resource_test.go (additive)."""

from fractions import Fraction
from typing import Any

import pytest

from jeroboam.quota.admission import release
from jeroboam.quota.counters import taken
from jeroboam.quota.shares import NONE, Share, Shares
from jeroboam.quota.simulator.simulate import Simulation
from jeroboam.quota.trial import Trial
from tests.quota.scenario_files import expand


def shares(case: dict[str, Any]) -> dict[str, Share]:
    tree = Simulation(expand({"reading": "additive", **case})).tree
    return {node.name: Shares(Trial()).of(node) for node in tree.nodes.values()}


def thousandths(share: Share) -> Fraction:
    assert not share.endless
    return share.ratio * 1000


TEN = {"cpu": 8, "gpu": 5}


@pytest.mark.parametrize(
    ("name", "pool", "node", "held", "share"),
    [
        ("D1", TEN, {"q": {"cpu": 2, "gpu": 5}}, "1cpu2gpu", 0),
        ("D2", TEN, {"q": {"cpu": 2, "gpu": 5}}, "3cpu7gpu", 200),
        ("D3", TEN, {"q": {"cpu": 2, "gpu": 5}}, "3cpu3gpu", 100),
        ("D4", TEN, {"q": {"cpu": 2, "gpu": 5}}, "5cpu6gpu", 300),
        ("D5", {"cpu": 8, "gpu": 0}, {"q": {"cpu": 2, "gpu": 2}, "ll": {"gpu": 0}}, "5cpu5gpu", 300),
        ("D7-2", {"gpu": 5}, {"q": {"gpu": 5}, "w": 2}, "7gpu", 100),
        ("D7-half", {"gpu": 5}, {"q": {"gpu": 5}, "w": 0.5}, "7gpu", 400),
        ("FS1", {"gpu": 5}, {"q": {"gpu": 3}}, "8gpu", 625),
        ("D8", {"gpu": 1000}, {"q": {"gpu": 500}}, "501gpu", Fraction(2, 3)),
    ],
)
def test_dominant_share(name: str, pool: Any, node: Any, held: str, share: Any) -> None:
    assert thousandths(shares({"pool": pool, "tree": {"a": node}, "held": f"x@a={held}"})["a"]) == share


def test_d7_weight_0_is_endless_above_its_own() -> None:
    found = shares({"pool": 5, "tree": {"a": {"q": 5, "w": 0}}, "held": "x@a=7"})["a"]
    assert found == Share(True, Fraction(2, 10))
    assert found > Share(False, Fraction(1000))


@pytest.mark.parametrize(
    ("name", "pool", "leaf", "inner", "expected"),
    [
        ("D9", 45, {"q": 5}, {"q": 0, "w": 2}, (100, 50)),
        ("D10", 50, {"q": 0}, {"q": 0, "w": 2}, (200, 100)),
        ("D11", 50, {"q": 0}, {"q": 0, "bl": 10}, (1000, 200)),
    ],
)
def test_shares_of_a_leaf_and_of_the_node_above(name: str, pool: int, leaf: Any, inner: Any, expected: Any) -> None:
    found = shares({"pool": pool, "tree": {"in": inner, "leaf": {**leaf, "in": "in"}}, "held": "x@leaf=10"})
    assert (thousandths(found["leaf"]), thousandths(found["in"])) == expected


def test_nobody_above_its_own_has_no_share() -> None:
    assert shares({"tree": {"a": 5}, "held": "x@a=5"})["a"] == NONE


@pytest.mark.parametrize(
    ("gone", "a", "parent"), [("", 16, 10), ("9", 7, 1), ("19", 6, 0), ("96", 1, 0), ("1694", 0, 0)]
)
def test_av9_private_parts_hide_what_is_within_them(gone: str, a: int, parent: int) -> None:
    """a{10, lends 4} holds 1, 9 and 6, b{10, lends 6} holds 4: the parent sees what is above 6 and above 4."""
    case = {"tree": {"a": {"q": 10, "ll": 4}, "b": {"q": 10, "ll": 6}}, "held": "1@a=1, 9@a=9, 6@a=6, 4@b=4"}
    tree = Simulation(expand({"reading": "additive", **case})).tree
    for claim in gone:
        release(tree, claim, 0)
    assert taken(tree.nodes["/a"], "u") == a
    assert taken(tree.root, "u") - (6 + 4) == parent
