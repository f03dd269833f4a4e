"""Every no explains itself, and tells nobody what is not for them."""

import pytest

from jeroboam.quota.admission import Request, decide, settle
from jeroboam.quota.limits import reserve, set_limits
from jeroboam.quota.reasons import Help, QuotaConflict, Reason
from jeroboam.quota.redaction import visible
from jeroboam.quota.sentences import _HELP, _WHY
from jeroboam.quota.tree import Limit, Tree
from tests.quota.builders import ask, ask_each, cloud, project


def organisation() -> Tree:
    tree = cloud(u=20)
    project(tree, "ORG", u=20, borrow=0)
    project(tree, "T1", "ORG", u=8, borrow=0)
    project(tree, "T2", "ORG", u=6)
    return tree


def refusal(tree: Tree, node: str, units: int) -> Reason:
    reason = decide(tree, Request("probe", node, {"u": units}), 0).reason
    assert reason is not None
    return reason


def test_a_limit_names_what_its_parent_could_give() -> None:
    tree = organisation()
    reason = refusal(tree, "T1", 14)
    assert (reason.code, reason.node, reason.resource) == ("limit_reached", "T1", "u")
    assert reason.figures["missing"] == 6
    assert reason.sentence({"T1": "team 1", "ORG": "the organisation"}) == (
        "cannot admit 14 u: team 1 holds 0 of the 8 that it may reach (hard_limit 8 + borrow_limit 0). "
        "What would help: ask for 8 or less; "
        "or the organisation has 6 free: its manager can raise the hard_limit to 14; "
        "or ask with shortage wait: the request is queued and admitted when others release"
    )


def test_a_full_ancestor_is_named_with_what_is_left() -> None:
    tree = organisation()
    ask_each(tree, "T2", 10)
    reason = refusal(tree, "T2", 12)
    assert (reason.code, reason.node) == ("ancestor_full", "ORG")
    assert reason.sentence().startswith("cannot admit 12 u: ORG has 10 of 20 left")


def test_a_member_does_not_see_the_figures_of_others() -> None:
    tree = organisation()
    ask_each(tree, "T2", 10)
    reason = refusal(tree, "T2", 12)
    seen = visible(tree, reason, own="T2")
    assert seen.node == "ORG"
    assert "taken" not in seen.figures
    assert seen.figures["available"] == 10
    assert visible(tree, reason, own="T2", managed="ORG") == reason


@pytest.mark.parametrize(("lend", "sentence"), [(None, "ORG has 0 left"), (8, "ORG has 0 left, and the requester")])
def test_a_sentence_for_a_member_has_no_gaps_and_no_figure_of_what_is_above(lend: int | None, sentence: str) -> None:
    tree = cloud(u=100)
    project(tree, "ORG", u=16, borrow=0)
    project(tree, "T1", "ORG", u=8 if lend is None else 0)
    project(tree, "T2", "ORG", u=8 if lend is None else 0)
    ask_each(tree, "T1", 8)
    ask_each(tree, "T2", 8)
    told = visible(tree, refusal(tree, "T1", 1), own="T1").sentence()
    assert told.startswith(f"cannot admit 1 u: {sentence}")
    assert "a manager of cloud can raise the hard_limit below it by 1" in told
    assert " -" not in told
    assert "16" not in told
    assert "17" not in told
    assert "84" not in told


def test_another_project_is_never_named() -> None:
    tree = organisation()
    seen = visible(tree, Reason("limit_reached", "T1", "u", {"asked": 1, "taken": 7}), own="T2")
    assert seen.node is None
    assert "another project" in seen.sentence()
    assert "7" not in seen.sentence()


@pytest.mark.parametrize("code", sorted(_WHY))
def test_every_code_has_its_sentence(code: str) -> None:
    assert Reason(code, "n", "u").sentence().startswith("cannot ")


def test_every_help_that_is_given_has_its_words() -> None:
    tree = organisation()
    ask(tree, "T1", "w", 8)
    reasons = [refusal(tree, "T1", 1), refusal(tree, "T2", 99)]
    with pytest.raises(QuotaConflict) as refused:
        set_limits(tree, "T1", {"u": Limit(4, None, 0)})
    reasons.append(refused.value.reason)
    assert all(h.code in _HELP for r in reasons for h in r.helps)
    assert refused.value.detail["code"] == "below_use"


def test_units_that_come_back_at_the_end_of_a_reservation_have_a_time() -> None:
    tree = cloud(u=20)
    project(tree, "T1", u=8, borrow=0)
    reserve(tree, "late", "T1", {"u": 2}, 0, until=1_000_000_100)
    reserve(tree, "soon", "T1", {"u": 3}, 0, until=1_000_000_000)
    assert told_until(tree, 6) == (3, 1_000_000_000)
    assert told_until(tree, 7) == (5, 1_000_000_100)
    assert told_until(tree, 9) is None
    assert "wait: 3 of your units come back by 2001-09-09T01:46:40+00:00" in refusal(tree, "T1", 6).sentence()
    assert (
        "by 9999-12-31T23:59:59"
        in Reason("n", "n", "u", helps=(Help("wait_until", "n", {"units": 1}, 1e300),)).sentence()
    )
    settle(tree, 1_000_000_000)
    assert decide(tree, Request("probe", "T1", {"u": 6}), 0).outcome == "admitted"


def told_until(tree: Tree, units: int) -> tuple[int, float | None] | None:
    found = [(h.figures["units"], h.at) for h in refusal(tree, "T1", units).helps if h.code == "wait_until"]
    return found[0] if found else None


def test_nothing_is_certain_while_others_queue() -> None:
    tree = cloud(u=8)
    project(tree, "T1", u=8)
    project(tree, "T2", u=0)
    reserve(tree, "mine", "T1", {"u": 3}, 0, until=10)
    assert told_until(tree, 6) == (3, 10)
    ask(tree, "T2", "queues", 6, shortage="wait")
    assert told_until(tree, 6) is None
