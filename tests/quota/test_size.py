"""What a large tree costs, in figures that do not depend on the machine."""

import tracemalloc

from jeroboam.quota.admission import Request, admit, decide
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
