"""`openstack event list` and `event follow`."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.cloud import Cloud, inherited


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("events", "a", "b")
    cloud.run("first", "events-a")
    assert cloud.openstack("appcontainer wait first --timeout 60", cloud="events-a").status == 0


def test_what_happened(cloud: Cloud) -> None:
    events = cloud.openstack("event list --object first -f json", cloud="events-a").json()
    assert events[0]["type"] == "created"
    assert {event["name"] for event in events} == {"first"}
    assert [event["seq"] for event in events] == sorted(event["seq"] for event in events)
    by_id = cloud.openstack("event list -f json --object", events[0]["object_id"], cloud="events-a").json()
    assert by_id == events
    table = cloud.openstack("event list --object first --limit 1", cloud="events-a").table()
    assert len(table) == 1
    assert table[0][2].strip() == "container"


def test_since_and_limit(cloud: Cloud) -> None:
    every = cloud.openstack("event list -f json", cloud="events-a").json()
    first = every[0]["seq"]
    later = cloud.openstack(f"event list -f json --since {first} --limit 1", cloud="events-a").json()
    assert later == every[1:2]
    latest = cloud.openstack("event list -f json --limit 1", cloud="events-a").json()
    assert latest == every[-1:]
    assert cloud.openstack("event list -f json --since 1h", cloud="events-a").json() == every
    assert cloud.openstack("event list -f json --since 2100-01-01", cloud="events-a").json() == []
    assert cloud.openstack("event list --since soon", cloud="events-a").status == 2
    assert cloud.openstack("event list --limit 0", cloud="events-a").status == 2


def test_whose(cloud: Cloud) -> None:
    assert cloud.openstack("event list --object first -f json", cloud="events-b").json() == []
    below = cloud.openstack("event list --below --object first -f json", cloud="events").json()
    assert below[0]["type"] == "created"
    refused = cloud.openstack("event list --all-projects", cloud="events-a")
    assert (refused.status, "does not allow it" in refused.err) == (1, True)


def test_follow_shows_events_as_they_happen_and_ends_on_control_c(cloud: Cloud) -> None:
    openstack = Path(sys.executable).with_name("openstack")
    with subprocess.Popen(
        [openstack, "event", "follow", "--since", "1h", "--object", "second", "-f", "json"],
        env={**inherited(), **cloud.environment("events-a")},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as follower:
        assert follower.stdout is not None
        assert follower.stderr is not None
        cloud.run("second", "events-a")
        line = json.loads(follower.stdout.readline())
        assert (line["type"], line["name"]) == ("created", "second")
        os.kill(follower.pid, signal.SIGINT)
        rest, said = follower.communicate(timeout=30)
        assert (follower.returncode, said) == (0, "")
        assert all(json.loads(more)["name"] == "second" for more in rest.splitlines())
