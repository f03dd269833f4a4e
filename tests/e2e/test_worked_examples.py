"""The worked examples of the quota model with real containers: what runs on the engine is what the tree says."""

from collections.abc import Callable

import pytest

from tests.e2e.house import House
from tests.e2e.people import Org, at_once, sentence
from tests.e2e.tree import OPEN, containers, figures, limit, own, plant

FREE = limit(8, borrow=None)
EXCLUSIVE = limit(8, lend=0, borrow=0)


def runs(house: House, org: Org) -> tuple[int, int]:
    """What really runs for each of the two teams."""
    return house.running(org["team1"]), house.running(org["team2"])


def used(org: Org) -> tuple[int, ...]:
    return (*containers(org["team1"], "used"), *containers(org["team2"], "used"))


def test_figure_13_an_organisation_gives_parts_of_what_it_has(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org()
    system, gpus = house.people.system, f"gpus_{org.id[:6]}"
    for node, hard in (("cloud", 1000), ("default", -1), (org.id, 1000)):
        system.quota("PATCH", f"/nodes/{node}", {"limits": {gpus: {"hard_limit": hard}}})
    own(system, org.id, limit(10))
    for team, hard in (("team1", 300), ("team2", 400)):
        org.manager.quota("PATCH", f"/nodes/{org[team].project_id}", {"limits": {gpus: limit(hard, lend=0)}})
    org.manager.quota("POST", "/nodes/self/reservations", {"amounts": {gpus: 100}, "id": gpus})

    made = house.make(org.manager, hints={f"resource.{gpus}": "100"})

    view = org.manager.quota("GET", "/nodes/self")
    words = ("hard_limit", "used", "reserved", "allocated", "free")
    assert [view[word][gpus] for word in words] == [1000, 100, 100, 700, 100]
    assert house.running(org.manager) == 1
    status, text = org.manager.refusal(image=house.image, hints={f"resource.{gpus}": "101"})
    assert status == 403
    assert f"cannot admit 101 {gpus}" in text
    assert "ask for 100 or less" in text
    org.manager.containers.delete(made["uuid"], force=True)
    house.until_gone(org.manager, made["uuid"])
    org.manager.quota("DELETE", f"/nodes/self/reservations/{gpus}")
    assert figures(org.manager, "free")[gpus] == 300


def test_figure_14_exclusive_nobody_gets_what_another_leaves_idle(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org()
    plant(house.people, org, 16, {"team1": EXCLUSIVE, "team2": EXCLUSIVE})

    house.make_many(org["team1"], 4)
    asked = at_once([lambda: org["team2"].create(image=house.image)] * 12)

    refused = [sentence(answer) for answer in asked if answer.status_code == 403]
    assert (len(refused), sum(answer.status_code == 202 for answer in asked)) == (4, 8)
    for text in refused:
        assert text.startswith("cannot create container")
        assert "cannot admit 1 container" in text
        assert "holds 8 of the 8 that it may reach (hard_limit 8 + borrow_limit 0)" in text
        assert "What would help" in text
    for answer in asked:
        if answer.ok:
            house.until_status(org["team2"], answer.json()["uuid"], "Running")
    assert runs(house, org) == used(org) == (4, 8)
    view = org.manager.quota("GET", "/nodes/self")
    assert (view["hard_limit"]["containers"], view["allocated"]["containers"]) == (16, 16)


def test_figure_15_what_one_leaves_idle_another_borrows_until_the_owner_asks(
    house: House, make_org: Callable[..., Org]
) -> None:
    org = make_org()
    plant(house.people, org, 16, {"team1": FREE, "team2": FREE})
    team1, team2 = org["team1"], org["team2"]
    mine = house.make_many(team1, 4)
    theirs = house.make_many(team2, 12)
    assert runs(house, org) == used(org) == (4, 12)
    assert containers(team2, "borrowed", "lent") == (4, 0)
    assert containers(team1, "borrowed", "lent") == (0, 4)

    more = house.make_many(team1, 4)

    assert runs(house, org) == used(org) == (8, 8)
    assert containers(team2, "borrowed") == containers(team1, "lent") == (0,)
    kept = [team2.show(c["uuid"]) for c in theirs]
    gone = [c for c in kept if c["status"] == "Stopped"]
    assert len(gone) == 4
    assert all("took it back" in c["status_reason"] and "start it again" in c["status_reason"] for c in gone)
    assert all(org.id not in str(c) and team1.project_id not in str(c) for c in gone), "no other project is named"
    assert all(team1.show(c["uuid"])["status"] == "Running" for c in (*mine, *more))

    status, text = team2.refusal(image=house.image)
    assert (status, "cannot admit 1 container" in text) == (403, True)
    again = team2.zun_api("POST", f"/containers/{gone[0]['uuid']}/start")
    assert (again.status_code, "cannot start container" in sentence(again)) == (403, True)
    team1.containers.delete(more[0]["uuid"], force=True)
    house.until_gone(team1, more[0]["uuid"])
    team2.containers.start(gone[0]["uuid"])
    house.until_status(team2, gone[0]["uuid"], "Running")
    assert runs(house, org) == used(org) == (7, 9)


def test_figure_16_shared_each_gets_what_it_deserves(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org()
    shared = limit(0, borrow=None)
    plant(house.people, org, 16, {"team1": shared, "team2": shared})
    team1, team2 = org["team1"], org["team2"]
    assert containers(team1, "deserved") == containers(team2, "deserved") == (8,)
    house.make_many(team1, 4)
    house.make_many(team2, 12)

    house.make_many(team1, 4)

    assert runs(house, org) == used(org) == (8, 8)
    status, text = team1.refusal(image=house.image)
    assert status == 403
    assert "the requester would then have more than its fair part of " in text
    asked = {"amounts": {"containers": 1, "vcpus": 20, "memory": 16}}
    told = team1.quota("POST", "/dry-run", asked)
    assert told["outcome"] == "refused"
    assert told["reason"]["code"] == "share_reached"


def test_mixed_an_exclusive_part_and_a_shared_pool(house: House, make_org: Callable[..., Org]) -> None:
    org = make_org()
    half = limit(4, lend=0, borrow=None)
    plant(house.people, org, 16, {"team1": half, "team2": half})
    team1, team2 = org["team1"], org["team2"]
    asked = at_once([lambda: team2.create(image=house.image)] * 13)
    assert sorted(answer.status_code for answer in asked) == [202] * 12 + [403]
    for answer in asked:
        if answer.ok:
            house.until_status(team2, answer.json()["uuid"], "Running")
    assert runs(house, org) == (0, 12)

    house.make_many(team1, 8)

    assert runs(house, org) == used(org) == (8, 8)
    assert containers(team1, "deserved") == containers(team2, "deserved") == (8,)


@pytest.mark.parametrize("resource", ["vcpus", "memory"])
def test_every_resource_counts(house: House, make_org: Callable[..., Org], resource: str) -> None:
    """All of a request or nothing: containers would fit."""
    org = make_org("team1")
    plant(house.people, org, 16, {"team1": FREE})
    whole = {"vcpus": 50, "memory": 50}[resource]
    hard = {"limits": {**OPEN, resource: {"hard_limit": whole}}}
    org.manager.quota("PATCH", f"/nodes/{org['team1'].project_id}", hard)

    house.make(org["team1"], cpu=0.03, memory="32")
    status, text = org["team1"].refusal(image=house.image, cpu=0.03, memory="32")

    assert status == 403
    assert {"vcpus": "cannot admit 0.03 vcpus", "memory": "cannot admit 32 MiB memory"}[resource] in text
    used = figures(org["team1"], "used")
    assert (used["containers"], used["memory"], used["vcpus"]) == (1, 32, 30)
