"""`openstack quota claim list` and `reclaim list`: Figure 15 with a grace period, as each side sees it."""

import pytest

from tests.plugin.cloud import Cloud


@pytest.fixture(scope="module", autouse=True)
def lent_and_asked_back(cloud: Cloud) -> None:
    """Team b runs 12 on its own 8; team a, which owns 8, has 4 and asks for one more than what is left."""
    cloud.organisation("claims", "a", "b")
    patience = cloud.openstack("quota node set claims --policy grace_seconds=600", cloud="jeroboam-system")
    assert patience.status == 0, patience.err
    for number in range(4):
        cloud.run(f"a{number}", "claims-a")
    for number in range(12):
        cloud.run(f"b{number}", "claims-b")
    cloud.run("owner", "claims-a")


def test_the_owner_sees_what_it_waits_for(cloud: Cloud) -> None:
    waiting = cloud.openstack("quota claim list --state reclaiming -f json", cloud="claims-a").json()
    assert [claim["name"] for claim in waiting] == ["owner"]
    assert waiting[0]["deadline"] is not None
    assert waiting[0]["amounts"] == {"containers": 1, "vcpus": 100, "memory": 16}
    table = cloud.openstack("quota claim list", cloud="claims-a").table()
    assert len(table) == 5


def test_the_borrower_sees_until_when_and_nobody_s_name(cloud: Cloud) -> None:
    claims = cloud.openstack("quota claim list -f json", cloud="claims-b").json()
    leaving = [claim for claim in claims if claim["leaving_until"]]
    assert len(claims) == 12
    assert [claim["leaving_for"] for claim in leaving] == ["another project"]
    assert leaving[0]["name"].startswith("b")


def test_the_manager_sees_who_gets_what_from_whom(cloud: Cloud) -> None:
    reclaims = cloud.openstack("quota reclaim list claims --below -f json", cloud="claims").json()
    assert len(reclaims) == 1
    row = reclaims[0]
    assert (row["project"], row["for"], row["from_project"]) == ("claims-a", "owner", "claims-b")
    assert row["gives"] == {"containers": 1, "vcpus": 100, "memory": 16}
    table = cloud.openstack("quota reclaim list claims --below", cloud="claims").table()
    assert [cell.strip() for cell in table[0][1:5]] == [
        "claims-a",
        "containers=1, memory=16 MiB, vcpus=0.1",
        "owner",
        "claims-b",
    ]


def test_a_reservation_that_waits_is_named_and_shows_what_it_will_hold(cloud: Cloud) -> None:
    line = "quota reservation create night --amount containers=2 --project claims-a -f json"
    made = cloud.openstack(line, cloud="claims").json()
    assert (made["outcome"], made["amounts"]) == ("reclaiming", {"containers": 2})
    listed = cloud.openstack("quota reservation list claims-a", cloud="claims").table()
    assert [cell.strip() for cell in listed[0][:5]] == ["night", "claims-a", "containers=2", "", "True"]
    rows = cloud.openstack("quota reclaim list claims --below -f json", cloud="claims").json()
    assert {row["for"] for row in rows} == {"owner", "night"}
    assert {row["for"] for row in cloud.openstack("quota reclaim list -f json", cloud="claims-b").json()} == {None}
    assert cloud.openstack("quota reservation delete night --project claims-a", cloud="claims").status == 0


def test_the_tree_shows_who_borrows_from_whom(cloud: Cloud) -> None:
    rows = cloud.openstack("quota tree show --resource containers -f json", cloud="claims").json()["children"]
    assert [(row["name"], row["borrowed"], row["lent"]) for row in rows] == [
        ("claims-a", {"containers": 0}, {"containers": 4}),
        ("claims-b", {"containers": 4}, {"containers": 0}),
    ]


def test_a_member_may_not_look_below(cloud: Cloud) -> None:
    refused = cloud.openstack("quota claim list --below", cloud="claims-a")
    assert refused.status == 1
    assert "does not allow it" in refused.err
