"""The machine that the containers run on loses its power, and comes back: on an engine that nobody else uses."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.backends.busybox import import_busybox
from tests import engine as engines
from tests.e2e.house import House
from tests.e2e.opening import opened
from tests.e2e.people import SMALL
from tests.e2e.tree import containers

ALWAYS = {"Name": "always", "MaximumRetryCount": "0"}


@pytest.fixture
def machine() -> Iterator[Path]:
    """The folder of an engine. Not below pytest's own: the path of a socket is short."""
    folder = Path(tempfile.mkdtemp(prefix="jeroboam-engine-"))
    yield folder
    engines.end(folder)


@pytest.fixture
def lonely_house(machine: Path, prepared_data: Path, tmp_path: Path) -> Iterator[House]:
    engine = engines.own(machine)
    import_busybox(engine.url, engines.IMAGE)
    with opened(engine, engines.IMAGE, prepared_data, tmp_path / "data") as house:
        yield house
        house.clear([house.people.members["team1"]])


def test_after_a_power_cut_everything_is_found_again(machine: Path, lonely_house: House) -> None:
    house, team1 = lonely_house, lonely_house.people.members["team1"]
    mounts = [{"source": "kept", "destination": "/data"}]
    service = house.make(team1, name="service", restart_policy=ALWAYS, mounts=mounts)
    house.exec(service["uuid"], "sh", "-c", "echo safe > /data/file; sync")
    job = house.make(team1, name="job")

    engines.cut_power(machine)
    asked = team1.containers.run(name="later", image=house.image, command=["sleep", "1000"], **SMALL)
    shown = house.until(
        lambda: (c := team1.show(asked.uuid))["status_reason"] and c, "the container says what it waits for"
    )
    assert shown["status"] == "Creating"
    assert shown["status_reason"].startswith("cannot ")
    assert {c["name"] for c in team1.listing()} == {"service", "job", "later"}
    answer = team1.zun_api("GET", "/containers/service/logs")
    assert (answer.status_code, "cannot" in answer.text) == (503, True)
    assert house.server.running().ready

    engines.own(machine)
    house.until_status(team1, asked.uuid, "Running", timeout=60)
    house.until_status(team1, service["uuid"], "Running", timeout=60)
    assert house.exec(service["uuid"], "cat", "/data/file") == "safe\n"
    ended = house.until_status(team1, job["uuid"], "Stopped", timeout=60)
    assert "Exited with code" in ended["status_reason"]
    team1.containers.start("job")
    house.until_status(team1, job["uuid"], "Running")
    assert len(house.on_engine(project=team1.project_id)) == 3
    assert containers(team1, "used") == (3,)
