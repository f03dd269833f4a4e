"""What history writes down of a tree, and what the hours of it come to."""

from fractions import Fraction

import pytest

from jeroboam.quota.invariants import check
from jeroboam.quota.limits import add_node, reserve, set_limits
from jeroboam.quota.policy import Policy, Shortage
from jeroboam.quota.rollup import HOUR, Span, alike, hours, moment
from jeroboam.quota.sample import ZERO, Figures, sample
from jeroboam.quota.tree import ROOT, Limit, Tree
from jeroboam.quota.view import node_view
from tests.quota.builders import ask, ask_each, cloud, project


def figures(tree: Tree, resource: str = "u") -> dict[str, tuple[int, ...]]:
    """{node: (used, borrowed, lent, waited)}, of the resource."""
    return {node: tuple(row) for (node, r), row in sample(tree).items() if r == resource}


def teams(grace: float | None = None) -> Tree:
    """org owns 16; T1 and T2 own 8 each, and borrow from each other."""
    tree = cloud(Policy(grace_seconds=grace), u=16)
    project(tree, "org", borrow=0, u=16)
    project(tree, "T1", "org", u=8)
    project(tree, "T2", "org", u=8)
    return tree


def test_nothing_is_no_row() -> None:
    assert sample(teams()) == {}


def test_who_used_whose_capacity() -> None:
    """Figure 15: T2 has its 8 and borrows 4 of T1's idle 4; the organisation's use is that of both."""
    tree = teams()
    ask_each(tree, "T1", 4)
    ask_each(tree, "T2", 12)
    assert figures(tree) == {
        "T1": (4, 0, 4, 0),
        "T2": (12, 4, 0, 0),
        "org": (16, 0, 0, 0),
        ROOT: (16, 0, 0, 0),
    }
    for node in ("T1", "T2", "org"):
        shown = node_view(tree.nodes[node])
        assert (shown["borrowed"]["u"], shown["lent"]["u"]) == figures(tree)[node][1:3]


def test_private_parts_and_reservations_are_not_used() -> None:
    """They are taken out of the parent, which is what the counter `subtree` says, and idle all the same."""
    tree = cloud(u=16)
    project(tree, "A", lend=0, u=8)
    project(tree, "B", u=4)
    reserve(tree, "r", "B", {"u": 2}, 0)
    assert sample(tree) == {}
    ask(tree, "A", "a", 3)
    assert figures(tree) == {"A": (3, 0, 0, 0), ROOT: (3, 0, 0, 0)}


def test_what_is_pending_waits_and_is_not_used() -> None:
    tree = teams(grace=30)
    ask_each(tree, "T1", 4)
    ask_each(tree, "T2", 12)
    assert ask(tree, "T1", "entitled", 3).outcome == "reclaiming"
    assert ask(tree, "T2", "queued", 2, shortage=Shortage.WAIT).outcome == "waiting"
    assert figures(tree) == {"T1": (4, 0, 4, 3), "T2": (12, 4, 0, 2), "org": (16, 0, 0, 5), ROOT: (16, 0, 0, 5)}


def test_a_parents_own_claims_borrow_of_its_children() -> None:
    tree = cloud(u=8)
    project(tree, "org", borrow=0, u=8)
    project(tree, "T1", "org", u=6)
    ask(tree, "org", "own", 5)
    assert figures(tree) == {"org": (5, 0, 0, 0), "T1": (0, 0, 3, 0), ROOT: (5, 0, 0, 0)}


def test_resources_are_apart() -> None:
    tree = cloud(u=8, v=8)
    add_node(tree, "A", "A", ROOT)
    set_limits(tree, "A", {"u": Limit(4), "v": Limit(4)})
    ask(tree, "A", "a", 2)
    assert set(sample(tree)) == {("A", "u"), (ROOT, "u")}
    assert check(tree) == []


# hours

H = 36000.0
"""On the hour."""


def f(used: int, waited: int = 0) -> Figures:
    return Figures(used, waited=waited)


@pytest.mark.parametrize(
    ("before", "changes", "end", "expected"),
    [
        ("nothing changes", [], H + 3 * HOUR, [(0, 60, 4, 4)]),
        ("one step in the middle", [(H + 900, f(8))], H + 2 * HOUR, [(0, 60, 7, 8), (1, 60, 8, 8)]),
        ("a peak of a minute", [(H + 600, f(10)), (H + 660, f(4))], H + HOUR, [(0, 60, Fraction(246, 60), 10)]),
        ("on the hour", [(H + HOUR, f(6))], H + 4 * HOUR, [(0, 60, 4, 4), (1, 60, 6, 6)]),
        (
            "long after",
            [(H + 5 * HOUR + 1800, f(0))],
            H + 9 * HOUR,
            [(0, 60, 4, 4), (5, 60, 2, 4), (6, 60, 0, 0)],
        ),
        ("a part of an hour", [(H + HOUR + 60, f(7))], H + HOUR + 180, [(0, 60, 4, 4), (1, 3, 6, 7)]),
        ("at the very beginning", [(H, f(9))], H + HOUR, [(0, 60, 9, 9)]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_hours(before: str, changes: list[tuple[float, Figures]], end: float, expected: list[tuple[int, ...]]) -> None:
    """(which hour, its minutes, mean, most) of `used`, that was 4 before."""
    found = [
        ((at - H) / HOUR, span.minutes, Fraction(span.total.used, span.minutes), span.most.used)
        for at, span in hours(f(4), changes, H, end)
    ]
    assert found == expected


def test_an_hour_like_the_one_before_is_not_told_again() -> None:
    """The same quarter of each of two hours: one row, and then the quiet that follows."""
    changes = [(H + n * HOUR + at, f(used)) for n in (0, 1) for at, used in ((900, 8), (1800, 0))]
    assert [(at - H) / HOUR for at, _ in hours(ZERO, changes, H, H + 9 * HOUR)] == [0, 2]


def test_the_figures_are_weighed_each_for_itself() -> None:
    ((_, span),) = hours(f(1, 10), [(H + 1800, f(3, 0))], H, H + HOUR)
    assert span == Span(60, Figures(used=120, waited=300), Figures(used=3, waited=10))


def test_alike_is_the_same_mean_and_the_same_greatest() -> None:
    assert alike(moment(f(4)), Span(60, f(240), f(4)))
    assert not alike(moment(f(4)), Span(60, f(240), f(5)))
    assert not alike(moment(f(4)), Span(60, f(239), f(4)))
