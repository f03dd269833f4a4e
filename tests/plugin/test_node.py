"""`openstack quota node ...` and `quota audit list`."""

import pytest

from tests.plugin.cloud import Cloud


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("nodes", "a", "b", "c")


def test_a_table_for_people(cloud: Cloud) -> None:
    cloud.openstack("quota node set nodes-a --hard vcpus=1.5,memory=1g", cloud="nodes")
    shown = cloud.openstack("quota node show nodes-a", cloud="nodes")
    rows = {row[0].strip(): [cell.strip() for cell in row[1:]] for row in shown.table()}
    assert list(rows) == ["containers", "memory", "vcpus"]
    assert [rows[resource][0] for resource in rows] == ["8", "1024 MiB", "1.5"]
    assert "debt" not in shown.out
    assert "lend_limit" not in shown.out


def test_base_units_for_programs(cloud: Cloud) -> None:
    cloud.openstack("quota node set nodes-b --hard vcpus=500m --lend vcpus=250m --borrow vcpus=0", cloud="nodes")
    rows = {row["resource"]: row for row in cloud.openstack("quota node show nodes-b -f json", cloud="nodes").json()}
    vcpus = rows["vcpus"]
    assert (vcpus["hard_limit"], vcpus["lend_limit"], vcpus["borrow_limit"]) == (500, 250, 0)
    containers = rows["containers"]
    assert (containers["hard_limit"], containers["lend_limit"], containers["borrow_limit"]) == (8, None, None)
    assert (containers["free"], containers["available"], containers["weight"]) == (8, 24, "1")


def test_one_s_own_node_is_the_default(cloud: Cloud) -> None:
    own = cloud.openstack("quota node show -f value -c resource -c hard_limit", cloud="nodes-c")
    assert "containers 8" in own.out.splitlines()
    long = cloud.openstack("quota node show --long", cloud="nodes-c")
    assert ["lend_limit" in long.out, "unlimited" in long.out, "policy" in long.out] == [True] * 3


def test_weight_policy_and_child_defaults_are_kept_beside_what_is_set(cloud: Cloud) -> None:
    for line in (
        "quota node set nodes --weight 0.5 --policy grace_seconds=30 --child-default containers=2",
        "quota node set nodes --policy reclaim=lower_priority --child-default-borrow containers=unlimited",
    ):
        done = cloud.openstack(line, cloud="jeroboam-system")
        assert (done.status, done.out) == (0, ""), done.err
    row = cloud.openstack("quota node show -f json", cloud="nodes").json()[0]
    assert (row["weight"], row["policy"]) == ("1/2", "grace_seconds=30, reclaim=lower_priority")
    said = cloud.openstack("quota audit list nodes -f json --limit 2", cloud="jeroboam-system").json()
    assert [entry["by"] for entry in said] == ["admin", "admin"]
    after = [entry["change"]["after"] for entry in said]
    assert after[0] == {
        "child_defaults.containers": {"hard": 2, "lend": None, "borrow": None},
        "policy.reclaim": "lower_priority",
    }
    again = cloud.openstack("quota node set nodes --policy grace_seconds= --policy reclaim=", cloud="jeroboam-system")
    assert again.status == 0, again.err
    assert cloud.openstack("quota node show -f json", cloud="nodes").json()[0]["policy"] == ""


def test_the_audit_reads_as_sentences(cloud: Cloud) -> None:
    cloud.openstack("quota node set nodes-c --borrow containers=4 --lend vcpus=0 --weight 2", cloud="nodes")
    table = cloud.openstack("quota audit list nodes-c --limit 1", cloud="nodes").table()
    changes = [row[-1].strip() for row in table]
    assert changes == ["borrow_limit containers unlimited -> 4", "lend_limit vcpus all -> 0", "weight 1 -> 2"]
    assert [cell.strip() for cell in table[0][1:4]] == ["org-manager", "set", "nodes-c"]


@pytest.mark.parametrize(
    ("line", "cloud_name", "sentence"),
    [
        ("quota node set nodes-a --hard containers=9", "nodes-a", "ask a manager of a project or domain above it"),
        ("quota node show nodes-a", "nodes-b", "cannot find a project 'nodes-a'"),
        ("quota node show no-such-project", "jeroboam-admin", "cannot find a project 'no-such-project'"),
        ("quota node show a/../b?c#d", "nodes", "cannot find"),
        (
            "quota node set nodes-a --hard containers=1000",
            "nodes",
            "cannot give 992 more containers to nodes-a:",
        ),
    ],
)
def test_refusals_are_the_server_s_sentence(cloud: Cloud, line: str, cloud_name: str, sentence: str) -> None:
    refused = cloud.openstack(line, cloud=cloud_name)
    assert (refused.status, refused.out) == (1, "")
    assert sentence in refused.err
    assert "Traceback" not in refused.err


def test_bad_arguments_are_refused_before_anything_is_asked(cloud: Cloud) -> None:
    refused = cloud.openstack("quota node set nodes-a --hard containers=lots", cloud="nodes")
    assert refused.status == 2
    assert "cannot read 'lots' as an amount of containers: write a whole number, or unlimited" in refused.err
    nothing = cloud.openstack("quota node set nodes-a", cloud="nodes")
    assert (nothing.status, "cannot set nothing: give --hard" in nothing.err) == (2, True)
    assert "--child-default-lend or --child-default-borrow" in nothing.err


def test_a_project_that_nobody_has_used_yet_is_found_by_name(cloud: Cloud) -> None:
    # team2 is in Keystone and not in the tree: its manager names it all the same.
    shown = cloud.openstack("quota node show team2 -f value -c hard_limit", cloud="jeroboam-admin")
    assert set(shown.out.split()) == {"0"}, shown.err
