"""`openstack quota reservation ...`."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.plugin.cloud import Cloud


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("reserving", "a", "b")


def test_a_reservation_from_creation_to_end(cloud: Cloud) -> None:
    line = "quota reservation create night --project reserving-a --until 2h --amount containers=2,vcpus=0.2,memory=32"
    made = cloud.openstack(line, "-f", "json", cloud="reserving").json()
    assert (made["name"], made["project"], made["outcome"]) == ("night", "reserving-a", "admitted")
    ends = datetime.fromisoformat(made["until"]) - datetime.now(UTC)
    assert timedelta(hours=1, minutes=55) < ends <= timedelta(hours=2)

    own = cloud.openstack("quota reservation list -f json", cloud="reserving-a").json()
    assert [(row["name"], row["amounts"]) for row in own] == [("night", {"containers": 2, "vcpus": 200, "memory": 32})]
    for called in ("night", made["id"]):
        check = cloud.openstack(f"quota check --containers 1 --reservation {called} -f json", cloud="reserving-a")
        assert check.json()["outcome"] == "admitted"
    cloud.run("drawn", "reserving-a", reservation="night")
    table = cloud.openstack("quota reservation list reserving-a", cloud="reserving").table()
    assert cloud.openstack("quota reservation list --project reserving-a", cloud="reserving").table() == table
    assert [cell.strip() for cell in table[0][:3]] == ["night", "reserving-a", "containers=1, memory=16 MiB, vcpus=0.1"]

    extended = cloud.openstack("quota reservation extend night --no-end --project reserving-a", cloud="reserving")
    assert extended.status == 0, extended.err
    assert cloud.openstack("quota reservation list -f json", cloud="reserving-a").json()[0]["until"] is None

    extended = cloud.openstack(
        f"quota reservation extend {made['id']} --until 1h --project reserving-a", cloud="reserving"
    )
    assert extended.status == 0, extended.err
    assert cloud.openstack("quota reservation list -f json", cloud="reserving-a").json()[0]["until"] is not None

    endless = "quota reservation create endless --project reserving-b --amount containers=1 -c until -c deadline"
    assert cloud.openstack(f"{endless} -f value", cloud="reserving").out == "\n\n"
    assert cloud.openstack("quota reservation delete endless --project reserving-b", cloud="reserving").status == 0

    twin = "quota reservation create night --project reserving-b --amount containers=1 -f value -c name"
    assert cloud.openstack(twin, cloud="reserving").out == "night\n"
    again = cloud.openstack(twin, cloud="reserving")
    assert (again.status, "has a reservation of that name" in again.err) == (1, True)

    below = cloud.openstack("quota reservation list --below -f json", cloud="reserving").json()
    assert [(row["name"], row["project"]) for row in sorted(below, key=lambda row: row["project"])] == [
        ("night", "reserving-a"),
        ("night", "reserving-b"),
    ]
    assert cloud.openstack("quota reservation list -f json", cloud="reserving").json() == []
    refused = cloud.openstack("quota reservation list --below", cloud="reserving-a")
    assert (refused.status, "does not allow it" in refused.err) == (1, True)

    released = cloud.openstack("quota reservation delete night --project reserving-a", cloud="reserving")
    assert released.status == 0, released.err
    assert cloud.openstack("quota reservation list -f json", cloud="reserving-a").json() == []


@pytest.mark.parametrize(
    ("line", "cloud_name", "status", "sentence"),
    [
        ("quota reservation create x --amount containers=9", "reserving-a", 1, "does not allow it"),
        ("quota reservation create x --amount containers=99 --project reserving-b", "reserving", 1, "cannot reserve"),
        (
            "quota reservation create x --amount containers=1 --until soon",
            "reserving",
            2,
            "cannot read 'soon' as a time",
        ),
        ("quota reservation create x --amount containers=1 --until 2001-01-01", "reserving", 1, "that is past"),
        ("quota reservation create x", "reserving", 2, "--amount"),
        ("quota reservation create x --amount containers=0", "reserving", 1, "cannot reserve nothing: give 1 or more"),
        ("quota reservation list reserving-a --project reserving-b", "reserving", 2, "not allowed with argument"),
        ("quota reservation extend x --until 1h", "reserving", 1, "cannot find reservation 'x'"),
        ("quota reservation delete x y", "reserving", 1, "cannot release 2 of 2 reservations: see above"),
    ],
)
def test_refusals(cloud: Cloud, line: str, cloud_name: str, status: int, sentence: str) -> None:
    refused = cloud.openstack(line, cloud=cloud_name)
    assert (refused.status, refused.out) == (status, "")
    assert sentence in refused.err


def test_one_that_is_not_there_is_told_once(cloud: Cloud) -> None:
    refused = cloud.openstack("quota reservation delete nope", cloud="reserving")
    assert (refused.status, len(refused.err.splitlines())) == (1, 1)
    assert "cannot find reservation 'nope' of reserving" in refused.err
    several = cloud.openstack("quota reservation delete nope none", cloud="reserving").err.splitlines()
    assert [line.partition(" of reserving")[0] for line in several[:2]] == [
        "cannot find reservation 'nope'",
        "cannot find reservation 'none'",
    ]
    assert several[2:] == ["cannot release 2 of 2 reservations: see above"]
