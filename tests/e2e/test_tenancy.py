"""Teams do not see, reach or disturb each other; within a team containers find each other."""

from typing import Any

import pytest

from tests.e2e.house import House
from tests.e2e.people import Person, sentence

BEYOND = "00000000-0000-4000-8000-000000000000"
VERBS = (
    ("GET", ""),
    ("GET", "/logs"),
    ("GET", "/top"),
    ("GET", "/stats"),
    ("GET", "/attach"),
    ("GET", "/network_list"),
    ("GET", "/container_actions"),
    ("GET", "/get_archive?path=/etc"),
    ("POST", "/start"),
    ("POST", "/stop"),
    ("POST", "/pause"),
    ("POST", "/kill"),
    ("POST", "/reboot"),
    ("POST", "/rebuild"),
    ("POST", "/execute?command=id&run=true"),
    ("POST", "/execute?command=sh&interactive=true&run=false"),
    ("POST", "/network_attach?network=default"),
    ("DELETE", "?force=true"),
)


def test_another_teams_container_is_not_there(house: House, team1: Person, team2: Person) -> None:
    theirs = house.make(team1, name="theirs")["uuid"]
    for ident in (theirs, "theirs"):
        for method, path in VERBS:
            answer = team2.zun_api(method, f"/containers/{ident}{path}")
            nobody = team2.zun_api(method, f"/containers/{BEYOND}{path}")
            assert (answer.status_code, method, path) == (404, method, path)
            assert sentence(answer) == sentence(nobody).replace(BEYOND, ident)
        assert team2.zun_api("PATCH", f"/containers/{ident}", {"name": "mine"}).status_code == 404
    assert team2.listing() == []
    assert team2.zun_api("GET", "/containers?all_projects=1").status_code == 403
    assert team2.refusal(image=house.image, hints={"link": "theirs"})[0] == 400
    assert house.running(team1) == 1


def test_the_manager_sees_and_the_admin_helps(house: House, team1: Person) -> None:
    theirs = house.make(team1, name="theirs")["uuid"]
    assert house.people.manager.show(theirs)["name"] == "theirs"
    everywhere = house.people.admin.zun_api("GET", "/containers?all_projects=1").json()["containers"]
    assert theirs in {c["uuid"] for c in everywhere}


def test_networks_end_at_the_project(house: House, team1: Person, team2: Person) -> None:
    serve = ["sh", "-c", "exec httpd -f -p 80 -h /etc"]
    server = house.make(team1, name="web", command=serve)
    beside = house.make(team1)
    stranger = house.make(team2)
    address = server["addresses"]["default"][0]["addr"]

    def fetched(container: dict[str, Any], host: str, seconds: int = 10) -> bool:
        request = f"printf 'GET /passwd HTTP/1.0\\r\\n\\r\\n' | timeout {seconds} nc {host} 80"
        return "root:x:0" in house.exec(container["uuid"], "sh", "-c", request)

    house.until(lambda: fetched(beside, "web"), "it serves by name")
    assert fetched(beside, address)
    assert not fetched(stranger, address, 2)
    assert not fetched(stranger, "web", 2)
    assert "bytes from" not in house.exec(stranger["uuid"], "ping", "-c1", "-W1", address)


def test_linked_containers_share_environment_and_find_each_other(house: House, team1: Person) -> None:
    database = house.make(
        team1, name="mydb", environment={"PASSWORD": "s3", "POSTGRES-DB": "app"}, exposed_ports={"5432/tcp": {}}
    )
    web = house.make(team1, hints={"link": "mydb:db"})
    seen = house.exec(web["uuid"], "env").splitlines()
    assert "DB_ENV_PASSWORD=s3" in seen
    assert "DB_NAME=mydb" in seen
    assert "DB_PORT_5432_TCP=tcp://db:5432" in seen
    address = database["addresses"]["default"][0]["addr"]
    assert address in house.exec(web["uuid"], "ping", "-c1", "-W2", "db")


@pytest.mark.parametrize("network", ["other", "default"])
def test_the_same_name_of_a_network_is_another_network(
    house: House, team1: Person, team2: Person, network: str
) -> None:
    mine, theirs = (house.make(team, nets=[{"network": network}]) for team in (team1, team2))
    networks = [set(house.inspect(c["uuid"])["NetworkSettings"]["Networks"]) for c in (mine, theirs)]
    assert not networks[0] & networks[1]
