"""`openstack quota tree show`."""

import pytest

from tests.plugin.cloud import Cloud


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("tree", "a", "b")


def test_the_tree_is_drawn(cloud: Cloud) -> None:
    shown = cloud.openstack("quota tree show --resource containers", cloud="tree")
    assert [row[0] for row in shown.table()] == ["tree", "├── tree-a", "└── tree-b"]
    assert [row[2].strip() for row in shown.table()] == ["16", "8", "8"]
    every = cloud.openstack("quota tree show", cloud="tree")
    assert [row[0] for row in every.table()][:6] == ["tree", "│", "│", "├── tree-a", "│", "│"]


def test_boxes_only_where_the_terminal_has_them(cloud: Cloud) -> None:
    shown = cloud.openstack("quota tree show --resource containers", cloud="tree", encoding="ascii")
    assert [row[0] for row in shown.table()] == ["tree", "|-- tree-a", "`-- tree-b"]


def test_programs_get_the_nested_document(cloud: Cloud) -> None:
    whole = cloud.openstack("quota tree show --resource containers -f json", cloud="tree").json()
    assert (whole["name"], whole["hard_limit"]) == ("tree", {"containers": 16})
    assert [child["name"] for child in whole["children"]] == ["tree-a", "tree-b"]
    top = cloud.openstack("quota tree show --depth 0 -f json", cloud="tree").json()
    assert top["children"] == []
    assert set(top["hard_limit"]) == {"containers", "memory", "vcpus"}
    yaml = cloud.openstack("quota tree show --depth 0 -f yaml", cloud="tree")
    assert "name: tree\n" in yaml.out


def test_rows_have_the_path(cloud: Cloud) -> None:
    rows = cloud.openstack("quota tree show --resource containers -f csv -c project -c free", cloud="tree")
    assert rows.out.splitlines() == ['"project","free"', '"tree","0"', '"tree/tree-a","8"', '"tree/tree-b","8"']


def test_a_member_sees_its_own_node_alone(cloud: Cloud) -> None:
    unknown = cloud.openstack("quota tree show --resource nosuch", cloud="tree-a")
    assert (unknown.status, unknown.out) == (1, "")
    assert "cannot show 'nosuch': nobody here has any of that; there are containers, memory, vcpus" in unknown.err
    shown = cloud.openstack("quota tree show --resource containers", cloud="tree-a")
    assert [row[0] for row in shown.table()] == ["tree-a"]


def test_a_bad_number_of_levels_is_refused(cloud: Cloud) -> None:
    refused = cloud.openstack("quota tree show --depth -1", cloud="tree")
    assert refused.status == 2
