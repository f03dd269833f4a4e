"""The file of `quota tree apply`: what it means, and what is said of a bad one. No server."""

from typing import Any

import pytest

from jeroboam.cli.marked import MAX_BYTES, BadFile, read
from jeroboam.cli.openstack import document

GOOD = b"""\
# The whole organisation
name: org
hard_limit: {containers: 16, vcpus: 7.5, memory: 16g}
borrow_limit: {containers: unlimited}
weight: 1/2
policy:
  grace_seconds: 30
  strategies: [final_share, initial_share]
  reclaimable: false
  undershoot: ~
child_defaults:
  hard_limit: {containers: 0}
  borrow_limit: {containers: unlimited}
children:
- name: "on"
  hard_limit: {containers: unlimited}
  lend_limit: {containers: all, vcpus: 500m}
- id: 010
  name: 1:30
"""


def test_the_file_becomes_the_api_s_document() -> None:
    assert document.tree(read(GOOD)) == {
        "name": "org",
        "hard_limit": {"containers": 16, "vcpus": 7500, "memory": 16384},
        "borrow_limit": {"containers": None},
        "weight": "1/2",
        "policy": {
            "grace_seconds": 30,
            "strategies": ["final_share", "initial_share"],
            "reclaimable": False,
        },
        "child_defaults": {"hard_limit": {"containers": 0}, "borrow_limit": {"containers": None}},
        "children": [
            {"name": "on", "hard_limit": {"containers": -1}, "lend_limit": {"containers": None, "vcpus": 500}},
            {"id": "010", "name": "1:30"},
        ],
    }


@pytest.mark.parametrize(
    ("content", "line", "sentence"),
    [
        (b"", 1, "the file is empty"),
        (b"# nothing\n", 1, "the file is empty"),
        (b"- name: a\n", 1, "a project has to be a mapping of names to values; write, say, `name: org`"),
        (b"name: a\nhard_limit: {containers: 1}\nhardlimit: {}\n", 3, "'hardlimit' is not known here; known are name,"),
        (b"name: a\nname: b\n", 2, "'name' stands here twice; it was on line 1"),
        (b"hard_limit: {containers: 1}\n", 1, "this project has no name"),
        (b"name: a\nhard_limit:\n  containers: lots\n", 3, "cannot read 'lots' as an amount of containers"),
        (b"name: a\nhard_limit:\n  containers: .nan\n", 3, "cannot read '.nan'"),
        (
            b"name: a\nhard_limit:\n  containers: 9223372036854775808\n",
            3,
            "cannot take so many containers: the most is 9007199254740991",
        ),
        (b"name: a\nhard_limit:\n  containers: -2\n", 3, "cannot read '-2'"),
        (
            b"name: a\nhard_limit: 8\n",
            2,
            "hard_limit has to be a mapping of names to values; write, say, `{containers: 8}`",
        ),
        (b"name: a\nhard_limit:\n  con tainers: 8\n", 3, "cannot use 'con tainers' as a resource: 1 to 63 lower-case"),
        (b"name: a\nhard_limit:\n  containers: []\n", 3, "hard_limit of containers has to be an amount"),
        (b"name: a\npolicy: []\n", 2, "policy has to be a mapping of names to values; write, say, `{reclaim: never}`"),
        (b"name: a\nchild_defaults: 8\n", 2, "write, say, `{hard_limit: {containers: 8}}`"),
        (b"name: a\nlend_limit:\n  vcpus: unlimited\n", 3, "or all"),
        (b"name: a\nweight: -1\n", 2, "cannot read '-1' as a weight"),
        (b"name: a\nweight: 1e99999999\n", 2, "cannot read '1e99999999' as a weight"),
        (b"name: a\nweight: []\n", 2, "weight has to be a number or a fraction (1/3)"),
        (b"name: a\npolicy:\n  reclaim: some\n", 3, "cannot set reclaim to 'some'"),
        (b"name: a\npolicy:\n  reclam: any\n", 3, "'reclam' is not known here"),
        (b"name: a\nchildren:\n  name: b\n", 3, "children has to be a list"),
        (b"name: a\nchildren:\n- name: b\n- name: b\n", 4, "'b' stands here twice; it was on line 3"),
        (
            b"name: a\nchildren:\n- b\n",
            3,
            "a project has to be a mapping of names to values; write, say, `name: team1`",
        ),
        (b"name: &x a\nid: *x\n", 1, "anchors (&) and aliases (*) are not taken here"),
        (b"name: a\nid: !!python/object:os.system x\n", 2, "tags (tag:yaml.org,2002:python/object:os.syst"),
        (b"name: [a, b\nid: c\n", 2, "this is no YAML"),
        (b"name: a\n---\nname: b\n", 2, "a second document begins here"),
        (b"name: a\n? [x]\n: y\n", 2, "a key has to be text"),
        (b"name: a\x00b\n", 1, "this is no YAML"),
        (b"name: \xff\xfe\n", 1, "this is no text: it has the byte ff here; write it in UTF-8"),
        (b"name: a\nid: caf\xe9\n", 2, "this is no text: it has the byte e9 here"),
        (b"\xff\xfe", 1, "there is nothing in the file but the mark of its encoding"),
        (b"\xff\xfea", 1, "this is no text: it begins like UTF-16 and is none"),
        (b"name: a\x07\n", 1, "this is no YAML: a control character (#x07) stands here"),
        (b"name: 'a\nid: b\n", 1, "this is no YAML: the quote that opens here is not closed"),
        (b"name: a\nchildren:\n\t- name: b\n", 3, "this is no YAML: a tab indents this line"),
        (b"name: @a\n", 1, "this is no YAML: a value that begins with '@' has to be in quotes"),
        (b"name: a: b\n", 1, "this is no YAML: a colon too many"),
        (b"name: a\nchildren: - b\n", 2, "this is no YAML: a list begins on a line of its own"),
        (b"name: a\n...\nid: b\n", 3, "this is no YAML: something follows the end of the document"),
        (b"name: a\nid\n", 2, "this is no YAML: a colon is missing after a key"),
        (b'{"name": "a", "id": "\\ud83d"}', 1, "this is neither JSON nor YAML: an escape (\\u) stands for no letter"),
        (b"name: a\nchildren: " + b"[" * 10_000, 2, "nested more than 64 levels deep"),
        (b"#" * (MAX_BYTES + 1), 1, "larger than 1024 KiB"),
    ],
)
def test_a_bad_file_is_refused_with_its_line(content: bytes, line: int, sentence: str) -> None:
    with pytest.raises(BadFile) as refused:
        document.tree(read(content))
    assert refused.value.line == line
    assert sentence in str(refused.value)


@pytest.mark.parametrize(
    ("amount", "ends"),
    [
        ("lots", "write a whole number, or unlimited or -1"),
        ("1.5", "write a whole number"),
        ("9" * 30, "the most is 9007199254740991"),
    ],
)
def test_words_are_proposed_to_who_writes_no_number(amount: str, ends: str) -> None:
    with pytest.raises(BadFile) as refused:
        document.tree(read(f"name: a\nhard_limit: {{containers: {amount}}}\n".encode()))
    assert str(refused.value).endswith(ends)


def test_utf_16_is_read_where_it_says_so() -> None:
    assert document.tree(read("name: caf\N{LATIN SMALL LETTER E WITH ACUTE}\n".encode("utf-16"))) == {"name": "caf\xe9"}


def test_what_is_written_is_read_again() -> None:
    node: dict[str, Any] = {
        "name": "team1",
        "id": "1",
        "hard_limit": {"containers": -1, "vcpus": 1500},
        "lend_limit": {"containers": None, "vcpus": 250},
        "borrow_limit": {"containers": 4, "vcpus": None},
        "weight": "3/2",
        "policy": {"grace_seconds": 0.5, "reclaim": None},
        "child_defaults": {"containers": {"hard_limit": 0, "lend_limit": None, "borrow_limit": None}},
    }
    import yaml

    again = document.tree(read(yaml.safe_dump(document.written(node)).encode()))
    assert {key: again[key] for key in document.LIMITS} == {key: node[key] for key in document.LIMITS}
    assert (again["weight"], again["policy"]) == ("3/2", {"grace_seconds": 0.5})
    assert again["child_defaults"]["borrow_limit"] == {"containers": None}
