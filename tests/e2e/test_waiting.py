"""Who waits and who has to leave: both say so while it lasts, with the moment when it ends."""

import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from tests.e2e.house import House
from tests.e2e.people import Org, at_once
from tests.e2e.tree import containers, limit, plant

ALL = limit(2, borrow=None)
GRACE = 4.0


def reserved(container: dict[str, Any]) -> dict[str, Any]:
    """What it says of its quota."""
    return next(c for c in container["conditions"] if c["type"] == "QuotaReserved")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def lent_out(house: House, make_org: Callable[..., Org], grace: float) -> tuple[Org, list[dict[str, Any]]]:
    """Two teams that own 2 each; team2 has taken all 4."""
    org = make_org()
    plant(house.people, org, 4, {"team1": ALL, "team2": ALL}, grace=grace)
    return org, house.make_many(org["team2"], 4)


def test_with_notice_both_sides_know_until_when(house: House, make_org: Callable[..., Org]) -> None:
    org, theirs = lent_out(house, make_org, GRACE)
    team1, team2 = org["team1"], org["team2"]
    before = time.time()

    asked = team1.create(image=house.image).json()

    assert asked["status"] == "Creating"
    assert asked["status_reason"].startswith("Waits for capacity that is being taken back from 1 other container")
    deadline = moment(reserved(asked)["deadline"])
    assert before + GRACE - 1 <= deadline <= time.time() + GRACE + 1
    assert reserved(asked)["status"] is False

    def leaving() -> list[dict[str, Any]]:
        shown = [team2.show(c["uuid"]) for c in theirs]
        return [c for c in shown if reserved(c)["reason"] == "Leaving"]

    victim = house.until(leaving, "the victim knows")[0]
    assert victim["status"] == "Running"
    assert "borrowed capacity that its owner takes back" in victim["status_reason"]
    assert moment(reserved(victim)["deadline"]) == deadline
    row = team1.quota("GET", "/reclaims")["reclaims"][0]
    assert (row["object"], row["victims"][0]["node_name"]) == (asked["uuid"], "another project")
    row = org.manager.quota("GET", f"/reclaims?node={team2.project_id}")["reclaims"][0]
    assert row["victims"][0]["object"] == victim["uuid"]

    house.until_status(team1, asked["uuid"], "Running")
    assert time.time() >= deadline
    victim = house.until_status(team2, victim["uuid"], "Stopped")
    assert "took it back" in victim["status_reason"]
    assert (house.running(team1), house.running(team2)) == (1, 3)


def test_who_takes_the_request_back_sends_nobody_away(house: House, make_org: Callable[..., Org]) -> None:
    org, theirs = lent_out(house, make_org, 600)
    asked = org["team1"].create(image=house.image).json()
    house.until(
        lambda: any(reserved(org["team2"].show(c["uuid"]))["reason"] == "Leaving" for c in theirs), "the victim knows"
    )

    org["team1"].containers.delete(asked["uuid"])
    house.until_gone(org["team1"], asked["uuid"])

    house.until(
        lambda: all(reserved(org["team2"].show(c["uuid"]))["reason"] == "Admitted" for c in theirs), "nobody leaves"
    )
    assert house.running(org["team2"]) == 4
    assert not org["team1"].quota("GET", "/reclaims")["reclaims"]


def test_work_that_asked_for_it_comes_back_by_itself(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org()
    plant(house.people, org, 4, {"team1": ALL, "team2": ALL})
    team1, team2 = org["team1"], org["team2"]
    theirs = house.make_many(team2, 4, hints={"on_evict": "requeue"})
    mine = house.make_many(team1, 1)
    gone = [c["uuid"] for c in theirs if team2.show(c["uuid"])["status"] != "Running"]
    assert len(gone) == 1
    waiting = house.until_status(team2, gone[0], "Stopped")
    assert (reserved(waiting)["status"], reserved(waiting)["reason"]) == (False, "Waiting")

    team1.containers.delete(mine[0]["uuid"], force=True)

    house.until_status(team2, gone[0], "Running")
    assert house.running(team2) == 4
    assert containers(team2, "used", "borrowed") == (4, 2)


def test_who_will_wait_is_queued_by_priority_and_age(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org("team1")
    plant(house.people, org, 1, {"team1": limit(1)})
    team1 = org["team1"]
    first = house.make(team1)
    wait = {"shortage": "wait"}
    old, young, urgent = (
        team1.create(image=house.image, hints={**wait, **more}).json()["uuid"] for more in ({}, {}, {"priority": "90"})
    )
    shown = team1.show(young)
    assert shown["status"] == "Creating"
    assert shown["status_reason"].startswith("Waits in the queue of the quota")
    assert not house.on_engine(ident=young)

    for here, following in ((first["uuid"], urgent), (urgent, old), (old, young)):
        team1.containers.delete(here, force=True)
        house.until_status(team1, following, "Running")
        assert house.running(team1) == 1


def test_of_32_at_once_one_gets_the_last_slot(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org("team1")
    plant(house.people, org, 3, {"team1": limit(3)})
    team1 = org["team1"]
    house.make_many(team1, 2)

    asked = at_once([lambda: team1.create(image=house.image)] * 32, together=32)

    assert sorted(answer.status_code for answer in asked) == [202] + [403] * 31
    refused = next(answer for answer in asked if answer.status_code == 403).json()
    assert refused["data"]["node"] == team1.project_id
    assert refused["data"]["figures"]["ceiling"] == 3
    won = next(answer for answer in asked if answer.ok).json()
    house.until_status(team1, won["uuid"], "Running")
    assert len(house.on_engine(project=team1.project_id)) == len(team1.listing()) == 3
    assert containers(team1, "used", "free") == (3, 0)
