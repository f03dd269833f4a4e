"""A reservation ends; the work that was drawn from it lives on as ordinary work."""

from jeroboam.quota.admission import Request, admit, evicted, release, requeue
from jeroboam.quota.invariants import check
from jeroboam.quota.limits import release_reservation, reserve, set_limits
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ClaimState, Limit, Tree
from tests.quota.builders import cloud, project, used


def drawn_and_over() -> Tree:
    """A holds 4 that it drew from a reservation that is over; by new limits they are B's."""
    tree = cloud(u=8)
    project(tree, "A", u=4)
    project(tree, "B", u=4)
    assert reserve(tree, "r", "A", {"u": 4}, 0).outcome == "admitted"
    assert admit(tree, Request("drawn", "A", {"u": 4}, reservation="r", order=1), 0).outcome == "admitted"
    release_reservation(tree, "r", 0)
    set_limits(tree, "A", {"u": Limit(0)})
    set_limits(tree, "B", {"u": Limit(8)})
    return tree


def test_drawn_work_that_outlives_its_reservation_is_queued_again_when_it_is_evicted() -> None:
    tree = drawn_and_over()
    assert admit(tree, Request("owner", "B", {"u": 8}, order=2), 0).victims == ("drawn",)
    evicted(tree, "drawn", 0)
    assert requeue(tree, "drawn", 0).outcome == "waiting"
    release(tree, "owner", 0)
    assert tree.claims["drawn"].state is ClaimState.ADMITTED
    assert check(tree) == []


def test_a_later_reservation_of_the_same_id_gets_nothing_from_former_work() -> None:
    tree = cloud(u=8)
    project(tree, "A", u=8)
    reserve(tree, "r", "A", {"u": 2}, 0)
    admit(tree, Request("drawn", "A", {"u": 2}, reservation="r", order=1), 0)
    release_reservation(tree, "r", 0)
    reserve(tree, "r", "A", {"u": 3}, 0)
    release(tree, "drawn", 0)
    assert tree.reservations["r"].amounts == {"u": 3}
    assert used(tree, "A") == (0,)
    assert check(tree) == []


def test_evicted_work_that_is_not_acceptable_any_more_stays_evicted() -> None:
    """It must not be lost: a manager may change the rule back, and its owner may ask differently."""
    tree = drawn_and_over()
    admit(tree, Request("owner", "B", {"u": 8}, order=2), 0)
    evicted(tree, "drawn", 0)
    set_limits(tree, "A", {}, policy=Policy(max_priority=10))
    decision = requeue(tree, "drawn", 0)
    assert decision.outcome == "refused"
    assert decision.reason is not None
    assert decision.reason.code == "priority_above_max"
    assert tree.claims["drawn"].state is ClaimState.EVICTED
    set_limits(tree, "A", {}, policy=Policy(max_priority=50))
    assert requeue(tree, "drawn", 0).outcome == "waiting"
