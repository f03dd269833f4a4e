"""The server is killed and started again: all is found, nothing is lost or doubled, the charge is what exists."""

import threading
import time
from typing import Any

import requests

from tests.e2e.house import House
from tests.e2e.people import Person, at_once
from tests.e2e.tree import containers


def ids(house: House, person: Person) -> dict[str, str]:
    """The engine's ids of this person's containers, by ours."""
    return {c["Labels"]["io.jeroboam.object"]: c["Id"] for c in house.on_engine(project=person.project_id)}


def consistent(house: House, person: Person) -> bool:
    """One container on the engine for each object, each object charged once."""
    listed = sorted(c["uuid"] for c in person.listing())
    return sorted(ids(house, person)) == listed and containers(person, "used") == (len(listed),)


def test_killed_in_the_middle_of_its_work(house: House, team1: Person) -> None:
    runs = house.make_many(team1, 2)
    stopped = house.make(team1)
    team1.containers.stop(stopped["uuid"], timeout=1)
    house.until_status(team1, stopped["uuid"], "Stopped")
    always = house.make(team1, restart_policy={"Name": "always", "MaximumRetryCount": "0"})
    before = ids(house, team1)
    under_way = [a.json()["uuid"] for a in at_once([lambda: team1.create(image=house.image)] * 3)]

    assert not house.server.kill(), "the server's children die with it"

    assert set(before.values()) <= {c["Id"] for c in house.on_engine(project=team1.project_id)}
    house.docker.remove_container(before[always["uuid"]], force=True)
    house.server.start()

    for ident in (*(c["uuid"] for c in runs), always["uuid"], *under_way):
        house.until_status(team1, ident, "Running")
    assert team1.show(stopped["uuid"])["status"] == "Stopped"
    assert consistent(house, team1)
    after = ids(house, team1)
    assert {after[i] for i in before if i != always["uuid"]} == {before[i] for i in before if i != always["uuid"]}
    assert after[always["uuid"]] != before[always["uuid"]]


def test_killed_while_requests_pour_in(house: House, team1: Person) -> None:
    """Whatever was answered with 202 is there afterwards; what was not may be, and then whole."""
    accepted: list[str] = []
    token = team1.session.get_token()
    ended = threading.Event()

    def pour() -> None:
        body = {"image": house.image, "cpu": 0.02, "memory": "16", "command": ["true"]}
        headers = {"X-Auth-Token": str(token), "OpenStack-API-Version": "container 1.40"}
        while not ended.is_set():
            try:
                url = f"{house.server.url}/container/v1/containers"
                answer: Any = requests.post(url, json=body, headers=headers, timeout=10)
            except requests.RequestException:
                return
            if answer.status_code != 202:
                return
            accepted.append(answer.json()["uuid"])

    threads = [threading.Thread(target=pour) for _ in range(2)]
    for thread in threads:
        thread.start()
    house.until(lambda: len(accepted) >= 2, "some are accepted")
    house.server.kill()
    ended.set()
    for thread in threads:
        thread.join()
    house.server.start()

    listed = team1.listing()
    assert set(accepted) <= {c["uuid"] for c in listed}
    for container in listed:
        house.until_status(team1, container["uuid"], "Created")
    assert consistent(house, team1)


def test_stopped_politely_the_containers_go_on(house: House, team1: Person) -> None:
    made = house.make(team1)
    began = time.monotonic()
    assert not house.server.stop()
    assert time.monotonic() - began < 15
    assert house.inspect(made["uuid"])["State"]["Running"] is True
    house.server.start()
    house.until_status(team1, made["uuid"], "Running")
    assert consistent(house, team1)
