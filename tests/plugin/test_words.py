"""What people type and read: amounts, policies, times, drawings, differences. No server."""

import argparse
from typing import Any

import pytest

from jeroboam.cli.drawing import ASCII, UNICODE, draw, pruned
from jeroboam.cli.openstack import policies
from jeroboam.cli.openstack.amounts import Amount, Gather, human, plain
from jeroboam.cli.openstack.changes import differences
from jeroboam.cli.openstack.sse import messages


def parsed(option: str, *arguments: str, **how: Any) -> Any:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument(option, **how)
    return getattr(parser.parse_args(arguments), option.lstrip("-"))


@pytest.mark.parametrize(
    ("arguments", "amounts"),
    [
        (["--hard", "containers=8"], {"containers": 8}),
        (["--hard", "containers=8,vcpus=1.5,memory=2g"], {"containers": 8, "vcpus": 1500, "memory": 2048}),
        (["--hard", "vcpus=1500m", "--hard", "memory=512"], {"vcpus": 1500, "memory": 512}),
        (["--hard", "gpus=0"], {"gpus": 0}),
        (["--hard", "containers=unlimited"], {"containers": -1}),
        ([], None),
    ],
)
def test_amounts_are_read(arguments: list[str], amounts: dict[str, int] | None) -> None:
    assert parsed("--hard", *arguments, action=Gather, words={"unlimited": -1}) == amounts


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("containers", "write RESOURCE=AMOUNT, say containers=8"),
        ("containers=-1", "cannot read '-1' as an amount of containers: write a whole number, or unlimited"),
        ("containers=1.5", "write a whole number"),
        ("containers=", "cannot read ''"),
        ("containers=99999999999999999", "cannot take so many containers: the most is 9007199254740991"),
        ("containers=" + "9" * 5000, "the most is 9007199254740991"),
        ("vcpus=99999999999999", "cannot take so much CPU: the most is 9007199254740 CPUs"),
        ("memory=99999999999999999999", "cannot take so much memory: the most is 9007199254740991 MiB"),
        ("vcpus=0.0001", "cannot divide CPU so finely: the smallest unit is 0.001 (1m)"),
        ("memory=1.5k", "cannot divide memory so finely: the smallest unit is 1 MiB"),
        ("containers=٣", "write a whole number"),
        ("vcpus=two", "cannot read 'two' as a number of CPUs"),
        ("memory=1x", "cannot read '1x' as an amount of memory"),
        ("Containers=1", "cannot use 'Containers' as a resource"),
        ("containers=1,containers=2", "containers is given twice"),
        ("containers=all", "or unlimited"),
    ],
)
def test_amounts_that_cannot_be_read_say_why(text: str, sentence: str) -> None:
    with pytest.raises(argparse.ArgumentError) as refused:
        parsed("--hard", "--hard", text, action=Gather, words={"unlimited": -1})
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("resource", "units", "text", "number"),
    [
        ("vcpus", 1500, "1.5", 1.5),
        ("vcpus", 4000, "4", 4),
        ("vcpus", 1_234_567_001, "1234567.001", 1_234_567.001),
        ("vcpus", 0, "0", 0),
        ("vcpus", -250, "-0.25", -0.25),
        ("memory", 2048, "2048 MiB", 2048),
        ("containers", 100, "100", 100),
    ],
)
def test_amounts_are_written(resource: str, units: int, text: str, number: float) -> None:
    assert human(resource, units) == text
    assert plain(resource, units) == number


def test_a_cell_is_words_for_people_and_base_units_for_programs() -> None:
    cell = Amount("vcpus", 1500)
    assert (str(cell), cell.machine_readable()) == ("1.5", 1500)
    none = Amount("containers", None, nothing="all")
    assert (str(none), none.machine_readable()) == ("all", None)
    unbounded = Amount("containers", -1, unbounded="unlimited")
    assert (str(unbounded), unbounded.machine_readable()) == ("unlimited", -1)
    # One container too many is no lack of bounds.
    assert str(Amount("containers", -1)) == "-1"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("reclaim=lower_priority", {"reclaim": "lower_priority"}),
        ("grace_seconds=30", {"grace_seconds": 30}),
        ("grace_seconds=0.5", {"grace_seconds": 0.5}),
        ("max_priority=70", {"max_priority": 70}),
        ("reclaimable=false", {"reclaimable": False}),
        ("strategies=final_share,initial_share", {"strategies": ["final_share", "initial_share"]}),
        ("grace_seconds=", {"grace_seconds": None}),
    ],
)
def test_policies_are_read(text: str, rule: dict[str, Any]) -> None:
    assert parsed("--policy", "--policy", text, action=policies.PolicyAction) == rule


@pytest.mark.parametrize(
    "text",
    [
        "reclaim=some",
        "grace=1",
        "grace_seconds=-1",
        "grace_seconds=nan",
        "max_priority=101",
        "reclaimable=0",
        "x",
        "max_priority=" + "9" * 5000,
    ],
)
def test_policies_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentError):
        parsed("--policy", "--policy", text, action=policies.PolicyAction)


@pytest.mark.parametrize(("text", "weight"), [("2", 2), ("0.5", "1/2"), ("1/3", "1/3"), ("0", 0), ("4/2", 2)])
def test_weights_are_fractions(text: str, weight: int | str) -> None:
    assert policies.weight(text) == weight


@pytest.mark.parametrize("text", ["-1", "1/0", "x", "1e9", "1e99999999", "1..2", "nan", "inf", "9" * 5000])
def test_weights_that_are_none_are_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError):
        policies.weight(text)


TREE: dict[str, Any] = {
    "name": "cloud",
    "children": [
        {"name": "a", "children": [{"name": "a1", "children": []}, {"name": "a2", "children": []}]},
        {"name": "b", "children": [{"name": "b1", "children": []}]},
    ],
}


def drawn(style: Any, depth: int | None = None) -> list[str]:
    return [f"{heads[0]}{node['name']}" for node, heads, _ in draw(TREE, style, depth)]


def test_a_tree_is_drawn() -> None:
    assert drawn(UNICODE) == ["cloud", "├── a", "│   ├── a1", "│   └── a2", "└── b", "    └── b1"]
    assert drawn(ASCII) == ["cloud", "|-- a", "|   |-- a1", "|   `-- a2", "`-- b", "    `-- b1"]
    assert drawn(UNICODE, 1) == ["cloud", "├── a", "└── b"]


def test_further_lines_of_a_node_go_on_with_the_bars() -> None:
    assert [heads[1].rstrip() for _, heads, _ in draw(TREE, UNICODE)] == ["│", "│   │", "│   │", "│", "    │", ""]


def test_programs_get_the_path() -> None:
    assert [path for _, _, path in draw(TREE, UNICODE)][2] == "cloud/a/a1"


def test_pruning_leaves_the_upper_levels() -> None:
    assert pruned(TREE, 1)["children"][0] == {"name": "a", "children": []}
    assert pruned(TREE, None) == TREE


def test_differences_say_what_changed_and_nothing_else() -> None:
    before = {"limits.vcpus": {"hard": 1000, "lend": None, "borrow": 0}, "weight": "1"}
    after = {
        "limits.vcpus": {"hard": 1500, "lend": None, "borrow": None},
        "limits.containers": {"hard": 8, "lend": None, "borrow": 0},
        "weight": "1/2",
        "policy.reclaimable": False,
    }
    assert differences(before, after) == [
        "hard_limit containers 0 -> 8",
        "hard_limit vcpus 1 -> 1.5",
        "borrow_limit vcpus 0 -> unlimited",
        "policy.reclaimable - -> false",
        "weight 1 -> 1/2",
    ]


def test_server_sent_events_are_taken_apart() -> None:
    stream = b'retry: 2000\n\nid: 7\nevent: phase\ndata: {"a":\ndata: 1}\n\n: heartbeat\n\nevent: expired\ndata: {}\n\n'
    # A line separator of Unicode is no end of a line here.
    stream += "id: 8\ndata: a\u2028b\n\n".encode()
    assert list(messages(stream.splitlines())) == [
        ("phase", "7", '{"a":\n1}'),
        ("", "", ""),
        ("expired", "7", "{}"),
        ("message", "8", "a\u2028b"),
    ]
