"""`openstack quota check`: would it fit, and why not."""

import pytest

from tests.plugin.cloud import Cloud


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("check", "a", "b")
    for number in range(10):
        cloud.run(f"b{number}", "check-b")


def test_what_fits(cloud: Cloud) -> None:
    answer = cloud.openstack("quota check --containers 6 --vcpus 0.5 --memory 64m -f json", cloud="check-a")
    assert answer.status == 0
    said = answer.json()
    assert (said["fits"], said["outcome"], said["displaces"]) == (True, "admitted", 0)
    assert said["amounts"] == {"containers": 6, "vcpus": 500, "memory": 64}


def test_what_there_is_no_reason_for_has_none(cloud: Cloud) -> None:
    line = "quota check --containers 1 -c reason -c deadline"
    assert cloud.openstack(f"{line} -f value", cloud="check-a").out == "\n\n"
    assert {row[1].strip() for row in cloud.openstack(line, cloud="check-a").table()} == {""}
    assert cloud.openstack(f"{line} -f json", cloud="check-a").json() == {"reason": None, "deadline": None}


def test_what_others_have_to_give_back(cloud: Cloud) -> None:
    answer = cloud.openstack("quota check --containers 8", cloud="check-a")
    assert answer.status == 0
    rows = {row[0].strip(): row[1].strip() for row in answer.table()}
    assert (rows["outcome"], rows["displaces"]) == ("reclaiming", "2")


def test_what_does_not_fit_says_why_and_what_would_help(cloud: Cloud) -> None:
    answer = cloud.openstack("quota check --containers 9 --project check-a -f json", cloud="check")
    assert answer.status == 1
    assert '"code": ' in answer.out
    people = cloud.openstack("quota check --containers 17", cloud="check-a")
    assert people.status == 1
    said = " ".join(row[1].strip() for row in people.table())
    assert "cannot admit 17 containers: check has" in said
    assert "What would help:" in said
    waits = cloud.openstack("quota check --containers 9 --wait -f value -c outcome", cloud="check-a")
    assert (waits.status, waits.out) == (1, "waiting\n")


def test_nothing_is_charged(cloud: Cloud) -> None:
    row = cloud.openstack("quota node show -f json", cloud="check-a").json()[0]
    assert (row["resource"], row["used"]) == ("containers", 0)


@pytest.mark.parametrize(
    ("line", "status", "sentence"),
    [
        ("quota check", 2, "cannot check nothing: give --containers"),
        ("quota check --containers 1 --resource containers=2", 2, "cannot ask for containers twice"),
        ("quota check --containers x", 2, "cannot read 'x' as an amount of containers"),
        ("quota check --containers 1 --priority 101", 2, "cannot read '101': write a whole number from 0 to 100"),
    ],
)
def test_what_cannot_be_asked(cloud: Cloud, line: str, status: int, sentence: str) -> None:
    refused = cloud.openstack(line, cloud="check-a")
    assert refused.status == status
    assert sentence in refused.err
