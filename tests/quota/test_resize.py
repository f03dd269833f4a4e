"""A claim that is to hold something else."""

from jeroboam.quota.admission import resize
from tests.quota.builders import ask, cloud, project, used


def test_a_negative_amount_is_refused_and_changes_nothing() -> None:
    tree = cloud(u=10)
    project(tree, "T", u=10)
    ask(tree, "T", "a", 3)
    decision = resize(tree, "a", {"u": -5}, 1.0)
    assert decision.outcome == "refused"
    assert decision.reason is not None
    assert decision.reason.code == "negative_amount"
    assert used(tree, "T") == (3,)
