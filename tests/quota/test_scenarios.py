"""The scenarios of tests/quota/scenarios, run by the simulator."""

from typing import Any

import pytest

from jeroboam.quota.invariants import check
from jeroboam.quota.simulator.simulate import Simulation
from tests.quota.scenario_files import cases, expand

CASES = cases()


def nodes(view: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found = {view["name"]: view}
    for child in view["children"]:
        found |= nodes(child)
    return found


@pytest.mark.parametrize("case", CASES, ids=[c["id"] for c in CASES])
def test_scenario(case: dict[str, Any]) -> None:
    simulation = Simulation(expand(case))
    answer = simulation.run()
    results = [r for step in answer["steps"] for r in step["results"]]
    seen: dict[str, Any] = {}
    for word, wanted in case["expect"].items():
        seen[word] = observe(word, wanted, answer, results)
    assert seen == expected(case["expect"])
    assert check(simulation.tree) == []


def expected(expect: dict[str, Any]) -> dict[str, Any]:
    return {word: sorted(wanted) if word in ("victims", "evicted") else wanted for word, wanted in expect.items()}


def observe(word: str, wanted: Any, answer: dict[str, Any], results: list[Any]) -> Any:
    """What the simulation shows of what a case expects, in the form that the case has."""
    tree = nodes(answer["tree"])
    match word:
        case "victims":
            return sorted(results[-1].get("victims", []))
        case "outcome":
            return results[-1]["outcome"]
        case "outcomes":
            return [r["outcome"] for r in results]
        case "code":
            return results[-1]["reason"]["code"]
        case "says":
            return results[-1]["reason"]["sentence"].removeprefix("cannot ")
        case "helps":
            return results[-1]["reason"]["sentence"].partition(". What would help: ")[2].split("; or ")
        case "evicted":
            return sorted(e for step in answer["steps"] for e in step["evicted"])
        case "admitted":
            return sum(r["outcome"] == "admitted" for r in results)
        case "states":
            return {claim: answer["claims"].get(claim) for claim in wanted}
        case "used":
            return {name: tree[name]["used"].get("u", 0) for name in wanted}
        case "held":
            admitted = [claim.split(".")[0] for claim, state in answer["claims"].items() if state == "admitted"]
            return {name: admitted.count(name) for name in wanted}
        case "tree":
            return {n: {w: tree[n][w].get("u", 0) for w in words} for n, words in wanted.items()}
        case "gone":
            return [name for name in wanted if name not in tree]
    raise AssertionError(f"a case cannot expect {word}")
