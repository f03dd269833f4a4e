"""Every no explains itself, and tells nobody what is not for them."""

from dataclasses import replace

import pytest

from jeroboam.model.quantities import written
from jeroboam.quota.admission import Request, admit_now, decide, release, settle
from jeroboam.quota.limits import extend, remove, reserve, set_limits
from jeroboam.quota.policy import Policy
from jeroboam.quota.reasons import Help, QuotaConflict, Reason
from jeroboam.quota.redaction import visible
from jeroboam.quota.sentences import _HELP, _WHY
from jeroboam.quota.tree import ROOT, Limit, Tree
from tests.quota.builders import ask, ask_each, cloud, project, used


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
        "or the organisation has 6 free: its manager can raise the hard_limit of team 1 to 14"
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
    assert "a manager of cloud can raise the hard_limit of ORG by 1" in told
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


def shared() -> Tree:
    """Two projects that own nothing and share a pool of 16, of which A holds 7 and B the rest."""
    tree = cloud(u=16, memory=1000)
    project(tree, "A", u=0, memory=0)
    project(tree, "B", u=0, memory=0)
    ask_each(tree, "A", 7)
    ask_each(tree, "B", 9)
    return tree


def test_who_would_have_more_than_its_part_is_told_its_figures() -> None:
    reason = refusal(shared(), "A", 2)
    assert (reason.code, reason.decides) == ("share_reached", "u")
    assert {word: reason.figures[word] for word in ("has", "asks", "deserved")} == {"has": 7, "asks": 2, "deserved": 8}
    assert reason.sentence().startswith(
        "cannot admit 2 u: cloud has 0 of 16 left, and the requester would then have more than its fair part of u "
        "(it has 7, asks for 2, deserves 8). What would help: ask for 1 or less; or release 1 of your own; or ask with"
    )


def test_the_resource_that_decides_is_named() -> None:
    """There is memory enough, and u would come back: by its memory the requester is above its fair part."""
    tree = shared()
    request = Request("probe", "A", {"u": 1, "memory": 600})
    reason = decide(tree, request, 0).reason
    assert reason is not None
    assert (reason.code, reason.resource, reason.decides) == ("share_reached", "u", "memory")
    said = visible(tree, reason, own="A").sentence(None, lambda resource, units: f"{units} ({resource})")
    assert "more than its fair part of memory (it has 0 (memory), asks for 600 (memory), deserves 500 (memory))" in said
    short = decide(tree, replace(request, amounts={"u": 1, "memory": 1001}), 0).reason
    assert short is not None
    assert short.resource == "memory"


def test_what_others_would_leave_for_is_not_named() -> None:
    """B would leave for the u that A owns; its memory is its own."""
    tree = cloud(u=4, memory=4)
    project(tree, "A", u=4, memory=0)
    project(tree, "B", u=0, memory=4)
    ask_each(tree, "B", 4)
    assert admit_now(tree, Request("held", "B", {"memory": 4}), 0).outcome == "admitted"
    reason = decide(tree, Request("probe", "A", {"u": 1, "memory": 1}), 0).reason
    assert reason is not None
    assert reason.resource == "memory"


def test_a_victim_that_is_too_large_is_no_fair_part() -> None:
    """A would have 4 of the 8 that it deserves: B has one claim of 16, and would have nothing."""
    tree = cloud(u=16)
    project(tree, "A", u=0)
    project(tree, "B", u=0)
    ask(tree, "B", "all", 16)
    reason = refusal(tree, "A", 4)
    assert (reason.code, reason.decides) == ("share_reached", None)
    assert "left, and nobody who is above what they own has to leave for it" in reason.sentence()


def test_waiting_is_proposed_where_it_would_end() -> None:
    tree = cloud(u=16)
    project(tree, "A", u=8, borrow=0)
    project(tree, "B", u=8, lend=2)
    ask(tree, "A", "a", 8)
    assert "wait" in [h.code for h in refusal(tree, "A", 8).helps]
    assert "wait" not in [h.code for h in refusal(tree, "A", 9).helps]
    ask(tree, "B", "b", 1)
    assert "wait" in [h.code for h in refusal(tree, "B", 16).helps]
    assert "wait" not in [h.code for h in refusal(tree, "B", 17).helps]
    set_limits(tree, "A", {"u": Limit(8, 3, 0)}, force=True)
    assert "wait" in [h.code for h in refusal(tree, "B", 11).helps]
    assert "wait" not in [h.code for h in refusal(tree, "B", 12).helps]


@pytest.mark.parametrize(("until", "waits"), [(None, False), (10.0, True)])
def test_what_is_reserved_for_good_is_not_waited_for(until: float | None, waits: bool) -> None:
    tree = cloud(u=16)
    project(tree, "A", u=8)
    project(tree, "B", u=8)
    reserve(tree, "r", "B", {"u": 4}, 0, until)
    assert ("wait" in [h.code for h in refusal(tree, "A", 13).helps]) is waits


def test_a_reservation_is_told_of_by_name_and_is_not_drawn_from_before_it_is_there() -> None:
    tree = cloud(Policy(grace_seconds=30), u=8)
    project(tree, "A", u=4)
    project(tree, "B", u=4)
    ask_each(tree, "B", 8)
    assert reserve(tree, "r", "A", {"u": 4}, 0).outcome == "reclaiming"
    early = decide(tree, Request("probe", "A", {"u": 1}, reservation="r"), 0).reason
    assert early is not None
    assert (early.code, early.helps[0].at) == ("reservation_pending", 30)
    assert "draw from the reservation r yet: its units are still being taken back" in early.sentence()
    none = decide(tree, Request("probe", "A", {"u": 1}, reservation="nope"), 0).reason
    assert none is not None
    assert none.sentence() == (
        "cannot find the reservation nope of A. What would help: list the reservations of A, and name one of them"
    )
    with pytest.raises(QuotaConflict, match="cannot find the reservation nope"):
        extend(tree, "nope", 9)


def test_a_reservation_is_not_told_to_wait() -> None:
    tree = cloud(u=8)
    project(tree, "A", u=4)
    ask(tree, "A", "a", 4)
    for asked in (4, 5):
        reason = reserve(tree, "r", "A", {"u": asked}, 0).reason
        assert reason is not None
        assert {"wait", "mark_reclaimable"}.isdisjoint(h.code for h in reason.helps)


def test_the_same_request_again_is_told_how_it_stands() -> None:
    tree = cloud(u=8)
    project(tree, "A", u=8)
    assert ask(tree, "A", "a", 2).outcome == ask(tree, "A", "a", 2).outcome == "admitted"
    assert used(tree, "A") == (2,)
    release(tree, "a", 0)
    again = ask(tree, "A", "a", 2)
    assert (again.outcome, again.reason and again.reason.code) == ("refused", "claim_ended")


def test_many_vcpus_are_written_out() -> None:
    assert [written("vcpus", units) for units in (0, 500, 10_000, 1_234_567_500)] == ["0", "0.5", "10", "1234567.5"]


def test_one_is_not_several() -> None:
    def said(code: str, **figures: int) -> str:
        return Reason(code, "n", "containers", figures).sentence()

    assert said("ancestor_full", asked=1, available=0, ceiling=1).startswith("cannot admit 1 container: ")
    assert said("ancestor_full", asked=2, available=0, ceiling=1).startswith("cannot admit 2 containers: ")
    assert said("has_children", count=1) == "cannot remove n: it has 1 project below it"
    assert said("has_claims", count=2) == "cannot remove n: it has 2 claims"
    assert said("has_reservations", count=1) == "cannot remove n: 1 container is reserved in it"
    assert said("below_given", asked=1, given=3).endswith("to 1 container: 3 are allocated or reserved")


def test_the_top_of_the_tree_is_named() -> None:
    with pytest.raises(QuotaConflict, match="cannot move or remove cloud: it is the top of the tree"):
        remove(organisation(), ROOT)


def test_nothing_is_certain_while_others_queue() -> None:
    tree = cloud(u=8)
    project(tree, "T1", u=8)
    project(tree, "T2", u=0)
    reserve(tree, "mine", "T1", {"u": 3}, 0, until=10)
    assert told_until(tree, 6) == (3, 10)
    ask(tree, "T2", "queues", 6, shortage="wait")
    assert told_until(tree, 6) is None
