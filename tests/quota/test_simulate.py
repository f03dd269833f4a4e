"""The simulator's form: what it answers, in the units of the file, and how it refuses a bad one."""

from typing import Any

import pytest

from jeroboam.quota.forms import BadForm
from jeroboam.quota.simulator.simulate import Simulation, simulate

TREE = {
    "name": "org",
    "hard_limit": {"u": 16},
    "children": [{"name": "T1", "hard_limit": {"u": 8}}, {"name": "T2", "hard_limit": {"u": 8}}],
}


def test_the_form_of_the_answer() -> None:
    held = [{"project": "T2", "id": "b", "amount": {"u": 1}, "count": 16, "priority": 0}]
    steps = [{"claim": {"project": "T1", "id": "a", "amount": {"u": 1}, "count": 2}}, {"release": {"id": "a1"}}]
    answer = simulate({"tree": TREE, "claims": held, "steps": steps})
    assert answer["steps"] == [
        {
            "step": 1,
            "results": [
                {"id": "a1", "outcome": "admitted", "victims": ["b16"]},
                {"id": "a2", "outcome": "admitted", "victims": ["b15"]},
            ],
            "evicted": ["b15", "b16"],
            "admitted": [],
            "reclaiming": [],
        },
        {
            "step": 2,
            "results": [{"id": "a1", "outcome": "released", "victims": []}],
            "evicted": [],
            "admitted": [],
            "reclaiming": [],
        },
    ]
    assert answer["claims"]["b16"] == "evicted"
    top = {k: v for k, v in answer["tree"].items() if k != "children"}
    assert top == {
        "name": "org",
        "hard_limit": {"u": 16},
        "used": {"u": 0},
        "reserved": {"u": 0},
        "allocated": {"u": 16},
        "free": {"u": 0},
        "borrowed": {"u": 0},
        "lent": {"u": 0},
        "deserved": {"u": 16},
        "fair_now": {"u": 16},
        "debt": {"u": 0},
    }
    assert [c["used"]["u"] for c in answer["tree"]["children"]] == [1, 14]


def test_fractions_come_back_in_the_units_of_the_file() -> None:
    steps = [
        {"claim": {"project": "T1", "id": "a", "amount": {"u": 0.25}}},
        {"claim": {"project": "T1", "id": "b", "amount": {"u": "50/3"}}},
    ]
    answer = simulate({"tree": TREE, "steps": steps})
    assert answer["tree"]["children"][0]["used"] == {"u": 0.25}
    reason = answer["steps"][1]["results"][0]["reason"]
    assert reason["figures"]["available"] == 15.75
    assert reason["node"] == "org"


def test_a_queued_request_is_listed_when_it_is_admitted() -> None:
    wait = {"claim": {"project": "T1", "id": "w", "amount": {"u": 9}, "shortage": "wait"}}
    full = {"claim": {"project": "T2", "id": "b", "amount": {"u": 8}}}
    answer = simulate({"tree": TREE, "steps": [full, wait, {"release": {"id": "b"}}]})
    assert answer["steps"][1]["results"][0]["outcome"] == "waiting"
    assert answer["steps"][2]["admitted"] == ["w"]


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], ()),
        ({}, ("tree",)),
        ({"tree": TREE, "stepps": []}, ("stepps",)),
        ({"tree": {"name": "r", "children": [{"name": "a"}, {"name": "a"}]}}, ("tree", "children", 1, "name")),
        ({"tree": {"name": "r", "hard_limit": {"u": "many"}}}, ("tree", "hard_limit", "u")),
        ({"tree": {"name": "r", "hard_limit": {"u": float("nan")}}}, ("tree", "hard_limit", "u")),
        ({"tree": {"name": "r", "hard_limit": {"u": True}}}, ("tree", "hard_limit", "u")),
        ({"tree": {"name": "r", "weight": -1}}, ("tree", "weight")),
        ({"tree": TREE, "policy": {"reclaim": "some"}}, ("policy", "reclaim")),
        ({"tree": TREE, "reading": "sideways"}, ("reading",)),
        ({"tree": TREE, "steps": [{"explode": {}}]}, ("steps", 0, "explode")),
        ({"tree": TREE, "steps": [{}]}, ("steps", 0)),
        ({"tree": TREE, "claims": [{"project": "T9", "id": "x", "amount": {"u": 1}}]}, ("claims", 0, "project")),
        (
            {"tree": TREE, "steps": [{"claim": {"project": "T1", "id": "x", "amount": {"u": -3}}}]},
            ("steps", 0, "claim", "amount", "u"),
        ),
        (
            {"tree": TREE, "steps": [{"claim": {"project": "T1", "id": "x", "amount": {"u": 1}, "count": 10**9}}]},
            ("steps", 0, "claim", "count"),
        ),
        (
            {"tree": TREE, "claims": [{"project": "T1", "id": "x", "amount": {"gpu": 1}}]},
            ("claims", 0, "amount", "gpu"),
        ),
        ({"tree": TREE, "claims": [{"project": "T1", "id": "x", "amount": {"u": -1}}]}, ("claims", 0, "amount", "u")),
        ({"tree": {"name": "r", "hard_limit": {"u": "1e999999999"}}}, ("tree", "hard_limit", "u")),
        ({"tree": {"name": "r", "hard_limit": {"u": "1/0"}}}, ("tree", "hard_limit", "u")),
        ({"tree": TREE, "steps": [{"advance": {"seconds": -1}}]}, ("steps", 0, "advance", "seconds")),
    ],
)
def test_a_bad_file_is_refused_with_the_place(document: Any, where: tuple[str | int, ...]) -> None:
    with pytest.raises(BadForm) as refused:
        simulate(document)
    assert refused.value.where == where
    assert str(refused.value) == refused.value.problem


ONE = {"project": "T1", "id": "a", "amount": {"u": 1}}


@pytest.mark.parametrize(
    "steps",
    [
        [{"claim": ONE}, {"claim": ONE}],
        [{"claim": ONE}, {"release": {"id": "a"}}, {"claim": {**ONE, "project": "T2"}}],
        [{"claim": {**ONE, "amount": {"u": 99}}}, {"claim": ONE}],
        [{"reserve": ONE}, {"claim": ONE}],
        [{"claim": ONE}, {"reserve": ONE}],
        [{"reserve": ONE}, {"reserve": {**ONE, "amount": {"u": 2}}}],
        [{"claim": {**ONE, "count": 2}}, {"claim": {**ONE, "id": "a2"}}],
    ],
)
def test_an_id_stands_for_one_thing(steps: list[dict[str, Any]]) -> None:
    (kind,) = steps[-1]
    with pytest.raises(BadForm, match=rf"steps\.{len(steps)}\.{kind}\.id \w+ is there already") as refused:
        simulate({"tree": TREE, "steps": steps})
    assert refused.value.where == ("steps", len(steps) - 1, kind, "id")


def test_an_id_of_the_start_is_taken() -> None:
    for ident in ("a", "T1:reserved"):
        with pytest.raises(BadForm, match=f"{ident} is there already"):
            simulate({"tree": RESERVED, "claims": [ONE], "steps": [{"claim": {**ONE, "id": ident}}]})


@pytest.mark.parametrize("step", [{"claim": {**ONE, "amount": {}}}, {"reserve": {**ONE, "amount": {}}}])
def test_nothing_is_not_asked_for(step: dict[str, Any]) -> None:
    with pytest.raises(BadForm, match="amount should name a resource"):
        simulate({"tree": TREE, "steps": [step]})


def test_time_does_not_go_back() -> None:
    first, second = {"claim": {**ONE, "at": 10}}, {"claim": {**ONE, "id": "b", "at": 5}}
    with pytest.raises(BadForm, match=r"steps\.2\.claim\.at is over: it is second 10 already"):
        simulate({"tree": TREE, "steps": [first, second]})
    second["claim"]["at"] = -5  # an age
    assert simulate({"tree": TREE, "steps": [first, second]})["claims"] == {"a": "admitted", "b": "admitted"}


def test_an_over_allocated_node_is_told() -> None:
    tree = {**TREE, "hard_limit": {"u": 10}}
    assert Simulation({"tree": tree}).start.notices == [
        (("tree", "hard_limit", "u"), "org owns 10 u, of which 16 are allocated or reserved: taken as it is")
    ]
    assert Simulation({"tree": tree, "reading": "additive"}).start.notices == []
    assert Simulation({"tree": TREE}).start.notices == []


def test_reservations_that_end_are_told_and_are_gone() -> None:
    steps = [
        {"reserve": {**ONE, "id": "late", "until": 30}},
        {"reserve": {**ONE, "id": "soon", "until": 20}},
        {"advance": {"seconds": 10}},
        {"advance": {"seconds": 30}},
        {"release": {"id": "late"}},
        {"extend": {"id": "late", "until": 90}},
        {"reserve": {**ONE, "id": "mine", "until": 90}},
        {"release": {"id": "mine"}},
        {"release": {"id": "mine"}},
    ]
    simulation = Simulation({"tree": TREE, "steps": steps})
    told = simulation.run()["steps"]
    assert [step.get("ended") for step in told] == [None, None, None, ["soon", "late"], *[None] * 5]
    assert [r["outcome"] for step in told[4:] for r in step["results"]] == [
        *("refused", "refused"),
        *("admitted", "released", "released"),
    ]
    assert told[4]["results"][0]["reason"]["sentence"] == "cannot find the reservation late"
    assert simulation.clock == [0, 0, 10, *[40] * 6]


def test_whole_numbers_come_back_exactly() -> None:
    most = 999_999_999_999_999_999
    tree = {"name": "T1", "hard_limit": {"u": most}}
    steps = [{"claim": {**ONE, "amount": {"u": most - 1}}}, {"claim": {**ONE, "id": "b", "amount": {"u": 2}}}]
    answer = simulate({"tree": tree, "steps": steps})
    assert answer["tree"]["used"] == {"u": most - 1}
    assert (
        "holds 999999999999999998 of the 999999999999999999" in answer["steps"][1]["results"][0]["reason"]["sentence"]
    )


def test_a_limit_to_raise_is_written_in_the_additive_reading_as_the_file_writes_it() -> None:
    """m's 2 are beside its child's 4; with 3 more it has the 9 that are asked for."""
    inner = {"name": "m", "hard_limit": {"u": 2}, "borrow_limit": {"u": 0}}
    inner["children"] = [{"name": "T1", "hard_limit": {"u": 4}}]
    document = {"reading": "additive", "tree": {"name": "org", "hard_limit": {"u": 4}, "children": [inner]}}
    asked = {"claim": {**ONE, "amount": {"u": 9}}}
    reason = simulate({**document, "steps": [asked]})["steps"][0]["results"][0]["reason"]
    (limit,) = [h["figures"]["hard_limit"] for h in reason["helps"] if h["code"] == "raise_hard_limit"]
    assert limit == 5
    assert "org has 4 free: its manager can raise the hard_limit of m to 5" in reason["sentence"]
    raised = {"set": {"project": "m", "hard_limit": {"u": limit}}}
    assert simulate({**document, "steps": [raised, asked]})["claims"] == {"a": "admitted"}


def test_a_file_that_is_nested_too_deeply_is_refused() -> None:
    tree: dict[str, Any] = {"name": "n"}
    for depth in range(2000):
        tree = {"name": f"n{depth}", "children": [tree]}
    with pytest.raises(BadForm, match="nested too deeply"):
        simulate({"tree": tree})


RESERVED = {
    "name": "org",
    "hard_limit": {"u": 16, "m": 16},
    "children": [{"name": "T1", "hard_limit": {"u": 8, "m": 8}, "reserved": {"u": 2}}, {"name": "T2"}],
}


@pytest.mark.parametrize(
    ("claim", "place", "because"),
    [
        ({"project": "T1", "amount": {"m": 1}, "reservation": "T1:reserved"}, ("amount", "m"), "more than the 0"),
        ({"project": "T1", "amount": {"u": 3}, "reservation": "T1:reserved"}, ("amount", "u"), "more than the 2"),
        ({"project": "T2", "amount": {"u": 1}, "reservation": "T1:reserved"}, ("reservation",), "none of that project"),
        ({"project": "T1", "amount": {"u": 1}, "reservation": "none"}, ("reservation",), "none of that project"),
    ],
)
def test_a_claim_at_the_start_draws_what_is_reserved(
    claim: dict[str, Any], place: tuple[str, ...], because: str
) -> None:
    with pytest.raises(BadForm, match=because) as refused:
        simulate({"tree": RESERVED, "claims": [{"id": "a", **claim}]})
    assert refused.value.where == ("claims", 0, *place)
    covered = {"project": "T1", "id": "a", "amount": {"u": 2}, "reservation": "T1:reserved"}
    team = simulate({"tree": RESERVED, "claims": [covered]})["tree"]["children"][0]
    assert (team["used"]["u"], team["reserved"]["u"]) == (2, 0)


def test_vcpus_are_divided_as_the_api_divides_them() -> None:
    """The rest of a document may be of whole CPUs, as that of an export often is."""
    weighted = [{"name": "T1", "borrow_limit": {"vcpus": 4}}, {"name": "T2", "weight": 2, "borrow_limit": {"vcpus": 4}}]
    first, second = simulate({"tree": {"name": "org", "hard_limit": {"vcpus": 4}, "children": weighted}})["tree"][
        "children"
    ]
    assert (first["deserved"], second["deserved"]) == ({"vcpus": 1.333}, {"vcpus": 2.667})


def test_who_watches_is_told_before_each_request_how_far_it_is() -> None:
    steps = [{"claim": {"project": "T1", "id": "a", "amount": {"u": 1}, "count": 2}}, {"advance": {"seconds": 1}}]
    seen: list[tuple[int, int]] = []
    Simulation({"tree": TREE, "steps": steps}, lambda *at: seen.append(at)).run()
    assert seen == [(1, 2), (1, 2), (1, 2), (2, 2)]


def test_who_asks_again_is_admitted_where_nobody_gets_notice() -> None:
    held = [
        {"project": "T1", "id": "a", "amount": {"u": 8}},
        {"project": "T2", "id": "b", "amount": {"u": 1}, "count": 8},
    ]
    steps = [
        {"set": {"project": "T2", "hard_limit": {"u": 0}}},
        {"set": {"project": "T1", "hard_limit": {"u": 16}}},
        {"claim": {"project": "T1", "id": "more", "amount": {"u": 8}}},
        {"set": {"project": "T1", "hard_limit": {"u": 0}, "force": True}},
        {"set": {"project": "T2", "hard_limit": {"u": 8}}},
        {"requeue": {"id": "b1"}},
    ]
    last = simulate({"tree": TREE, "claims": held, "steps": steps})["steps"][-1]
    (result,) = last["results"]
    assert (result["outcome"], len(result["victims"])) == ("admitted", 1)
    assert "deadline" not in result


def test_who_waited_and_may_now_reclaim_is_listed() -> None:
    tree = {
        **TREE,
        "policy": {"grace_seconds": 30},
        "children": [{"name": "T1"}, {"name": "T2", "hard_limit": {"u": 8}}],
    }
    held = [{"project": "T2", "id": "b", "amount": {"u": 1}, "count": 16}]
    steps = [
        {"claim": {"project": "T1", "id": "a", "amount": {"u": 5}, "shortage": "wait"}},
        {"set": {"project": "T1", "hard_limit": {"u": 8}}},
        {"advance": {"seconds": 30}},
    ]
    first, second, third = simulate({"tree": tree, "claims": held, "steps": steps})["steps"]
    assert (first["results"][0]["outcome"], first["reclaiming"]) == ("waiting", [])
    assert (second["reclaiming"], second["admitted"]) == (["a"], [])
    assert (third["reclaiming"], third["admitted"]) == ([], ["a"])


TWINS = {
    "name": "org",
    "hard_limit": {"u": 16},
    "children": [
        {"name": "A", "children": [{"name": "dev", "id": "1f", "hard_limit": {"u": 4}, "reserved": {"u": 1}}]},
        {"name": "B", "children": [{"name": "dev", "id": "2e", "hard_limit": {"u": 2}, "reserved": {"u": 1}}]},
        {"name": "C", "id": "3d"},
    ],
}


def test_projects_of_one_name_are_told_apart_by_their_ids() -> None:
    held = [{"project": "1f", "id": "a", "amount": {"u": 1}}]
    steps = [
        {"claim": {"project": "2e", "id": "b", "amount": {"u": 1}, "reservation": "2e:reserved"}},
        {"set": {"project": "C", "weight": 2}},
        {"remove": {"project": "3d"}},
        {"add": {"project": "C", "parent": "A"}},
    ]
    answer = simulate({"tree": TWINS, "claims": held, "steps": steps})
    assert [step["results"][0]["outcome"] for step in answer["steps"]] == ["admitted", "done", "done", "done"]
    twins = [c for above in answer["tree"]["children"] for c in above["children"] if c["name"] == "dev"]
    assert [(c["id"], c["used"]["u"]) for c in twins] == [("1f", 1), ("2e", 1)]


@pytest.mark.parametrize(
    ("further", "claim", "because"),
    [
        ({"name": "x", "id": "1f"}, "1f", "tree.children.4.id 1f is there already"),
        ({"name": "dev"}, "1f", "tree.children.4.name dev is there already"),
        ({"name": "x"}, "dev", "claims.1.project is the name of several projects: dev; write an id"),
    ],
)
def test_a_name_that_is_nobodys_own_is_refused(further: dict[str, Any], claim: str, because: str) -> None:
    tree = {**TWINS, "children": [*TWINS["children"], further]}  # type: ignore[misc]
    with pytest.raises(BadForm) as refused:
        simulate({"tree": tree, "claims": [{"project": claim, "id": "a", "amount": {"u": 1}}]})
    assert str(refused.value) == because
