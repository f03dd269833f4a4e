"""The quota tree over HTTP: what is shown to whom, who may set what, and what every refusal says."""

from typing import Any

import pytest

from tests.api.cloud import ADMIN, IMAGE, MANAGER, MEMBER, READER, Cloud, User

NODE = "/quota/v1/nodes/self"
UNITS = {"containers": 1, "vcpus": 250, "memory": 256}


class Organisation:
    """An organisation that owns 16 containers, two teams that own 8 each and may borrow."""

    def __init__(self, cloud: Cloud) -> None:
        much = {"vcpus": 16_000, "memory": 16_000}
        half = {"containers": 8, "vcpus": 8_000, "memory": 8_000}
        self.id = cloud.project("org", limits={"containers": 16, **much})
        self.team1 = cloud.user(cloud.project("team1", self.id, half, borrow=None), MEMBER)
        self.team2 = cloud.user(cloud.project("team2", self.id, half, borrow=None), MEMBER)
        self.manager = cloud.user(self.id, MANAGER)
        self.cloud = cloud

    def fill(self, user: User, count: int, **fields: Any) -> list[str]:
        return [user.run(f"c{n}", command=["sleep", "inf"], **fields)["uuid"] for n in range(count)]


@pytest.fixture
def org(cloud: Cloud) -> Organisation:
    return Organisation(cloud)


def test_a_member_sees_its_own_node_whole(cloud: Cloud) -> None:
    user = cloud.tenant(containers=4, vcpus=2000, memory=1024)
    user.create("web", cpu=0.5, memory=128)
    node = user.ask("GET", NODE).json()
    assert node["hard_limit"] == {"containers": 4, "memory": 1024, "vcpus": 2000}
    assert node["used"] == {"containers": 1, "memory": 128, "vcpus": 500}
    assert node["free"]["vcpus"] == 1500
    assert node["kind"] == "project"
    assert [above["name"] for above in node["above"]] == ["Default", "cloud"]
    assert user.ask("GET", f"/quota/v1/nodes/{user.project_id}").json()["id"] == user.project_id


def test_figure_15_over_http(org: Organisation) -> None:
    """Team 1 has 4, team 2 borrows 4 of its idle 4; team 1 asks for 4 more and gets exactly those back."""
    org.fill(org.team1, 4)
    org.fill(org.team2, 12)
    node = org.team2.ask("GET", NODE).json()
    assert (node["used"]["containers"], node["borrowed"]["containers"]) == (12, 4)
    waiting = [org.team1.create(f"more{n}", command=["sleep", "inf"]) for n in range(4)]
    assert all("taken back" in c["status_reason"] for c in waiting)
    told = [e for e in org.team1.ask("GET", "/events/v1/history?limit=1000").json()["events"] if e["type"] == "quota"]
    assert [event["name"] for event in told] == ["more0", "more1", "more2", "more3"]
    reclaims = org.team2.ask("GET", "/quota/v1/reclaims").json()["reclaims"]
    assert len(reclaims) == 4
    assert {r["node_name"] for r in reclaims} == {"another project"}
    assert {v["node_name"] for r in reclaims for v in r["victims"]} == {"team2"}
    seen = org.manager.ask("GET", "/quota/v1/reclaims?below=true").json()["reclaims"]
    assert {r["node_name"] for r in seen} == {"team1"}
    org.cloud.work()
    for user, count in ((org.team1, 8), (org.team2, 8)):
        node = user.ask("GET", NODE).json()
        assert (node["used"]["containers"], node["borrowed"]["containers"]) == (count, 0)
    evicted = [c for c in org.team2.ask("GET", "/container/v1/containers").json()["containers"] if c["status_reason"]]
    assert len(evicted) == 4
    assert all(c["status"] == "Stopped" and "took it back" in c["status_reason"] for c in evicted)
    assert org.team2.show(evicted[0]["uuid"])["evicted_by"] == "another project"
    assert org.manager.show(evicted[0]["uuid"])["evicted_by"] == "team1"
    assert "team1" not in org.team2.ask("GET", "/events/v1/history?limit=1000").text
    again = org.team2.ask("POST", f"/container/v1/containers/{evicted[0]['uuid']}/start")
    assert again.status_code in (202, 403)


def test_who_starts_again_and_has_not_waited_is_not_said_to_have(org: Organisation) -> None:
    org.fill(org.team2, 12)
    taker = org.team1.create("taker", command=["sleep", "inf"])
    org.fill(org.team1, 4)
    org.cloud.work()
    left = [c for c in org.team2.ask("GET", "/container/v1/containers").json()["containers"] if c["status_reason"]]
    assert org.team1.ask("DELETE", f"/container/v1/containers/{taker['uuid']}?force=true").status_code == 204
    org.cloud.work()
    assert org.team2.ask("POST", f"/container/v1/containers/{left[0]['uuid']}/start").status_code == 202
    org.cloud.work()
    events = org.team2.ask("GET", "/events/v1/history?limit=1000").json()["events"]
    (back,) = [event for event in events if event["type"] == "readmitted"]
    assert (back["name"], back["message"]) == (left[0]["name"], "Admitted: there is room for it again.")


def test_a_manager_sees_the_tree_below_by_name_and_a_member_only_itself(org: Organisation) -> None:
    org.fill(org.team1, 1)
    tree = org.manager.ask("GET", "/quota/v1/tree").json()
    assert {child["name"] for child in tree["children"]} == {"team1", "team2"}
    mine = org.team1.ask("GET", "/quota/v1/tree").json()
    assert (mine["name"], mine["children"]) == ("team1", [])
    assert org.team1.ask("GET", f"/quota/v1/tree?root={org.id}").status_code == 404
    assert org.manager.ask("GET", "/quota/v1/nodes/team2").json()["name"] == "team2"
    claims = org.manager.ask("GET", "/quota/v1/claims?below=true&state=admitted").json()["claims"]
    assert [(c["node_name"], c["object_name"], c["amounts"]) for c in claims] == [("team1", "c0", UNITS)]
    assert org.team1.ask("GET", "/quota/v1/claims?below=true").status_code == 403


def test_a_manager_of_the_parent_sets_limits_and_all_is_audited(org: Organisation) -> None:
    path = f"/quota/v1/nodes/{org.team1.project_id}"
    limits = {"containers": {"hard_limit": 6, "lend_limit": 2, "borrow_limit": 1}}
    body = {"limits": limits, "weight": "3/2", "policy": {"grace_seconds": 30, "shortage": "wait"}}
    answer = org.manager.ask("PATCH", path, body)
    assert answer.status_code == 200, answer.text
    node = answer.json()
    assert (node["hard_limit"]["containers"], node["lend_limit"]["containers"]) == (6, 2)
    assert (node["weight"], node["policy"]["grace_seconds"]) == ("3/2", 30)
    assert node["effective_policy"]["reclaim"] == "any"
    kept = org.manager.ask("PATCH", path, {"limits": {"containers": {"hard_limit": 7}}}).json()
    assert (kept["lend_limit"]["containers"], kept["borrow_limit"]["containers"]) == (2, 1)
    entries = org.manager.ask("GET", f"/quota/v1/audit?node={org.team1.project_id}").json()["entries"]
    assert entries[0]["after"]["limits.containers"]["hard"] == 7
    assert entries[0]["before"]["limits.containers"]["hard"] == 6


def test_who_may_set(cloud: Cloud, org: Organisation) -> None:
    body = {"limits": {"containers": {"hard_limit": 1}}}
    own_manager = cloud.user(org.team1.project_id, MANAGER)
    for user, node, status in (
        (org.team1, "self", 403),
        (own_manager, "self", 403),
        (own_manager, str(org.team2.project_id), 404),
        (org.manager, "self", 403),
        (org.manager, str(org.team1.project_id), 200),
        (cloud.user(None, MANAGER, domain_id="default"), str(org.id), 409),
        (cloud.user(None, READER, system=True), str(org.team1.project_id), 403),
        (cloud.user(None, ADMIN, system=True), "cloud", 409),
        (cloud.user(None, MANAGER, domain_id="default"), "cloud", 404),
    ):
        answer = user.ask("PATCH", f"/quota/v1/nodes/{node}", body)
        assert answer.status_code == status, f"{node}: {answer.text}"


def test_a_limit_that_does_not_fit_is_refused_by_name_and_force_makes_debt(cloud: Cloud, org: Organisation) -> None:
    org.fill(org.team1, 3)
    path = f"/quota/v1/nodes/{org.team1.project_id}"
    body: dict[str, Any] = {"limits": {"containers": {"hard_limit": 1, "borrow_limit": 0}}}
    refused = org.manager.ask("PATCH", path, body)
    assert refused.status_code == 409
    assert refused.json()["code"] == "quota_conflict"
    assert "team1" in refused.json()["detail"]
    assert org.manager.ask("PATCH", path, {**body, "force": True}).status_code == 403
    admin = cloud.user(org.id, ADMIN)
    forced = admin.ask("PATCH", path, {**body, "force": True})
    assert forced.status_code == 200, forced.text
    assert forced.json()["debt"]["containers"] == 2


def test_would_it_fit_and_if_not_why_not(org: Organisation) -> None:
    fits = org.team1.ask("POST", "/quota/v1/dry-run", {"amounts": {"containers": 8}}).json()
    assert fits == {"outcome": "admitted", "victims": 0, "deadline": None, "reason": None}
    no = org.team1.ask("POST", "/quota/v1/dry-run", {"amounts": {"containers": 17}, "shortage": "refuse"}).json()
    assert no["outcome"] == "refused"
    assert no["reason"]["resource"] == "containers"
    assert "What would help" in no["reason"]["sentence"]
    org.fill(org.team2, 12)
    mine = org.team1.ask("POST", "/quota/v1/dry-run", {"amounts": {"containers": 8}}).json()
    assert (mine["outcome"], mine["victims"]) == ("reclaiming", 4)
    assert org.team1.ask("GET", "/quota/v1/claims").json()["claims"] == []


@pytest.mark.parametrize(("most", "counts"), [(100, 50), (30, 30), (0, 0)])
def test_a_low_maximum_of_priorities_locks_nobody_out(cloud: Cloud, org: Organisation, most: int, counts: int) -> None:
    node = f"/quota/v1/nodes/{org.team1.project_id}"
    assert org.manager.ask("PATCH", node, {"policy": {"max_priority": most}}).status_code == 200
    assert org.team1.ask("POST", "/quota/v1/dry-run", {"amounts": UNITS}).json()["outcome"] == "admitted"
    org.team1.create("plain")
    assert org.team1.ask("GET", "/quota/v1/claims").json()["claims"][0]["priority"] == counts
    manager = cloud.user(org.team1.project_id, MANAGER)
    assert manager.ask("POST", f"{NODE}/reservations", {"amounts": UNITS}).status_code == 201
    above = {"name": "above", "image": IMAGE, "hints": {"priority": str(most + 1)}}
    refused = org.team1.ask("POST", "/container/v1/containers", above)
    assert refused.status_code == (400 if most == 100 else 403)


def test_reservations_are_made_drawn_extended_and_released(cloud: Cloud, org: Organisation) -> None:
    manager = cloud.user(org.team1.project_id, MANAGER)
    path = f"{NODE}/reservations"
    body = {"id": f"r-{org.id[:8]}", "amounts": {"containers": 2, "vcpus": 500, "memory": 512}}
    assert org.team1.ask("POST", path, body).status_code == 403
    made = manager.ask("POST", path, body)
    assert made.status_code == 201, made.text
    assert made.json()["outcome"] == "admitted"
    assert manager.ask("GET", NODE).json()["reserved"]["containers"] == 2
    org.team1.create("drawn", hints={"reservation": body["id"]})
    node = manager.ask("GET", NODE).json()
    assert (node["used"]["containers"], node["reserved"]["containers"]) == (1, 1)
    assert manager.ask("PATCH", f"{path}/{body['id']}", {"until": "2020-01-01"}).status_code == 400
    extended = manager.ask("PATCH", f"{path}/{body['id']}", {"until": "2999-01-01T00:00:00Z"})
    assert extended.json()["until"] == "2999-01-01T00:00:00+00:00"
    entry = manager.ask("GET", "/quota/v1/audit").json()["entries"][0]
    assert (entry["before"]["until"], entry["after"]["until"]) == (None, "2999-01-01T00:00:00+00:00")
    short = org.team1.ask("POST", "/quota/v1/dry-run", {"amounts": {"containers": 15}, "shortage": "refuse"}).json()
    (back,) = [h for h in short["reason"]["helps"] if h["code"] == "wait_until"]
    assert (back["figures"], back["at"]) == ({"units": 1}, "2999-01-01T00:00:00+00:00")
    assert "1 of your units comes back by 2999-01-01T00:00:00+00:00" in short["reason"]["sentence"]
    assert manager.ask("DELETE", f"{path}/{body['id']}").status_code == 204
    assert manager.ask("GET", path).json() == {"reservations": []}
    assert manager.ask("DELETE", f"{path}/{body['id']}").status_code == 404
    too_much = manager.ask("POST", path, {"amounts": {"containers": 100}})
    assert too_much.status_code == 403
    assert too_much.json()["detail"].startswith("cannot reserve for team1")


def test_a_reservation_is_called_by_its_name(cloud: Cloud, org: Organisation) -> None:
    """Two teams may use the same one; wherever an id is taken the name is too."""
    managers = [cloud.user(team.project_id, MANAGER) for team in (org.team1, org.team2)]
    path, body = f"{NODE}/reservations", {"name": "night", "amounts": {"containers": 2, "vcpus": 500, "memory": 512}}
    made = [manager.ask("POST", path, body).json()["reservation"] for manager in managers]
    assert [r["name"] for r in made] == ["night", "night"]
    assert made[0]["id"] != made[1]["id"]
    again = managers[0].ask("POST", path, body)
    assert (again.status_code, again.json()["code"]) == (409, "conflict")
    assert "has a reservation of that name; extend or release that one" in again.json()["detail"]
    for number, called in enumerate(("night", made[0]["id"])):
        fits = org.team1.ask("POST", "/quota/v1/dry-run", {"amounts": UNITS, "reservation": called})
        assert fits.json()["outcome"] == "admitted"
        org.team1.create(f"drawn{number}", hints={"reservation": called})
    assert managers[0].ask("GET", path).json()["reservations"][0]["amounts"]["containers"] == 0
    claims = org.team1.ask("GET", "/quota/v1/claims").json()["claims"]
    assert {(c["reservation"], c["reservation_name"]) for c in claims} == {(made[0]["id"], "night")}
    for wrong in ("day", made[1]["id"]):
        refused = org.team1.ask("POST", "/container/v1/containers", {"image": IMAGE, "hints": {"reservation": wrong}})
        assert (refused.status_code, refused.json()["data"]["code"]) == (403, "unknown_reservation")
    assert managers[0].ask("PATCH", f"{path}/{made[1]['id']}", {"until": None}).status_code == 404
    extended = managers[0].ask("PATCH", f"{path}/night", {"until": "2999-01-01"})
    assert (extended.json()["id"], extended.json()["until"]) == (made[0]["id"], "2999-01-01T00:00:00+00:00")
    assert managers[0].ask("DELETE", f"{path}/night").status_code == 204
    assert [r["until"] for r in managers[1].ask("GET", path).json()["reservations"]] == [None]


def test_a_reservation_that_is_pending_shows_what_it_will_hold(cloud: Cloud, org: Organisation) -> None:
    org.fill(org.team2, 12)
    manager = cloud.user(org.team1.project_id, MANAGER)
    path, amounts = f"{NODE}/reservations", {"containers": 6, "vcpus": 500}
    made = manager.ask("POST", path, {"name": "night", "amounts": amounts}).json()
    assert (made["outcome"], made["reservation"]["pending"], made["reservation"]["amounts"]) == (
        "reclaiming",
        True,
        amounts,
    )
    for user, name, query in (
        (org.team1, "night", ""),
        (org.manager, "night", "?below=true"),
        (org.team2, None, ""),
    ):
        reclaims = user.ask("GET", f"/quota/v1/reclaims{query}").json()["reclaims"]
        assert [(r["object"], r["reservation_name"]) for r in reclaims] == [(None, name)]
    for user, where in ((org.team1, path), (org.manager, f"{path}?below=true")):
        assert user.ask("GET", where).json()["reservations"] == [made["reservation"]]
    org.cloud.work()
    assert manager.ask("GET", path).json()["reservations"] == [{**made["reservation"], "pending": False}]


def test_a_resource_that_the_operator_adds_is_charged(cloud: Cloud) -> None:
    admin = cloud.admin()
    answer = admin.ask("PATCH", "/quota/v1/nodes/cloud", {"limits": {"gpu": {"hard_limit": 2}}})
    assert answer.status_code == 200, answer.text
    user = cloud.tenant()
    body = {"limits": {"gpu": {"hard_limit": 1}}}
    assert admin.ask("PATCH", f"/quota/v1/nodes/{user.project_id}", body).status_code == 200
    user.create("one", hints={"resource.gpu": "1"})
    node = user.ask("GET", NODE).json()
    assert node["used"]["gpu"] == 1
    second = user.ask(
        "POST", "/container/v1/containers", {"image": "busybox", "hints": {"resource.gpu": "1", "shortage": "refuse"}}
    )
    assert second.status_code == 403
    assert second.json()["data"]["resource"] == "gpu"
    unknown = user.ask("POST", "/container/v1/containers", {"image": "busybox", "hints": {"resource.tape": "1"}})
    assert unknown.status_code == 403
    assert unknown.json()["data"]["code"] == "unknown_resource"


def test_a_project_that_nobody_has_used_has_a_node_for_who_asks(cloud: Cloud, org: Organisation) -> None:
    ident = "f" * 32
    from jeroboam.identity.projects import Place

    cloud.table.places[ident] = Place(ident, "team3", "project", True, org.id)
    assert cloud.user(ident).ask("GET", NODE).json()["hard_limit"]["containers"] == 0
    body = {"limits": {"containers": {"hard_limit": 0, "borrow_limit": 4}}}
    assert org.manager.ask("PATCH", f"/quota/v1/nodes/{ident}", body).status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        {"limits": {"containers": {"hard_limit": -2}}},
        {"limits": {"containers": {"hard_limit": 1.5}}},
        {"limits": {"containers": {"hard_limit": 2**63}}},
        {"limits": {"containers": {"hard_limit": None}}},
        {"limits": {"Containers": {"hard_limit": 1}}},
        {"limits": {"containers": 1}},
        {"weight": -1},
        {"weight": "1/0"},
        {"weight": "a"},
        {"policy": {"reclaim": "sometimes"}},
        {"policy": {"grace_seconds": -1}},
        {"policy": {"max_priority": 101}},
        {"nonsense": 1},
        {"force": "yes"},
    ],
    ids=str,
)
def test_malformed_settings_are_refused(org: Organisation, body: dict[str, Any]) -> None:
    answer = org.manager.ask("PATCH", f"/quota/v1/nodes/{org.team1.project_id}", body)
    assert answer.status_code == 400, answer.text


@pytest.mark.parametrize(
    "node",
    [
        {"hard_limit": {"containers": 2**64}},
        {"hard_limit": {"containers": 2**53}},
        {"hard_limit": {"containers": 1e25}},
        {"hard_limit": {"containers": "9e99"}},
        {"hard_limit": {"containers": -2}},
        {"lend_limit": {"containers": 2**64}},
        {"borrow_limit": {"containers": 1e25}},
        {"child_defaults": {"hard_limit": {"containers": 2**64}}},
        {"weight": -1},
        {"weight": 10**7},
        {"policy": {"max_priority": -5}},
        {"policy": {"max_priority": 101}},
        {"policy": {"max_priority": 49.5}},
        {"policy": {"max_priority": 2**64}},
        {"policy": {"grace_seconds": -1}},
        {"policy": {"grace_seconds": 86401}},
        {"policy": {"grace_seconds": 1e25}},
    ],
    ids=str,
)
@pytest.mark.parametrize("query", ["", "?dry_run=true"])
def test_a_document_takes_no_more_than_a_setting(org: Organisation, node: dict[str, Any], query: str) -> None:
    body = {"document": {"id": org.id, "children": [{"name": "team1", **node}]}}
    answer = org.manager.ask("POST", f"/quota/v1/apply{query}", body)
    assert answer.status_code == 400, answer.text
    assert answer.json()["detail"].startswith("cannot ")
    assert org.team1.ask("GET", NODE).json()["hard_limit"]["containers"] == 8


def test_zuns_quotas_are_a_view_of_the_node(cloud: Cloud, org: Organisation) -> None:
    org.fill(org.team1, 1)
    path = f"/container/v1/quotas/{org.team1.project_id}"
    assert org.team1.ask("GET", path).json() == {"containers": 8, "cpu": 8, "memory": 8000, "disk": -1}
    usages = org.team1.ask("GET", f"{path}?usages=True").json()
    assert usages["cpu"] == {"limit": 8, "in_use": 0.25}
    assert usages["containers"] == {"limit": 8, "in_use": 1}
    assert org.team1.ask("PUT", path, {"containers": 9}).status_code == 403
    changed = org.manager.ask("PUT", path, {"containers": "7", "cpu": 4})
    assert changed.json() == {"containers": 7, "cpu": 4, "memory": 8000, "disk": -1}
    assert org.manager.ask("PUT", path, {"disk": 1}).status_code == 400


def test_a_whole_tree_is_applied_or_nothing_of_it(org: Organisation) -> None:
    name = org.cloud.table.places[org.id].name
    children: list[dict[str, Any]] = [
        {"name": "team1", "hard_limit": {"containers": 10}, "weight": "2", "policy": {"grace_seconds": 5}},
        {"name": "team2", "hard_limit": {"containers": 6}, "lend_limit": {"containers": None}},
    ]
    body = {"document": {"id": org.id, "name": name, "children": children}}
    planned = org.manager.ask("POST", "/quota/v1/apply?dry_run=true", body)
    assert planned.status_code == 200, planned.text
    by_name = {change["node_name"]: change for change in planned.json()["changes"]}
    assert by_name["team1"]["before"]["limits.containers"] == {"hard": 8}
    assert by_name["team1"]["after"]["limits.containers"] == {"hard": 10}
    assert by_name["team1"]["after"]["policy.grace_seconds"] == 5
    assert by_name["team2"]["after"]["limits.containers"] == {"hard": 6}
    assert org.team1.ask("GET", NODE).json()["hard_limit"]["containers"] == 8
    done = org.manager.ask("POST", "/quota/v1/apply", body)
    assert done.json()["changes"] == planned.json()["changes"]
    node = org.team1.ask("GET", NODE).json()
    assert (node["hard_limit"]["containers"], node["weight"]) == (10, "2")
    again = org.manager.ask("POST", "/quota/v1/apply", body)
    assert again.json() == {"dry_run": False, "changes": []}
    children[1]["hard_limit"] = {"containers": 7}
    refused = org.manager.ask("POST", "/quota/v1/apply", body)
    assert refused.status_code == 409
    assert refused.json()["detail"].startswith("cannot give")
    assert org.id not in refused.json()["detail"]


def test_a_tree_is_applied_by_those_who_may_set_each_of_its_nodes(cloud: Cloud, org: Organisation) -> None:
    own = {"document": {"id": org.id, "hard_limit": {"containers": 1}}}
    assert org.manager.ask("POST", "/quota/v1/apply", own).status_code == 409
    raised = {"document": {"id": org.id, "hard_limit": {"containers": 17}}}
    assert org.manager.ask("POST", "/quota/v1/apply", raised).status_code == 403
    below = {"document": {"id": org.team1.project_id, "children": [{"name": "x"}]}}
    assert org.team1.ask("POST", "/quota/v1/apply", below).status_code == 403
    assert org.team1.ask("POST", "/quota/v1/apply", raised).status_code == 404
    for document in ({}, {"name": 7}, {"id": org.id, "nonsense": 1}, {"id": org.id, "children": [{"name": "nobody"}]}):
        answer = org.manager.ask("POST", "/quota/v1/apply", {"document": document})
        assert answer.status_code == 400, answer.text
