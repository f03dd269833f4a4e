"""Containers from their creation to their end, as Zun's API words it."""

from uuid import uuid4

import pytest

from jeroboam.backends.errors import Permanent, Temporary
from tests.api.cloud import IMAGE, MEMBER, READER, Cloud, User

ROUTE = "/container/v1/containers"


def test_a_container_is_created_shown_and_listed(cloud: Cloud, user: User) -> None:
    made = user.create("web", cpu=0.5, memory="128", command=["sleep", "inf"], environment={"A": "1"})
    assert (made["status"], made["cpu"], made["memory"]) == ("Creating", 0.5, "128")
    cloud.work()
    shown = user.show("web")
    assert shown["uuid"] == made["uuid"]
    assert (shown["status"], shown["command"], shown["environment"]) == ("Created", ["sleep", "inf"], {"A": "1"})
    listed = user.ask("GET", ROUTE).json()
    assert [c["name"] for c in listed["containers"]] == ["web"]


def test_run_starts_it_on_a_network_of_the_project(user: User) -> None:
    shown = user.run(command=["sleep", "inf"], exposed_ports={"80/tcp": {}})
    assert shown["status"] == "Running"
    assert list(shown["addresses"]) == ["default"]
    assert shown["ports"] == [80]
    assert 20000 <= shown["published_ports"][0]["host_port"] <= 29999
    assert shown["host"] == "fake-host"
    assert shown["status_detail"].startswith("Up ")


def test_it_has_a_name_where_none_is_given(user: User) -> None:
    answer = user.ask("POST", ROUTE, {"image": IMAGE})
    assert answer.json()["name"].endswith("-container")
    assert answer.headers["Location"].endswith(answer.json()["uuid"])


@pytest.mark.parametrize(
    ("verbs", "status"),
    [
        (["stop?timeout=1"], "Stopped"),
        (["stop", "start"], "Running"),
        (["pause"], "Paused"),
        (["pause", "unpause"], "Running"),
        (["reboot?timeout=0"], "Running"),
        (["rebuild"], "Running"),
    ],
)
def test_actions_are_carried_out(cloud: Cloud, user: User, verbs: list[str], status: str) -> None:
    uuid = user.run(command=["sleep", "inf"])["uuid"]
    for verb in verbs:
        answer = user.ask("POST", f"{ROUTE}/{uuid}/{verb}")
        assert answer.status_code == 202, answer.text
        cloud.work()
    assert user.show(uuid)["status"] == status


@pytest.mark.parametrize("verb", ["stop", "pause", "unpause", "kill", "execute?command=ls"])
def test_an_action_that_the_state_does_not_allow_is_a_conflict(cloud: Cloud, user: User, verb: str) -> None:
    user.create("web")
    cloud.work()
    answer = user.ask("POST", f"{ROUTE}/web/{verb}")
    assert answer.status_code == 409
    assert "it is Created" in answer.json()["detail"]


def test_the_charge_follows_an_update(cloud: Cloud) -> None:
    user = cloud.tenant(containers=1, vcpus=1000, memory=512)
    uuid = user.run(cpu=0.5, memory=256, command=["sleep", "inf"])["uuid"]
    grown = user.ask("PATCH", f"{ROUTE}/{uuid}", {"cpu": 1, "memory": 512, "name": "big"})
    assert grown.status_code == 200
    assert (grown.json()["cpu"], grown.json()["memory"], grown.json()["name"]) == (1.0, "512", "big")
    refused = user.ask("PATCH", f"{ROUTE}/{uuid}", {"cpu": 1.001})
    assert refused.status_code == 403
    assert refused.json()["code"] == "quota_refused"
    assert user.show(uuid)["cpu"] == 1.0


def test_no_container_gets_more_cores_than_there_are(cloud: Cloud, user: User) -> None:
    uuid = user.run(cpu=8, command=["sleep", "inf"])["uuid"]
    for answer in (
        user.ask("PATCH", f"{ROUTE}/{uuid}", {"cpu": 8.5}),
        user.ask("POST", ROUTE, {"image": IMAGE, "cpu": 9}),
    ):
        assert answer.status_code == 400
        assert "the engine's machine has 8; ask for no more" in answer.json()["detail"]
    assert user.show(uuid)["cpu"] == 8.0


def test_what_shrinks_where_the_engine_refuses_it_stays_charged(cloud: Cloud) -> None:
    user = cloud.tenant(containers=1, vcpus=1000, memory=512)
    uuid = user.run(memory=256, command=["sleep", "inf"])["uuid"]
    cloud.engine.faults.fail("update", Permanent("cannot update: not that little"), times=1)
    assert user.ask("PATCH", f"{ROUTE}/{uuid}", {"memory": 64}).status_code == 200
    cloud.work()
    shown = user.show(uuid)
    assert (shown["status"], shown["status_reason"]) == ("Running", "cannot update: not that little")
    assert user.ask("GET", "/quota/v1/nodes/self").json()["used"]["memory"] == 256


def test_one_in_error_can_be_stopped(cloud: Cloud, user: User) -> None:
    """Whatever is wrong with it, it may run on."""
    uuid = user.run(command=["sleep", "inf"])["uuid"]
    cloud.engine.faults.fail("pause", Permanent("cannot pause: the engine has no freezer"))
    assert user.ask("POST", f"{ROUTE}/{uuid}/pause").status_code == 202
    cloud.work()
    assert user.show(uuid)["status"] == "Error"
    assert user.ask("POST", f"{ROUTE}/{uuid}/stop?timeout=1").status_code == 202
    cloud.work()
    assert user.show(uuid)["status"] == "Stopped"


def test_what_shrinks_is_charged_until_the_engine_has_done_it(cloud: Cloud) -> None:
    user = cloud.tenant(containers=1, vcpus=1000, memory=512)
    uuid = user.run(memory=256, command=["sleep", "inf"])["uuid"]

    def charged() -> int:
        amount: int = user.ask("GET", "/quota/v1/nodes/self").json()["used"]["memory"]
        return amount

    cloud.engine.faults.fail("update", Temporary("cannot update: it uses more than that"), times=1)
    assert user.ask("PATCH", f"{ROUTE}/{uuid}", {"memory": 64}).status_code == 200
    cloud.work()
    assert charged() == 256
    assert "uses more than that" in user.show(uuid)["status_reason"]
    assert user.ask("PATCH", f"{ROUTE}/{uuid}", {"memory": 128}).status_code == 200
    cloud.work()
    assert charged() == 128


def test_a_quota_refusal_says_which_figures_and_what_helps(cloud: Cloud) -> None:
    user = cloud.tenant(containers=1, vcpus=1000, memory=512)
    user.create("one")
    answer = user.ask("POST", ROUTE, {"image": IMAGE, "name": "two"})
    body = answer.json()
    assert answer.status_code == 403
    assert body["detail"].startswith("cannot create container two: cannot admit 1 container")
    assert body["data"]["resource"] == "containers"
    assert body["data"]["figures"]["ceiling"] == 1
    assert body["data"]["node"] == user.project_id
    assert body["errors"][0]["title"] == body["detail"]
    assert [c["name"] for c in user.ask("GET", ROUTE).json()["containers"]] == ["one"]


def test_a_request_may_wait_and_is_admitted_when_there_is_room(cloud: Cloud) -> None:
    user = cloud.tenant(containers=1, vcpus=1000, memory=512)
    first = user.run("one", command=["sleep", "inf"])["uuid"]
    body = {"image": IMAGE, "name": "two", "command": ["sleep", "inf"], "hints": {"shortage": "wait"}}
    waiting = user.ask("POST", f"{ROUTE}?run=true", body).json()
    assert waiting["status"] == "Creating"
    assert "queue" in waiting["status_reason"]
    reserved = next(c for c in waiting["conditions"] if c["type"] == "QuotaReserved")
    assert reserved["status"] is False
    assert user.ask("DELETE", f"{ROUTE}/{first}?force=true").status_code == 204
    cloud.work()
    assert user.show("two")["status"] == "Running"


def test_deleting_a_running_container_wants_force_or_stop(cloud: Cloud, user: User) -> None:
    uuid = user.run(command=["sleep", "inf"])["uuid"]
    refused = user.ask("DELETE", f"{ROUTE}/{uuid}?force=False&stop=False")
    assert refused.status_code == 409
    assert user.ask("DELETE", f"{ROUTE}/{uuid}?stop=True").status_code == 204
    assert user.show(uuid)["status"] == "Deleting"
    cloud.work()
    assert user.ask("GET", f"{ROUTE}/{uuid}").status_code == 404
    assert cloud.engine.observe(cloud.name_on_engine(uuid)) is None


def test_what_was_done_is_listed(user: User) -> None:
    uuid = user.run(command=["sleep", "inf"])["uuid"]
    stopped = user.ask("POST", f"{ROUTE}/{uuid}/stop", headers={"X-Request-Id": "req-mine"})
    assert stopped.headers["x-openstack-request-id"] == "req-mine"
    actions = user.ask("GET", f"{ROUTE}/{uuid}/container_actions").json()["containerActions"]
    assert [action["action"] for action in actions] == ["stop", "create"]
    one = user.ask("GET", f"{ROUTE}/{uuid}/container_actions/req-mine").json()
    assert (one["action"], one["container_uuid"]) == ("stop", uuid)


def test_lists_are_filtered_sorted_and_paged(user: User) -> None:
    for name in ("b", "a", "c"):
        user.create(name, memory=64 if name == "c" else 128)
    page = user.ask("GET", f"{ROUTE}?sort_key=name&limit=2").json()
    assert [c["name"] for c in page["containers"]] == ["a", "b"]
    rest = user.ask("GET", page["next"].removeprefix(user.cloud.url)).json()
    assert [c["name"] for c in rest["containers"]] == ["c"]
    assert rest["next"] is None
    assert [c["name"] for c in user.ask("GET", f"{ROUTE}?memory=64").json()["containers"]] == ["c"]
    assert [c["name"] for c in user.ask("GET", f"{ROUTE}?name=a").json()["containers"]] == ["a"]


def test_a_list_shows_what_each_container_shows_now(cloud: Cloud, user: User) -> None:
    """Lists keep what they wrote: every change has to be seen in the next one."""
    uuid = user.run("web", command=["sleep", "inf"])["uuid"]
    changes = (
        ("PATCH", f"{ROUTE}/{uuid}", {"memory": 300}),
        ("PATCH", f"{ROUTE}/{uuid}", {"name": "renamed"}),
        ("POST", f"{ROUTE}/{uuid}/pause", None),
        ("POST", f"{ROUTE}/{uuid}/unpause", None),
        ("POST", f"{ROUTE}/{uuid}/stop?timeout=0", None),
        ("DELETE", f"{ROUTE}/{uuid}", None),
    )
    for method, path, body in changes:
        assert user.ask(method, path, body).status_code < 300
        for settled in (False, True):
            if settled and method != "DELETE":
                cloud.work()
            (listed,) = user.ask("GET", ROUTE).json()["containers"]
            shown = user.show(uuid)
            # A second may pass between the two.
            assert listed.pop("status_detail").split(" ")[0] == shown.pop("status_detail").split(" ")[0]
            assert listed == shown


def test_an_ambiguous_name_is_a_conflict(user: User) -> None:
    user.create("twin")
    user.create("twin")
    answer = user.ask("GET", f"{ROUTE}/twin")
    assert answer.status_code == 409
    assert "use the id" in answer.json()["detail"]


def test_links_and_registry_must_exist_and_are_kept_by_id(cloud: Cloud, user: User) -> None:
    refused = user.ask("POST", ROUTE, {"image": IMAGE, "hints": {"link": "db"}})
    assert refused.status_code == 400
    assert "no such container" in refused.json()["detail"]
    user.run("db", command=["sleep", "inf"], environment={"PASSWORD": "x"})
    uuid = user.run("web", command=["sleep", "inf"], hints={"link": "db:database"})["uuid"]
    made = cloud.engine.standing[cloud.name_on_engine(uuid)].definition
    assert made.environment["DATABASE_ENV_PASSWORD"] == "x"


def test_ports_are_given_without_clashes(user: User) -> None:
    first = user.create("one", hints={"publish": "25001:80"})
    assert first["published_ports"][0]["host_port"] == 25001
    taken = user.ask("POST", ROUTE, {"image": IMAGE, "hints": {"publish": "25001:80"}})
    assert taken.status_code == 409
    outside = user.ask("POST", ROUTE, {"image": IMAGE, "hints": {"publish": "80:80"}})
    assert outside.status_code == 409


def test_networks_are_attached_listed_and_detached(cloud: Cloud, user: User) -> None:
    uuid = user.run(command=["sleep", "inf"])["uuid"]
    assert user.ask("POST", f"{ROUTE}/{uuid}/network_attach?network=back").status_code == 202
    cloud.work()
    assert set(user.show(uuid)["addresses"]) == {"default", "back"}
    networks = user.ask("GET", f"{ROUTE}/{uuid}/network_list").json()["networks"]
    assert len(networks) == 2
    assert networks[0]["fixed_ips"][0]["version"] == 4
    listed = user.ask("GET", "/container/v1/networks").json()["networks"]
    assert {n["name"] for n in listed} == {"default", "back"}
    assert {n["net_id"] for n in networks} == {n["uuid"] for n in listed}
    assert user.ask("POST", f"{ROUTE}/{uuid}/network_detach?network=back").status_code == 202
    cloud.work()
    assert set(user.show(uuid)["addresses"]) == {"default"}


def test_a_network_is_taken_by_the_id_that_it_is_shown_by(cloud: Cloud, user: User) -> None:
    uuid = user.run(command=["sleep", "inf"], nets=[{"network": "front"}, {"network": "back"}])["uuid"]
    listed = {n["name"]: n["uuid"] for n in user.ask("GET", "/container/v1/networks").json()["networks"]}

    def joined() -> set[str]:
        cloud.work()
        return {n["net_id"] for n in user.ask("GET", f"{ROUTE}/{uuid}/network_list").json()["networks"]}

    assert joined() == set(listed.values())
    for verb, then in (("detach", {listed["front"]}), ("attach", set(listed.values()))):
        answer = user.ask("POST", f"{ROUTE}/{uuid}/network_{verb}?network={listed['back']}")
        assert answer.status_code == 202, answer.text
        assert joined() == then
    again = user.ask("POST", f"{ROUTE}/{uuid}/network_attach?network={listed['back']}")
    assert (again.status_code, "to back: it is on this network" in again.json()["detail"]) == (409, True)
    other = user.run("other", command=["sleep", "inf"], nets=[{"network": listed["back"]}])
    assert set(other["addresses"]) == {"back"}
    assert {n["name"] for n in user.ask("GET", "/container/v1/networks").json()["networks"]} == {"front", "back"}


@pytest.mark.parametrize("whose", ["nobody's", "another project's"])
def test_an_id_that_is_no_network_of_the_project_makes_none(cloud: Cloud, user: User, whose: str) -> None:
    other = cloud.tenant()
    other.create("theirs", nets=[{"network": "secret"}])
    ident = other.ask("GET", "/container/v1/networks").json()["networks"][0]["uuid"]
    ident = ident if whose == "another project's" else str(uuid4())
    user.create("web", nets=[{"network": "mine"}])
    for answer in (
        user.ask("POST", ROUTE, {"image": IMAGE, "nets": [{"network": ident}]}),
        user.ask("POST", f"{ROUTE}/web/network_attach?network={ident}"),
        user.ask("POST", f"{ROUTE}/web/network_detach?network={ident}"),
    ):
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"].startswith(f"cannot find the network {ident}")
        assert "secret" not in answer.text
    assert [n["name"] for n in user.ask("GET", "/container/v1/networks").json()["networks"]] == ["mine"]


def test_one_network_is_not_joined_twice_by_its_name_and_its_id(user: User) -> None:
    user.create("web", nets=[{"network": "mine"}])
    ident = user.ask("GET", "/container/v1/networks").json()["networks"][0]["uuid"]
    body = {"image": IMAGE, "nets": [{"network": "mine"}, {"network": ident}]}
    answer = user.ask("POST", ROUTE, body)
    assert answer.status_code == 400
    assert "twice" in answer.json()["detail"]


def test_a_fixed_address_lies_in_the_network(user: User) -> None:
    outside = user.ask("POST", ROUTE, {"image": IMAGE, "nets": [{"network": "n", "v4-fixed-ip": "8.8.8.8"}]})
    assert outside.status_code == 400
    assert "can be had" in outside.json()["detail"]


def test_a_reader_reads_and_does_nothing_else(cloud: Cloud, user: User) -> None:
    user.create("web")
    reader = cloud.user(user.project_id, READER)
    assert reader.show("web")["name"] == "web"
    assert reader.ask("POST", ROUTE, {"image": IMAGE}).status_code == 403
    for method, path in (("DELETE", ""), ("POST", "/start"), ("PATCH", ""), ("POST", "/execute?command=ls")):
        assert reader.ask(method, f"{ROUTE}/web{path}", {"cpu": 1}).status_code == 403


def test_a_manager_above_sees_and_stops_what_is_below_by_id(cloud: Cloud) -> None:
    org = cloud.project("org")
    team = cloud.user(cloud.project("team", parent=org, limits={"containers": 5, "vcpus": 5000, "memory": 5000}))
    uuid = team.run(command=["sleep", "inf"])["uuid"]
    manager = cloud.user(org, (*MEMBER, "manager"))
    assert manager.show(uuid)["status"] == "Running"
    assert manager.ask("POST", f"{ROUTE}/{uuid}/stop").status_code == 202
    assert manager.ask("POST", f"{ROUTE}/{uuid}/execute?command=ls").status_code == 404
    assert cloud.user(org, MEMBER).ask("GET", f"{ROUTE}/{uuid}").status_code == 404


def test_only_those_who_read_the_system_list_all_projects(cloud: Cloud, user: User) -> None:
    uuid = user.create("web")["uuid"]
    assert user.ask("GET", f"{ROUTE}?all_projects=1").status_code == 403
    listed = cloud.admin().ask("GET", f"{ROUTE}?all_projects=1").json()["containers"]
    assert uuid in [c["uuid"] for c in listed]
    assert cloud.admin().ask("GET", f"{ROUTE}/{uuid}?all_projects=True").status_code == 200


def test_no_project_uses_up_what_all_share(cloud: Cloud, user: User) -> None:
    most = cloud.settings.network.networks_per_project
    nets = [{"network": f"n{number}"} for number in range(most)]
    user.create("a", nets=nets)
    answer = user.ask("POST", ROUTE, {"image": IMAGE, "name": "b", "nets": [{"network": "one-more"}]})
    assert answer.status_code == 409
    assert f"{most} at most" in answer.json()["detail"]
    user.create("c", nets=nets[:1])
    cloud.tenant().create("d", nets=[{"network": "n0"}])
    most = cloud.settings.network.ports_per_project
    answer = user.ask("POST", ROUTE, {"image": IMAGE, "exposed_ports": {str(port): {} for port in range(1, most + 2)}})
    assert answer.status_code == 409
    assert f"{most} at most" in answer.json()["detail"]
