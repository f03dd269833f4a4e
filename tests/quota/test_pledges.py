"""Several reclaims at once: each beneficiary waits for its own victims, and for nobody else's."""

from jeroboam.quota.admission import evicted
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ClaimState
from tests.quota.builders import ask, ask_each, cloud, project


def test_whose_victim_leaves_first_is_served_first_and_the_others_keep_their_deadlines() -> None:
    tree = cloud(Policy(grace_seconds=5), u=16)
    project(tree, "T1", u=8)
    project(tree, "T2", u=8)
    ask_each(tree, "T1", 4)
    ask_each(tree, "T2", 12)
    victims = {}
    for number in range(4):
        decision = ask(tree, "T1", f"late{number}", now=100.0 + number)
        assert decision.outcome == "reclaiming"
        victims[f"late{number}"] = decision.victims
    deadlines = {row.claim_id: row.deadline for row in tree.reclaims.values()}

    assert evicted(tree, victims["late3"][0], 101.0).admitted == ("late3",)

    assert tree.claims["late3"].state is ClaimState.ADMITTED
    assert {row.claim_id: row.victims for row in tree.reclaims.values()} == {
        claim: victims[claim] for claim in ("late0", "late1", "late2")
    }
    assert {row.claim_id: row.deadline for row in tree.reclaims.values()} == {
        claim: deadlines[claim] for claim in ("late0", "late1", "late2")
    }
