"""What a reclaim frees is its beneficiary's, whoever asks meanwhile."""

from itertools import islice

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jeroboam.quota.admission import Request, admit, decide, evicted, release, settle
from jeroboam.quota.invariants import check, debts
from jeroboam.quota.policy import Ground, Policy, Shortage
from jeroboam.quota.tree import Claim, ClaimState, Tree
from tests.quota.builders import cloud, project

TEAMS = ("T1", "T2", "T3")
BORROWED = [(team, 2, "refuse") for team in ("T2", "T3")] * 4
Asks = list[tuple[str, int, str]]
asks = st.lists(st.tuples(st.sampled_from(TEAMS), st.integers(1, 4), st.sampled_from(["refuse", "wait"])), max_size=12)


@settings(max_examples=100, deadline=None)
@given(before=asks, owner=st.integers(2, 6), between=asks, waits=st.booleans())
def test_nobody_else_gets_what_is_pledged(before: Asks, owner: int, between: Asks, waits: bool) -> None:
    tree = cloud(Policy(grace_seconds=60), u=18)
    for team in TEAMS:
        project(tree, team, u=6)
    for index, (team, units, shortage) in enumerate([*BORROWED, *before]):
        admit(tree, Request(f"b{index}", team, {"u": units}, shortage=shortage, order=index), 0)
    decision = admit(tree, Request("owner", "T1", {"u": owner}, order=99), 0)
    assume(decision.outcome == "reclaiming")
    interlopers = iter(between)
    order = 100
    while tree.claims["owner"].state is ClaimState.RECLAIMING:
        for team, units, shortage in islice(interlopers, 2):
            admit(tree, Request(f"i{order}", team, {"u": units}, shortage=shortage, order=order), 0)
            order += 1
        row = tree.reclaims["owner"]
        assert row.victims
        evicted(tree, row.victims[0], 0)
        assert check(tree) == []
        assert debts(tree) == {}
    assert tree.claims["owner"].state is ClaimState.ADMITTED
    if waits:
        release(tree, "owner", 0)
        assert check(tree) == []


def borrowed_from_two(victims: int = 4) -> Tree:
    """C has its 8 and borrows what A and B leave idle of their 6 each, in claims of 5."""
    tree = cloud(Policy(grace_seconds=60), u=20)
    for team, units in (("A", 6), ("B", 6), ("C", 8)):
        project(tree, team, u=units)
    for index in range(victims):
        admit(tree, Request(f"v{index}", "C", {"u": 5}, order=index), 0)
    return tree


def test_what_leaves_for_a_later_reclaim_is_not_taken_by_an_earlier_one() -> None:
    tree = borrowed_from_two()
    first = admit(tree, Request("a", "A", {"u": 5}, order=5), 0)
    second = admit(tree, Request("b", "B", {"u": 6}, order=6), 0)
    assert (len(first.victims), len(second.victims)) == (1, 2)
    deadline = tree.reclaims["b"].deadline
    evicted(tree, second.victims[0], 1)
    assert tree.claims["a"].state is ClaimState.RECLAIMING
    evicted(tree, second.victims[1], 2)
    assert tree.claims["b"].state is ClaimState.ADMITTED
    assert deadline == 60
    evicted(tree, first.victims[0], 3)
    assert tree.claims["a"].state is ClaimState.ADMITTED
    assert check(tree) == []


def test_a_borrower_that_comes_meanwhile_does_not_break_a_pledge_to_work_that_may_not_be_reclaimed() -> None:
    tree = cloud(Policy(grace_seconds=60), u=24)
    project(tree, "ORG", u=6)
    project(tree, "T1", "ORG", u=4)
    project(tree, "T2", "ORG", u=0)
    admit(tree, Request("first", "T2", {"u": 4}, order=1), 0)
    admit(tree, Request("second", "T2", {"u": 2}, order=2), 0)
    firm = Request("firm", "T1", {"u": 2}, reclaimable=False, order=3)
    assert admit(tree, firm, 0).victims == ("second",)
    assert admit(tree, Request("borrower", "T1", {"u": 2}, order=4), 0).outcome == "admitted"
    evicted(tree, "second", 1)
    assert tree.claims["firm"].state is ClaimState.ADMITTED
    assert tree.reclaims == {}
    assert check(tree) == []


def test_what_fits_only_once_another_reclaim_has_ended_waits_for_that() -> None:
    """Admitted at once it would stand in the way of the reclaim that ends first."""
    tree = cloud(Policy(grace_seconds=60), u=24)
    for team, units in (("A", 6), ("B", 6), ("C", 0)):
        project(tree, team, u=units)
    for claim_id, units in (("keeps", 13), ("large", 6), ("small", 4)):
        admit(tree, Request(claim_id, "C", {"u": units}, order=tree.last_order + 1), 0)
    assert admit(tree, Request("a", "A", {"u": 5}, order=4), 0).victims == ("small",)
    assert admit(tree, Request("b", "B", {"u": 4}, order=5), 0).victims == ("large",)
    late = admit(tree, Request("late", "B", {"u": 1}, order=6), 0)
    assert (late.outcome, late.victims) == ("reclaiming", ("large",))
    evicted(tree, "small", 1)
    assert tree.claims["a"].state is ClaimState.ADMITTED
    evicted(tree, "large", 2)
    assert {tree.claims[c].state for c in ("b", "late")} == {ClaimState.ADMITTED}


def test_what_comes_free_by_itself_serves_a_reclaim_and_spares_its_victims() -> None:
    tree = borrowed_from_two()
    (victim,) = admit(tree, Request("a", "A", {"u": 5}, order=5), 0).victims
    other = next(c.id for c in tree.claims.values() if c.node_id == "C" and c.id != victim)
    release(tree, other, 1)
    assert tree.claims["a"].state is ClaimState.ADMITTED
    assert tree.claims[victim].leaving is None
    assert tree.reclaims == {}


def test_a_reclaim_whose_victims_may_stay_keeps_its_place_before_the_queue() -> None:
    """Its victim may stay because another reclaim frees more than it needs: that surplus is its own from then on."""
    tree = cloud(Policy(grace_seconds=60), u=16)
    for team, units in (("A", 4), ("B", 4), ("W", 0), ("D", 0)):
        project(tree, team, u=units)
    for claim_id, units in (("big", 11), ("small", 4), ("tiny", 1)):
        admit(tree, Request(claim_id, "D", {"u": units}, order=tree.last_order + 1), 0)
    assert admit(tree, Request("a", "A", {"u": 4}, order=5), 0).victims == ("small",)
    assert admit(tree, Request("b", "B", {"u": 4}, order=6), 0).victims == ("big",)
    queued = Request("queued", "W", {"u": 7}, 90, "wait", order=7)
    tree.record(Claim("queued", "W", {"u": 7}, 90, 7, ClaimState.WAITING, shortage=Shortage.WAIT))
    assert decide(tree, queued, 1).outcome == "reclaiming"
    settle(tree, 1)
    assert tree.reclaims["a"].victims == ("big",)
    assert tree.reclaims["a"].deadline == 60
    assert check(tree) == []


def test_what_leaves_for_one_may_be_enough_for_another() -> None:
    tree = cloud(u=8)
    project(tree, "A", u=4)
    project(tree, "B", u=4)
    tree.root.policy = Policy(grace_seconds=10)
    admit(tree, Request("big", "B", {"u": 8}, order=1), 0)
    first, second = (admit(tree, Request(f"a{nth}", "A", {"u": 2}, order=nth), 0) for nth in (2, 3))
    assert first.victims == second.victims == ("big",)
    assert (first.rule, second.rule) == (Ground.GUARANTEE, Ground.LEFT_OVER)
    evicted(tree, "big", 1)
    assert tree.nodes["A"].used == {"u": 4}
