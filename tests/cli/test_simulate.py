"""`jeroboam quota simulate`: the example of the documentation, bad files, and what it loads."""

import json
import subprocess
import sys
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from jeroboam.cli.main import app
from jeroboam.cli.progress import Ticker
from tests.cli.test_command import HEAVY

EXAMPLE = """\
reading: containment
policy: {reclaim: any, within_project: never, strategies: [final_share], undershoot: guarantee, shortage: refuse, grace_seconds: 0}
tree: {name: root, hard_limit: {u: 16}, children: [{name: T1, hard_limit: {u: 8}, lend_limit: {u: 8}, borrow_limit: {u: 4}, reserved: {u: 0}, weight: 1}, {name: T2, hard_limit: {u: 8}}]}
claims:                     # the state to start from
  - {project: T2, id: b1, amount: {u: 1}, priority: 0}
steps:
  - claim: {project: T1, id: a, amount: {u: 1}, count: 4, priority: 0}     # ids a1..a4; without count just a
  - release: {id: a2}
  - set: {project: T1, hard_limit: {u: 2}, force: true}
  - move: {project: T1, parent: other}
  - remove: {project: T1}
  - reserve: {project: T1, id: r1, amount: {u: 2}, until: 100}
  - cancel: {id: a3}
  - advance: {seconds: 30}
"""  # noqa: E501
FIGURES = {"hard_limit", "used", "reserved", "allocated", "free", "borrowed", "lent", "deserved", "fair_now", "debt"}
TREE = "tree: {name: r, hard_limit: {u: 5}}\n"


def simulate(document: str | bytes, *options: str) -> Result:
    return CliRunner().invoke(app, ["quota", "simulate", *options, "-"], input=document)


def played(document: str) -> Any:
    done = simulate(document)
    assert (done.exit_code, done.stderr) == (0, "")
    return json.loads(done.stdout)


def test_the_example_field_by_field() -> None:
    answer = played(EXAMPLE)
    assert set(answer) == {"steps", "tree", "claims"}
    steps = answer["steps"]
    assert [set(step) for step in steps] == [{"step", "results", "evicted", "admitted", "reclaiming"}] * 8
    assert [step["step"] for step in steps] == [1, 2, 3, 4, 5, 6, 7, 8]
    assert steps[0]["results"] == [{"id": f"a{i}", "outcome": "admitted", "victims": []} for i in (1, 2, 3, 4)]
    outcomes = [[result["outcome"] for result in step["results"]] for step in steps[1:]]
    assert outcomes == [["released"], ["done"], ["refused"], ["refused"], ["refused"], ["released"], []]
    for step, code in ((4, "unknown_parent"), (5, "has_claims"), (6, "free_short")):
        reason = steps[step - 1]["results"][0]["reason"]
        assert (reason["code"], {"node", "resource", "sentence"} <= set(reason)) == (code, True)
    assert answer["claims"] == {
        "b1": "admitted",
        "a1": "admitted",
        "a2": "released",
        "a3": "released",
        "a4": "admitted",
    }
    root, (first, second) = answer["tree"], answer["tree"]["children"]
    assert [set(node) for node in (root, first, second)] == [FIGURES | {"name", "children"}] * 3
    assert (root["free"], first["hard_limit"], first["used"], second["used"]) == (
        {"u": 6},
        {"u": 2},
        {"u": 2},
        {"u": 1},
    )


def test_json_is_taken_too_and_amounts_come_back_as_they_were_written() -> None:
    claims = [{"project": "T1", "id": "a", "amount": {"u": 0.1}}, {"project": "T1", "id": "b", "amount": {"u": "1/3"}}]
    document = {"tree": {"name": "T1", "hard_limit": {"u": 1}}, "steps": [{"claim": claim} for claim in claims]}
    answer = played(json.dumps(document, indent="\t"))
    assert answer["tree"]["used"] == {"u": pytest.approx(13 / 30)}
    assert answer["claims"] == {"a": "admitted", "b": "admitted"}


def test_json_may_write_letters_as_two_escapes() -> None:
    answer = played(json.dumps({"tree": {"name": "\N{ROCKET}", "children": [{"name": "\\ud83d\\ude80"}]}}))
    assert (answer["tree"]["name"], answer["tree"]["children"][0]["name"]) == ("\N{ROCKET}", "\\ud83d\\ude80")


def test_a_tree_as_quota_tree_export_prints_it() -> None:
    exported = "tree:\n  name: org\n  hard_limit: {u: 4, v: unlimited}\n  lend_limit: {u: all}\n"
    child = "  children:\n  - name: a\n    hard_limit: {u: 1}\n    borrow_limit: {u: unlimited}\n"
    answer = played(
        exported
        + child
        + "    policy: {grace_seconds: 3}\n"
        + "steps: [{claim: {project: a, id: x, amount: {u: 4}}}]\n"
    )
    assert answer["claims"] == {"x": "admitted"}
    assert answer["tree"]["hard_limit"] == {"u": 4, "v": -1}


def test_drawn_for_people() -> None:
    document = EXAMPLE.replace("parent: other", "parent: T2")
    done = simulate(document, "--pretty")
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0] == "step 1, claim: a1 admitted"
    refused = [line for line in lines if "cannot remove T1: it has 3 claims. What would help: release or move" in line]
    assert len(refused) == 1
    table = [line.split() for line in lines[lines.index("") + 1 :]]
    assert table[0][:4] == ["project", "resource", "hard_limit", "used"]
    assert [row[-11:-9] for row in table[1:]] == [["root", "u"], ["T2", "u"], ["T1", "u"]]
    assert table[3][-9:] == ["2", "2", "0", "0", "0", "0", "0", "6", "2"]


def test_victims_and_deadlines_are_drawn() -> None:
    children = "children: [{name: a, hard_limit: {u: 4}}, {name: b, hard_limit: {u: 1}, policy: {grace_seconds: 9}}]"
    tree = f"tree: {{name: r, hard_limit: {{u: 5}}, {children}}}\n"
    claims = "claims: [{project: b, id: b, count: 5, amount: {u: 1}}]\n"
    steps = "steps: [{claim: {project: a, id: x, amount: {u: 1}}}, {advance: {seconds: 9}}]\n"
    lines = simulate(tree + claims + steps, "--pretty").stdout.splitlines()
    assert lines[:4] == [
        "step 1, claim: x reclaiming, b5 has to leave by second 9",
        "step 2, advance: time passes to second 9",
        "                 then evicted: b5",
        "                 then admitted: x",
    ]


def test_several_have_to_leave_and_what_ends_is_drawn() -> None:
    children = "children: [{name: a, hard_limit: {u: 4}}, {name: b, hard_limit: {u: 1}, policy: {grace_seconds: 9}}]"
    tree = f"tree: {{name: r, hard_limit: {{u: 5}}, {children}}}\n"
    claims = "claims: [{project: b, id: b, count: 5, amount: {u: 1}}]\n"
    steps = "steps: [{reserve: {project: a, id: x, amount: {u: 2}, until: 1e6}}, {advance: {seconds: 1234567}}]\n"
    assert simulate(tree + claims + steps, "--pretty").stdout.splitlines()[:4] == [
        "step 1, reserve: x reclaiming, b5, b4 have to leave by second 9",
        "step 2, advance: time passes to second 1234567",
        "                 then ended: x",
        "                 then evicted: b4, b5",
    ]


def test_a_tree_that_gives_more_than_it_has_is_told_of() -> None:
    done = simulate("tree:\n  name: r\n  hard_limit: {u: 10}\n  children: [{name: a, hard_limit: {u: 50}}]\n")
    assert (done.exit_code, json.loads(done.stdout)["tree"]["free"]) == (0, {"u": -40})
    assert done.stderr == "jeroboam: -: line 3: r owns 10 u, of which 50 are allocated or reserved: taken as it is\n"


def test_figures_are_drawn_whole() -> None:
    drawn = simulate(TREE.replace("5", "999999999999999999"), "--pretty").stdout
    assert "999999999999999999" in drawn


@pytest.mark.parametrize(
    ("document", "line", "because"),
    [
        (b"", 1, "the file is empty"),
        (b"[]\n", 1, "should be a mapping"),
        (TREE + "steps: [ {claim\n", 2, "this is no YAML: the bracket that opens here is not closed"),
        (TREE + "steps:\n- claim:\n    project: r\n    id: a\n    amont: {u: 1}\n", 6, "amont is not known here"),
        (TREE + "tree: {name: s}\n", 2, "'tree' stands here twice"),
        (TREE + "steps: {}\n", 2, "steps should be a list"),
        (
            TREE + "steps:\n- claim: {project: r, amount: {u: 1}}\n",
            3,
            "steps.1.claim.id is missing; it should be a name",
        ),
        (TREE + "steps:\n- claim: {project: r, id: a, amount: {u: 1}, count: 1.5}\n", 3, "a whole number from 1"),
        (
            TREE + "steps:\n" + "- claim: {project: r, id: a, amount: {u: 1}}\n" * 2,
            4,
            "steps.2.claim.id a is there already",
        ),
        (TREE + "steps:\n- set: {project: r, force: 'true'}\n", 3, "force should be true or false"),
        (TREE + "steps:\n- {release: {id: a}, cancel: {id: b}}\n", 3, "exactly one action"),
        (TREE + "steps:\n- release: {id: [a, {}]}\n", 3, "steps.1.release.id.2 should be a name"),
        ("tree:\n  name: r\n  policy:\n    reclaim: some\n", 4, "tree.policy.reclaim should be one of any,"),
        ("tree:\n  name: r\n  hard_limit:\n    u: .nan\n", 4, "tree.hard_limit.u should be a number"),
        ("tree:\n  name: r\n  hard_limit:\n    u: 9223372036854775808\n", 4, "should be a number of at most 18"),
        ("tree:\n  name: r\n  hard_limit:\n    u: 1e30\n", 4, "should be a number of at most 18"),
        (b"tree:\n  name: a\x00\n", 2, "this is no YAML"),
        (b'{"tree":\n{"name": "\\u0000"}}', 2, "tree.name should be a name"),
        ("a: &a [x]\nb: [*a, *a]\n", 1, "anchors (&) and aliases (*)"),
        ("tree: !!python/object/apply:os.system [ls]\n", 1, "tags (tag:yaml.org,2002:python/object"),
        ("tree: " + "{children: [" * 10_000, 1, "nested more than 64 levels"),
        ("tree: " + "x" * 10_000_000, 1, "larger than 1024 KiB"),
        (
            TREE + "claims:\n" + "".join(f"- {{project: r, id: c{i}, amount: {{u: 1/{i}}}}}\n" for i in range(2, 99)),
            44,
            "cannot be divided together",
        ),
        (TREE + "steps:\n" + "- claim: {project: r, id: a, amount: {u: 1}, count: 60000}\n" * 2, 4, "more than 100000"),
        ('{"tree": {"name": "r"}', 1, "neither JSON nor YAML: the bracket that opens here is not closed"),
        ('{\n"tree": {}\n"claims": []\n}', 3, "a comma is missing here, or the bracket that line 1 opens"),
        ("name: r\nhard_limit: {u: 5}\n", 1, "the document has no tree: write `tree:` above the project"),
        ("tree:\n", 1, "tree is missing; it should be a mapping"),
        ("tree: {name: r, policy: []}\n", 1, "tree.policy should be a mapping of names to values; known are grace_"),
        ("tree: {name: r, hard_limit: {u: }}\n", 1, "tree.hard_limit.u is missing; it should be a number"),
        ("tree: {name: r, hard_limit: {'': 1}}\n", 1, "tree.hard_limit should name each resource"),
        (TREE + "claims:\n- {project: s, id: a, amount: {u: 1}}\n", 3, "claims.1.project is not in the tree: s"),
        (TREE + "steps:\n- advance: 50\n", 3, "steps.1.advance should be written {seconds: 50}"),
        (TREE + "steps:\n- release: a\n", 3, "steps.1.release should be written {id: a}"),
        (TREE + "steps:\n- remove: r\n", 3, "steps.1.remove should be written {project: r}"),
        (TREE + "steps:\n- cancel: [a, b]\n", 3, "steps.1.cancel should be a mapping of names to values; known are id"),
        (TREE + "steps:\n- claim: [r]\n", 3, "steps.1.claim should be a mapping of names to values; known are amount,"),
        (TREE + "steps:\n- {}\n", 3, "exactly one action, one of add, advance,"),
    ],
)
def test_a_bad_file_is_one_sentence_with_its_line(document: str | bytes, line: int, because: str) -> None:
    refused = simulate(document)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert refused.stderr.startswith(f"jeroboam: cannot simulate -: line {line}: ")
    assert because in refused.stderr
    assert refused.stderr.count("\n") == 1


class Terminal(StringIO):
    def isatty(self) -> bool:
        return True


def test_what_takes_long_says_how_far_it_is_and_leaves_nothing_of_it() -> None:
    terminal, now = Terminal(), iter([0.0, 1.4, 1.5, 1.6, 1.8])
    ticker = Ticker(terminal, lambda: next(now))
    for step in (1, 2, 3, 4):
        ticker(f"step {step} of 4")
    ticker.close()
    assert terminal.getvalue() == "\r   1.5 s  step 2 of 4\x1b[K\r   1.8 s  step 4 of 4\x1b[K\r\x1b[K"


@pytest.mark.parametrize(("out", "seconds"), [(Terminal(), 1.0), (StringIO(), 60.0)])
def test_what_is_short_or_read_by_a_program_says_nothing(out: StringIO, seconds: float) -> None:
    now = iter([0.0, seconds])
    ticker = Ticker(out, lambda: next(now))
    ticker("step 1 of 1")
    ticker.close()
    assert out.getvalue() == ""


@pytest.mark.parametrize(("name", "because"), [("none", "No such file"), (".", "directory"), ("a\0b", "that name")])
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, because: str) -> None:
    refused = CliRunner().invoke(app, ["quota", "simulate", str(tmp_path / name)])
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert because in refused.stderr


def test_it_loads_the_engine_and_nothing_of_the_server(tmp_path: Path) -> None:
    (tmp_path / "plan.yaml").write_text(EXAMPLE)
    line = [sys.executable, "-X", "importtime", "-m", "jeroboam.cli", "quota", "simulate", str(tmp_path / "plan.yaml")]
    done = subprocess.run(line, capture_output=True, text=True, check=True)
    loaded = {entry.rpartition("|")[2].strip() for entry in done.stderr.splitlines()}
    assert "jeroboam.quota.simulator.simulate" in loaded
    assert {name.partition(".")[0] for name in loaded} & HEAVY <= {"pydantic"}  # which typer reads options with
    assert [n for n in loaded if n.startswith(("jeroboam.store", "jeroboam.api", "jeroboam.cli.openstack"))] == []
