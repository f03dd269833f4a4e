"""What a reclaim frees is its beneficiary's, whoever asks meanwhile."""

from itertools import islice

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from jeroboam.quota.admission import Request, admit, evicted, release
from jeroboam.quota.invariants import check, debts
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ClaimState
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
