"""The pure engine: what one thread admits a second in a large tree, what a reclaim among many claims takes to decide,
and what a loaded project weighs. No server, no database, no engine of containers. Absolute figures, the best of several
rounds: other work on the machine only ever slows.
"""

import random
import time

import psutil

from bench.result import Result, spread
from jeroboam.quota.admission import Request, admit, decide
from jeroboam.quota.counters import attach, change
from jeroboam.quota.tree import ROOT, Limit, Node, Tree

RESOURCES = ("containers", "vcpus", "memory", "gpus", "volumes")
PROJECTS, DOMAINS, ORGANISATIONS = 100_000, 10, 100
CLAIMS, OWED = 10_000, 100
RATE, MILLISECONDS, REFUSING, KIB = 20_000, 20.0, 300.0, 3.0


def engine(quick: bool) -> list[Result]:
    rounds = 3 if quick else 7
    decided = _reclaims(_borrowed(ROOT), rounds)
    inside = _reclaims(_borrowed("house"), rounds)
    shared = _shared()
    refused = [_refusal(shared) for _ in range(rounds)]
    before = psutil.Process().memory_info().rss
    tree = _cloud(PROJECTS)
    weight = (psutil.Process().memory_info().rss - before) / PROJECTS / 1024
    rates = [_admissions(tree, 10_000, seed) for seed in range(rounds)]
    size = {"projects": PROJECTS, "resources": len(RESOURCES), "levels": 4}
    return [
        Result(
            "engine: admissions", max(rates), RATE, "/s", at_least=True, detail={**size, "per_second": spread(rates)}
        ),
        _deciding("a reclaim", decided, MILLISECONDS, OWED),
        _deciding("a reclaim inside an organisation", inside, MILLISECONDS, OWED),
        _deciding("a refusal, half of all tried", refused, REFUSING, 0),
        Result("engine: memory of a project", weight, KIB, "KiB", detail=size),
    ]


def _deciding(what: str, taken: list[float], most: float, victims: int) -> Result:
    detail = {"claims": CLAIMS, "victims": victims, "milliseconds": spread(taken)}
    return Result(f"engine: deciding {what}", min(taken), most, "ms", detail=detail)


def _cloud(projects: int) -> Tree:
    """cloud > domains > organisations > projects, each with limits and counters of its own for every resource."""
    tree = Tree({r: Limit(10**12) for r in RESOURCES})
    homes = []
    for domain in range(DOMAINS):
        attach(tree, Node(f"domain-{domain}", f"domain {domain}", limits=_limits(10**11)), ROOT)
        for _ in range(ORGANISATIONS // DOMAINS):
            homes.append(f"org-{len(homes)}")
            attach(tree, Node(homes[-1], homes[-1], limits=_limits(10**10)), f"domain-{domain}")
    for i in range(projects):
        node = Node(f"project-{i}", f"team {i}", limits={r: Limit(10**5 + i, 10**5, 10**6 + i) for r in RESOURCES})
        attach(tree, node, homes[i % len(homes)])
        for resource in RESOURCES:
            change(tree, node, resource, used=1000 + i)
    tree.forget_changes()
    return tree


def _limits(hard: int) -> dict[str, Limit]:
    return dict.fromkeys(RESOURCES, Limit(hard))


def _admissions(tree: Tree, count: int, seed: int) -> float:
    """A second, of requests for all resources that reach the root, all over the tree."""
    choose = random.Random(seed)  # noqa: S311 - the same requests in every run
    requests = [
        Request(f"{seed}-{i}", f"project-{choose.randrange(PROJECTS)}", dict.fromkeys(RESOURCES, 1), order=i)
        for i in range(count)
    ]
    began = time.perf_counter()
    outcomes = {admit(tree, request, 0.0).outcome for request in requests}
    seconds = time.perf_counter() - began
    assert outcomes == {"admitted"}
    return count / seconds


def _borrowed(top: str) -> Tree:
    """A hundred projects hold all there is in 10,000 claims, half of it an idle owner's; everybody is below `top`."""
    tree = Tree({r: Limit(10 * CLAIMS) for r in RESOURCES})
    attach(tree, Node("house", "house", limits=_limits(10 * CLAIMS if top != ROOT else 0)), ROOT)
    attach(tree, Node("owner", "owner", limits=_limits(5 * CLAIMS)), top)
    choose = random.Random(0)  # noqa: S311
    for org in range(10):
        attach(tree, Node(f"org-{org}", f"org-{org}", limits=_limits(CLAIMS // 2)), top)
        for team in range(10):
            attach(tree, Node(f"{org}.{team}", f"{org}.{team}", limits=_limits(CLAIMS // 20)), f"org-{org}")
    for i in range(CLAIMS):
        place = f"{i % 10}.{i // 10 % 10}"
        amounts = dict.fromkeys(RESOURCES, 10)
        decision = admit(tree, Request(f"claim-{i}", place, amounts, choose.randrange(100), order=i), 0.0)
        assert decision.outcome == "admitted"
    return tree


def _shared() -> Tree:
    """One of two projects, neither of which owns anything, holds all there is in 10,000 claims."""
    tree = Tree({"containers": Limit(CLAIMS)})
    for name in ("first", "second"):
        attach(tree, Node(name, name, limits={"containers": Limit(0)}), ROOT)
    for i in range(CLAIMS):
        admit(tree, Request(f"claim-{i}", "first", {"containers": 1}, order=i), 0.0)
    return tree


def _refusal(tree: Tree) -> float:
    """Milliseconds until it is known that nobody leaves for one who asks for a little more than its fair half."""
    request = Request("second-1", "second", {"containers": CLAIMS // 2 + 10}, order=CLAIMS)
    began = time.perf_counter()
    decision = decide(tree, request, 0.0)
    seconds = time.perf_counter() - began
    assert decision.outcome == "refused"
    return 1000 * seconds


def _reclaims(tree: Tree, rounds: int) -> list[float]:
    return [_reclaim(tree) for _ in range(rounds)]


def _reclaim(tree: Tree) -> float:
    """Milliseconds until it is known who of the 10,000 leave for the owner."""
    request = Request("owner-1", "owner", dict.fromkeys(RESOURCES, 10 * OWED), order=CLAIMS)
    began = time.perf_counter()
    decision = decide(tree, request, 0.0)
    seconds = time.perf_counter() - began
    assert (decision.outcome, len(decision.victims)) == ("reclaiming", OWED)
    return 1000 * seconds
