"""What a large tree costs, in figures that do not depend on the machine."""

import sys
import tracemalloc
from types import FrameType

from jeroboam.quota.admission import Decision, Request, admit, admit_now, decide
from jeroboam.quota.counters import attach
from jeroboam.quota.tree import ROOT, Limit, Node, Tree
from jeroboam.quota.trial import Trial

RESOURCES = ("containers", "vcpus", "memory", "gpus", "volumes")


def test_a_loaded_project_takes_less_than_3_kib() -> None:
    tree = Tree({r: Limit(10**12) for r in RESOURCES})
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    count = 2000
    for i in range(count):
        used = {r: 1000 + i for r in RESOURCES}
        limits = {r: Limit(10**6 + i, 10**5, 10**6) for r in RESOURCES}
        attach(tree, Node(f"project-{i}", f"team {i}", limits=limits, used=used, subtree=dict(used)), ROOT)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown / count <= 3 * 1024


def test_a_private_request_touches_no_ancestor() -> None:
    tree = Tree({"u": Limit(100)})
    attach(tree, Node("org", "org", limits={"u": Limit(50)}), ROOT)
    attach(tree, Node("team", "team", limits={"u": Limit(10, 0, 0)}), "org")
    tree.forget_changes()
    admit(tree, Request("a", "team", {"u": 10}), 0)
    assert tree.dirty_nodes == {"team"}


def test_many_victims_are_all_needed() -> None:
    """200 leave of 2,000 that could: putting any of them back breaks the fit."""
    tree = Tree({"u": Limit(4000)})
    for i in range(20):
        attach(tree, Node(f"b{i}", f"b{i}", limits={"u": Limit(50)}), ROOT)
    attach(tree, Node("own", "own", limits={"u": Limit(1000)}), ROOT)
    for i in range(2000):
        admit(tree, Request(f"c{i}", f"b{i % 20}", {"u": 2}, order=i), 0)
    decision = decide(tree, Request("r", "own", {"u": 400}), 0)
    assert len(decision.victims) == 200
    trial = Trial()
    for victim in decision.victims:
        trial.add(tree.nodes[tree.claims[victim].node_id], tree.claims[victim].amounts, -1)
    assert trial.shortages(tree.nodes["own"], {"u": 400}) == []
    for victim in decision.victims:
        node, amounts = tree.nodes[tree.claims[victim].node_id], tree.claims[victim].amounts
        trial.add(node, amounts)
        assert trial.shortages(tree.nodes["own"], {"u": 400})
        trial.add(node, amounts, -1)


def borrowed(parent: str, claims: int = 1000) -> Tree:
    """Ten teams beside an idle owner, all under `parent`, hold twice what they own."""
    tree = Tree({"u": Limit(2 * claims)})
    attach(tree, Node("org", "org", limits={"u": Limit(2 * claims if parent == "org" else 0)}), ROOT)
    attach(tree, Node("own", "own", limits={"u": Limit(claims)}), parent)
    for i in range(10):
        attach(tree, Node(f"b{i}", f"b{i}", limits={"u": Limit(claims // 10)}), parent)
    for i in range(claims):
        admit(tree, Request(f"c{i}", f"b{i % 10}", {"u": 2}, order=i), 0)
    return tree


def decided(tree: Tree, request: Request) -> tuple[Decision, int]:
    """The decision, and how many calls it took."""
    calls = 0

    def count(frame: FrameType, event: str, argument: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        decision = decide(tree, request, 0)
    finally:
        sys.setprofile(before)
    return decision, calls


def test_a_reclaim_inside_an_organisation_ranks_its_claims_once() -> None:
    request = Request("r", "own", {"u": 100}, order=10_000)
    beside, cost_beside = decided(borrowed(ROOT), request)
    inside, cost_inside = decided(borrowed("org"), request)
    assert inside.victims == beside.victims
    assert len(inside.victims) == 50
    assert cost_inside < 2 * cost_beside


def test_the_next_reclaim_ranks_none_of_the_claims_that_it_leaves_alone() -> None:
    """Each of a hundred requests looked at all that one project held: a simulation took a minute."""
    costs = {}
    for claims in (100, 1000):
        tree = Tree({"u": Limit(2 * claims)})
        for name in ("own", "other"):
            attach(tree, Node(name, name, limits={"u": Limit(claims)}), ROOT)
        for i in range(2 * claims):
            admit(tree, Request(f"c{i}", "other", {"u": 1}, order=i), 0)
        admit_now(tree, Request("first", "own", {"u": 10}, order=2 * claims), 0)
        decision, costs[claims] = decided(tree, Request("next", "own", {"u": 1}, order=2 * claims + 1))
        assert decision.victims == (f"c{2 * claims - 11}",)
    assert costs[1000] < 2 * costs[100]


def test_a_refusal_costs_no_more_than_twice_what_the_largest_reclaim_does() -> None:
    """A member may ask for more than its fair part as often as it likes."""
    tree = Tree({"u": Limit(1000)})
    for name in ("a", "b"):
        attach(tree, Node(name, name, limits={"u": Limit(0)}), ROOT)
    for i in range(1000):
        admit(tree, Request(f"c{i}", "a", {"u": 1}, order=i), 0)
    most, cost = decided(tree, Request("r", "b", {"u": 500}, order=1000))
    more, cost_of_more = decided(tree, Request("r", "b", {"u": 501}, order=1000))
    assert (most.outcome, more.outcome) == ("reclaiming", "refused")
    assert cost_of_more < 2 * cost
