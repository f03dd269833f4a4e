"""What somebody does to a container past us is noticed: repaired where that is wanted, and told where it is not."""

from collections.abc import Iterator
from typing import Any

import pytest

from jeroboam.model.names import LABEL_PROJECT, container_name
from tests.e2e.house import House
from tests.e2e.people import LASTING, Person


def remove_behind(house: House, ident: str) -> str:
    there = str(house.inspect(ident)["Id"])
    house.docker.remove_container(there, force=True)
    return there


@pytest.mark.parametrize(
    "wish", [{"auto_heal": True}, {"restart_policy": {"Name": "always", "MaximumRetryCount": "0"}}]
)
def test_what_shall_be_there_is_made_again(house: House, team1: Person, wish: dict[str, Any]) -> None:
    made = house.make(team1, **wish)
    before = remove_behind(house, made["uuid"])

    def repaired() -> list[str]:
        return [c["message"] for c in team1.show(made["uuid"])["conditions"] if c["type"] == "Drifted"]

    (message,) = house.until(repaired, "it says that it was repaired")
    assert "Somebody else changed the container" in message
    # It is told of before the engine has made it anew, while what is shown may be from before it was lost.
    house.until(lambda: house.on_engine(ident=made["uuid"], all=False), "it runs again")
    house.until_status(team1, made["uuid"], "Running")
    assert len(house.on_engine(ident=made["uuid"], all=False)) == 1
    assert house.inspect(made["uuid"])["Id"] != before


def test_what_vanished_otherwise_says_so_and_can_be_started_anew(house: House, team1: Person) -> None:
    made = house.make(team1)
    remove_behind(house, made["uuid"])
    said = "removed from the engine by somebody else"
    house.until(lambda: said in (team1.show(made["uuid"])["status_reason"] or ""), "it says that it is gone")
    assert team1.show(made["uuid"])["status"] == "Error"
    assert not house.on_engine(ident=made["uuid"])
    team1.containers.start(made["uuid"])
    shown = house.until_status(team1, made["uuid"], "Running")
    assert shown["status_reason"] is None
    assert house.running(team1) == 1


def test_who_must_always_run_is_started_again(house: House, team1: Person) -> None:
    made = house.make(team1, restart_policy={"Name": "always", "MaximumRetryCount": "0"})
    first = house.inspect(made["uuid"])["State"]["StartedAt"]
    house.docker.stop(house.inspect(made["uuid"])["Id"], timeout=2)
    house.until(
        lambda: (
            house.inspect(made["uuid"])["State"]["Running"]
            and house.inspect(made["uuid"])["State"]["StartedAt"] > first
        ),
        "it was started again",
    )
    house.until_status(team1, made["uuid"], "Running")


def test_a_kill_from_outside_is_its_end(house: House, team1: Person) -> None:
    made = house.make(team1)
    house.docker.kill(house.inspect(made["uuid"])["Id"], "KILL")
    shown = house.until_status(team1, made["uuid"], "Stopped")
    assert shown["exit_code"] == 137
    assert "137" in shown["status_reason"]
    assert house.running(team1) == 0


def test_other_limits_are_set_back(house: House, team1: Person) -> None:
    made = house.make(team1)
    there = house.inspect(made["uuid"])["Id"]
    house.docker.update_container(there, mem_limit=64 << 20, memswap_limit=64 << 20)
    house.docker.pause(there)
    house.docker.unpause(there)
    house.until(lambda: house.inspect(made["uuid"])["HostConfig"]["Memory"] == 16 << 20, "the memory is as declared")


def test_a_network_that_was_pruned_is_made_anew(house: House, team1: Person) -> None:
    made = house.make(team1)
    team1.containers.stop(made["uuid"], timeout=1)
    house.until_status(team1, made["uuid"], "Stopped")
    (network,) = house.inspect(made["uuid"])["NetworkSettings"]["Networks"]
    label = f"{LABEL_PROJECT}={team1.project_id}"
    assert network in house.docker.prune_networks(filters={"label": label})["NetworksDeleted"]
    team1.containers.start(made["uuid"])
    house.until_status(team1, made["uuid"], "Running")
    fresh = house.make(team1)
    assert set(house.inspect(fresh["uuid"])["NetworkSettings"]["Networks"]) == {network}


@pytest.fixture
def foreign(house: House, team1: Person) -> Iterator[dict[str, str]]:
    """Containers that are not ours: of a similar name, and of the very name that one of ours would have."""
    names = ("jeroboam-like", container_name(house.installation, "00000000-0000-4000-8000-000000000001"))
    ids = {n: house.docker.create_container(house.image, LASTING, name=n)["Id"] for n in names}
    for ident in ids.values():
        house.docker.start(ident)
    yield ids
    for ident in ids.values():
        house.docker.remove_container(ident, force=True)


def test_what_is_not_ours_is_left_alone(house: House, team1: Person, foreign: dict[str, str]) -> None:
    made = house.make(team1)
    team1.containers.delete(made["uuid"], force=True)
    house.until_gone(team1, made["uuid"])
    for ident in foreign.values():
        assert house.docker.inspect_container(ident)["State"]["Running"] is True
        assert team1.zun_api("GET", f"/containers/{ident}").status_code == 404
