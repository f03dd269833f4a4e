"""`openstack appcontainer wait` and `appcontainer volume ...`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.plugin.cloud import IMAGE, Cloud, inherited


@pytest.fixture(scope="module", autouse=True)
def organisation(cloud: Cloud) -> None:
    cloud.organisation("waiting", "a", "b")


def test_until_it_runs_and_until_it_is_gone(cloud: Cloud) -> None:
    cloud.run("web", "waiting-a")
    came = cloud.openstack("appcontainer wait web --timeout 60", cloud="waiting-a")
    assert came.status == 0, came.err
    assert came.out.splitlines()[-1] == "web: Running"
    cloud.openstack("appcontainer delete web --force", cloud="waiting-a")
    gone = cloud.openstack("appcontainer wait web --for deleted --timeout 60", cloud="waiting-a")
    assert (gone.status, gone.out.splitlines()[-1]) == (0, "web: Deleted")


def test_what_it_waits_for_is_said(cloud: Cloud) -> None:
    nothing = cloud.openstack("quota node set waiting-b --hard containers=0 --borrow containers=0", cloud="waiting")
    assert nothing.status == 0, nothing.err
    cloud.run("queued", "waiting-b", shortage="wait")
    late = cloud.openstack("appcontainer wait queued --timeout 0", cloud="waiting-b")
    assert late.status == 1
    assert late.out.startswith("queued: Creating: ")
    assert "cannot wait longer than 0 s for Running: container queued is Creating: " in late.err


def test_it_is_told_when_the_wait_is_over(cloud: Cloud) -> None:
    openstack = Path(sys.executable).with_name("openstack")
    with subprocess.Popen(
        [openstack, "appcontainer", "wait", "queued", "--timeout", "60"],
        env={**inherited(), **cloud.environment("waiting-b")},
        stdout=subprocess.PIPE,
        text=True,
    ) as waiting:
        assert waiting.stdout is not None
        assert waiting.stdout.readline().startswith("queued: Creating: ")
        room = cloud.openstack("quota node set waiting-b --hard containers=1", cloud="waiting")
        assert room.status == 0, room.err
        rest, _ = waiting.communicate(timeout=60)
        assert (waiting.returncode, rest.splitlines()[-1]) == (0, "queued: Running")


def test_what_has_ended_is_not_waited_for(cloud: Cloud) -> None:
    cloud.openstack("appcontainer run --name short --cpu 0.1 --memory 16", IMAGE, "true", cloud="waiting-a")
    ended = cloud.openstack("appcontainer wait short --for Stopped --timeout 60", cloud="waiting-a")
    assert (ended.status, ended.out.splitlines()[-1]) == (0, "short: Stopped (exit code 0)")
    hopeless = cloud.openstack("appcontainer wait short --timeout 60", cloud="waiting-a")
    assert hopeless.status == 1
    assert "cannot wait for Running: container short is Stopped (exit code 0)" in hopeless.err


@pytest.mark.parametrize(
    ("line", "status", "sentence"),
    [
        ("appcontainer wait nothing", 1, "cannot wait for container nothing: there is none"),
        ("appcontainer wait web --for Happy", 2, "cannot wait for 'Happy': there are Running"),
        ("appcontainer wait web --timeout -1", 2, "--timeout"),
    ],
)
def test_what_cannot_be_waited_for(cloud: Cloud, line: str, status: int, sentence: str) -> None:
    refused = cloud.openstack(line, cloud="waiting-a")
    assert (refused.status, refused.out) == (status, "")
    assert sentence in refused.err


def test_volumes_outlive_their_containers(cloud: Cloud) -> None:
    line = "appcontainer run --name keeper --cpu 0.1 --memory 16 --mount source=data,destination=/data"
    made = cloud.openstack(line, IMAGE, "sleep", "1000", cloud="waiting-a")
    assert made.status == 0, made.err
    used = cloud.openstack("appcontainer volume delete data", cloud="waiting-a")
    assert used.status == 1
    assert "cannot delete volume data: 1 container(s) mount it" in used.err
    listed = cloud.openstack("appcontainer volume list -f json", cloud="waiting-a").json()
    assert [volume["name"] for volume in listed] == ["data"]
    cloud.openstack("appcontainer delete keeper --force", cloud="waiting-a")
    cloud.openstack("appcontainer wait keeper --for Deleted --timeout 60", cloud="waiting-a")
    assert cloud.openstack("appcontainer volume delete data", cloud="waiting-a").status == 0
    assert cloud.openstack("appcontainer volume list -f json", cloud="waiting-a").json() == []
