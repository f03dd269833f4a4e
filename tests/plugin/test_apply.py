"""`openstack quota tree apply` and `quota tree export`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.plugin.cloud import Cloud

CHANGED = """\
name: apply
children:
- name: apply-a
  hard_limit: {containers: 12, vcpus: 1.5}
  lend_limit: {containers: 4}
  policy: {grace_seconds: 30}
- name: apply-b
  hard_limit: {containers: 4}
  weight: 1/2
"""


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("apply", "a", "b")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "tree.yaml"
    file.write_text(CHANGED)
    return file


def exported(cloud: Cloud) -> Any:
    done = cloud.openstack("quota tree export", cloud="apply")
    assert done.status == 0, done.err
    return yaml.safe_load(done.out)


def test_a_dry_run_says_what_would_change_and_changes_nothing(cloud: Cloud, file: Path) -> None:
    before = exported(cloud)
    # b has to shrink before a can grow: the order is not the user's to find.
    told = cloud.openstack("quota tree apply --dry-run", str(file), cloud="apply")
    assert told.status == 0, told.err
    assert [[cell.strip() for cell in row] for row in told.table()] == [
        ["apply-a", "hard_limit containers 8 -> 12"],
        ["", "lend_limit containers all -> 4"],
        ["", "hard_limit vcpus unlimited -> 1.5"],
        ["", "policy.grace_seconds - -> 30"],
        ["apply-b", "hard_limit containers 8 -> 4"],
        ["", "weight 1 -> 1/2"],
    ]
    assert exported(cloud) == before


def test_it_is_applied_and_exported_as_it_was_written(cloud: Cloud, file: Path) -> None:
    done = cloud.openstack("quota tree apply -f json", str(file), cloud="apply").json()
    assert [change["project"] for change in done] == ["apply-a", "apply-b"]
    a, b = exported(cloud)["children"]
    assert a["hard_limit"] == {"containers": 12, "memory": "unlimited", "vcpus": 1.5}
    assert (a["lend_limit"]["containers"], a["policy"]) == (4, {"grace_seconds": 30})
    assert (b["hard_limit"]["containers"], b["weight"]) == (4, "1/2")
    again = cloud.openstack("quota tree apply -f json", str(file), cloud="apply").json()
    assert again == []
    for line in ("quota tree apply", "quota tree apply --dry-run"):
        told = cloud.openstack(line, str(file), cloud="apply")
        assert (told.status, told.out) == (0, "Nothing differs: all of it is as the file says.\n")


def test_a_project_that_nobody_has_used_is_named_as_any_other(cloud: Cloud, tmp_path: Path) -> None:
    cloud.organisation("fresh", "a")
    cloud.unused("fresh-new", "fresh")
    file = tmp_path / "tree.yaml"
    file.write_text("name: fresh\nchildren:\n- {name: fresh-a, weight: 2}\n- {name: fresh-new, weight: 3}\n")
    shown = cloud.openstack("quota node show fresh-new -f json", cloud="fresh")
    assert shown.status == 0, shown.err
    for line in ("quota tree apply --dry-run -f json", "quota tree apply -f json"):
        tree = cloud.openstack("quota tree show -f json", cloud="fresh").json()
        assert [child["name"] for child in tree["children"]] == ["fresh-a"]
        done = cloud.openstack(line, str(file), cloud="fresh").json()
        assert [change["project"] for change in done] == ["fresh-a", "fresh-new"]
    tree = cloud.openstack("quota tree show -f json", cloud="fresh").json()
    assert [child["name"] for child in tree["children"]] == ["fresh-a", "fresh-new"]
    file.write_text("name: fresh-new\nweight: 1\n")
    assert cloud.openstack("quota tree apply -f json", str(file), cloud="fresh").json()[0]["project"] == "fresh-new"


def test_an_export_applies_to_nothing_new(cloud: Cloud, tmp_path: Path) -> None:
    file = tmp_path / "export.yaml"
    export = cloud.openstack("quota tree export", cloud="apply").out
    assert export.startswith("# Not in here, though it bounds apply: cloud (")
    file.write_text(export)
    assert cloud.openstack("quota tree apply -f json", str(file), cloud="apply").json() == []


def test_all_or_nothing(cloud: Cloud, tmp_path: Path) -> None:
    before = exported(cloud)
    file = tmp_path / "greedy.yaml"
    file.write_text(
        "name: apply\nchildren:\n- {name: apply-b, weight: 7}\n- {name: apply-a, hard_limit: {containers: 99}}\n"
    )
    refused = cloud.openstack("quota tree apply", str(file), cloud="apply")
    assert (refused.status, refused.out) == (1, "")
    assert "cannot give 87 more containers to apply-a: apply has" in refused.err
    assert exported(cloud) == before


@pytest.mark.parametrize(
    ("content", "who", "sentence"),
    [
        ("name: apply\nhardlimit: {}\n", "apply", "tree.yaml: line 2: 'hardlimit' is not known here; known are name,"),
        ("name: &a apply\n", "apply", "line 1: anchors (&) and aliases (*) are not taken here"),
        ("name: apply\nchildren:\n- name: nobody\n", "apply", "cannot find a project 'nobody'"),
        ("name: apply\nhard_limit: {containers: 17}\n", "apply", "'quota:set'"),
        ("name: apply-a\nweight: 9\n", "apply-a", "'quota:set'"),
        ("name: apply-b\nweight: 9\n", "apply-a", "cannot find a project 'apply-b'"),
    ],
)
def test_what_cannot_be_applied(cloud: Cloud, tmp_path: Path, content: str, who: str, sentence: str) -> None:
    file = tmp_path / "tree.yaml"
    file.write_text(content)
    refused = cloud.openstack("quota tree apply", str(file), cloud=who)
    assert (refused.status, refused.out) == (1, "")
    assert sentence in refused.err
    assert "Traceback" not in refused.err


def test_a_file_that_is_not_there(cloud: Cloud, tmp_path: Path) -> None:
    refused = cloud.openstack("quota tree apply", str(tmp_path / "none.yaml"), cloud="apply")
    assert (refused.status, "No such file or directory" in refused.err) == (1, True)
