"""A claim that is to hold something else."""

from jeroboam.quota.admission import resize
from jeroboam.quota.reasons import Reason
from tests.quota.builders import ask, ask_each, cloud, project, used


def refusal(asked: int) -> Reason:
    """T has a claim of 7 and deserves 8 of the 16 that are in use."""
    tree = cloud(u=16)
    project(tree, "T", u=0)
    project(tree, "S", u=0)
    ask(tree, "T", "a", 7)
    ask_each(tree, "S", 9)
    reason = resize(tree, "a", {"u": asked}, 1.0).reason
    assert reason is not None
    return reason


def test_growth_is_not_told_to_wait_nor_what_others_would_leave_for() -> None:
    """A claim of its own would get 1, by reclaim: growth does not."""
    assert refusal(8).code == "needs_reclaim"
    reason = refusal(9)
    assert (reason.code, reason.helps) == ("share_reached", ())


def test_a_negative_amount_is_refused_and_changes_nothing() -> None:
    tree = cloud(u=10)
    project(tree, "T", u=10)
    ask(tree, "T", "a", 3)
    decision = resize(tree, "a", {"u": -5}, 1.0)
    assert decision.outcome == "refused"
    assert decision.reason is not None
    assert decision.reason.code == "negative_amount"
    assert used(tree, "T") == (3,)
