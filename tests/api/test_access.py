"""Every route has its rule, wants a token, and shows what is another's exactly as what is not there."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.routing import APIRoute

from jeroboam.api.routing import ANYBODY, PUBLIC, GuardedRoute, Routes
from jeroboam.identity.rules import RULES
from tests.api.cloud import ADMIN, IMAGE, MANAGER, MEMBER, READER, Cloud, User

MISSING = "0b5ffbb9-6b54-4d0b-8c2e-2f3d6e1f0c11"

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/container/v1/containers"): {"image": IMAGE},
    ("PATCH", "/container/v1/containers/{ident}"): {"cpu": 1},
    ("POST", "/container/v1/containers/{ident}/resize_container"): {"cpu": 1},
    ("POST", "/container/v1/containers/{ident}/put_archive"): {"data": ""},
    ("POST", "/container/v1/registries"): {"registry": {"domain": "r.example"}},
    ("PATCH", "/container/v1/registries/{ident}"): {"registry": {"name": "other"}},
    ("PUT", "/container/v1/quotas/{ident}"): {"containers": 1},
    ("PATCH", "/quota/v1/nodes/{ident}"): {"weight": 1},
    ("POST", "/quota/v1/nodes/{ident}/reservations"): {"amounts": {"containers": 1}},
    ("PATCH", "/quota/v1/nodes/{ident}/reservations/{reservation_id}"): {"until": None},
    ("POST", "/quota/v1/apply"): {"document": {"id": "self"}},
    ("POST", "/quota/v1/dry-run"): {"amounts": {"containers": 1}},
}
QUERIES = {
    "rename": "?name=other",
    "logs": "",
    "execute": "?command=ls",
    "execute_resize": f"?w=1&h=1&exec_id={'a' * 64}",
    "resize": "?w=1&h=1",
    "get_archive": "?path=/etc",
    "put_archive": "?path=/etc",
    "network_attach": "?network=n",
    "network_detach": "?network=n",
}


def routes(cloud: Cloud) -> Iterator[GuardedRoute]:
    for route in cloud.app.routes:
        if isinstance(route, APIRoute):
            assert isinstance(route, GuardedRoute), f"{route.path} is not guarded"
            yield route


def ask(user: User, route: GuardedRoute, also: str = "", **values: str) -> Any:
    """`also`: a parameter of the query, beside those that the route needs."""
    (method,) = route.methods - {"HEAD"}
    path = route.path.format(**{"ident": MISSING, "request_id": "req-1", "reservation_id": "r1", **values})
    body = BODIES.get((method, route.path))
    version = {"OpenStack-API-Version": "container 1.10"} if path.endswith("/rename") else {}
    query = QUERIES.get(path.rsplit("/", 1)[-1], "")
    return user.ask(method, path + (f"{query or '?'}&{also}" if also else query), body, headers=version)


def test_every_route_has_a_rule_that_exists(cloud: Cloud) -> None:
    found = list(routes(cloud))
    assert len(found) > 70
    for route in found:
        assert route.rule in RULES or route.rule in (PUBLIC, ANYBODY), route.path


def test_a_route_without_a_rule_cannot_be_made(cloud: Cloud) -> None:
    async def nothing() -> None: ...

    with pytest.raises(TypeError, match="no access rule"):
        GuardedRoute("/x", nothing)
    table = Routes("/x", "x")
    table.route("GET", "/y", rule="container:nonsense", answers={200: None})(nothing)
    with pytest.raises(TypeError, match="no access rule"):
        table.install(cloud.app, 1)


def test_every_route_wants_a_token(cloud: Cloud) -> None:
    nobody, stranger = User(cloud, "", None), User(cloud, "forged", None)
    for route in routes(cloud):
        if route.rule == PUBLIC or route.path == "/metrics":
            continue
        for user in (nobody, stranger):
            answer = ask(user, route)
            assert answer.status_code == 401, f"{route.path}: {answer.text}"
            assert answer.json()["code"] == "unauthenticated"
            assert answer.headers["WWW-Authenticate"]


def test_who_has_no_role_gets_nothing(cloud: Cloud, user: User) -> None:
    uuid = user.run(command=["sleep", "inf"], interactive=True)["uuid"]
    registry = user.ask("POST", "/container/v1/registries", {"registry": {"domain": "r.example"}}).json()["registry"]
    powerless = cloud.user(user.project_id, ())
    known = {"/containers/": uuid, "/registries/": registry["uuid"], "/nodes/": "self", "/quotas/": user.project_id}
    for route in routes(cloud):
        if route.rule in (PUBLIC, ANYBODY) or route.path in ("/metrics", "/container/v1/availability_zones"):
            continue
        ident = next((value for part, value in known.items() if part in route.path), MISSING)
        answer = ask(powerless, route, ident=ident)
        # The tree does not even show a node to somebody without a role there.
        hidden = 404 if route.path.startswith("/quota/") or "/quotas/" in route.path else 403
        assert answer.status_code == hidden, f"{route.methods} {route.path}: {answer.status_code} {answer.text}"


def test_what_is_anothers_looks_like_what_is_not_there(cloud: Cloud, user: User) -> None:
    """Every verb on another project's container, registry, volume and quota node, by id and by name."""
    uuid = user.run("secret-name", command=["sleep", "inf"], mounts=[{"source": "old-volume", "destination": "/v"}])[
        "uuid"
    ]
    registry = user.ask("POST", "/container/v1/registries", {"registry": {"domain": "r.example"}}).json()["registry"]
    volume = user.ask("GET", "/container/v1/volumes").json()["volumes"][0]["uuid"]
    other = cloud.user(cloud.project(), MANAGER)
    theirs = {
        "/containers/": (uuid, "secret-name"),
        "/registries/": (registry["uuid"], registry["name"]),
        "/volumes/": (volume, "old-volume"),
        "/nodes/": (user.project_id, cloud.table.places[str(user.project_id)].name),
        "/quotas/": (user.project_id, cloud.table.places[str(user.project_id)].name),
    }
    walked = 0
    for route in routes(cloud):
        idents = next((value for part, value in theirs.items() if part in route.path), None)
        if idents is None or route.rule == ANYBODY:
            continue
        for ident in idents:
            foreign, absent = ask(other, route, ident=str(ident)), ask(other, route, ident=MISSING)
            assert foreign.status_code == absent.status_code == 404, f"{route.path}: {foreign.text} {absent.text}"
            assert foreign.json()["detail"].replace(str(ident), "*") == absent.json()["detail"].replace(MISSING, "*")
            walked += 1
    assert walked > 60
    assert user.show(uuid)["status"] == "Running"


CALLERS: dict[str, dict[str, Any]] = {
    "a reader of the system": {"roles": READER, "system": True, "domain_id": None},
    "a member of the system": {"roles": MEMBER, "system": True, "domain_id": None},
    "a reader of the system, from a project": {"roles": READER, "system": True, "project": True},
    "a reader of the domain": {"roles": READER},
    "a member of the domain": {"roles": MEMBER},
    "a manager of the domain": {"roles": MANAGER},
    "a manager of another domain": {"roles": MANAGER, "domain_id": "elsewhere"},
    "an admin of another project": {"roles": ADMIN, "project": True},
}


@pytest.mark.parametrize("also", ["", "all_projects=true"])
@pytest.mark.parametrize("who", CALLERS)
def test_nobody_does_to_anothers_container_what_the_routes_rule_does_not_allow(
    cloud: Cloud, user: User, who: str, also: str
) -> None:
    """Whatever the scope of the token, and from however many projects the container is looked up."""
    caller = dict(CALLERS[who])
    asker = cloud.user(cloud.project() if caller.pop("project", False) else None, **caller)
    owner = {"project_id": user.project_id, "ancestors": ("default", "root")}
    policy, known = cloud.services.policy, cloud.table.callers[asker.token]
    uuid = user.run(command=["sleep", "inf"], interactive=True)["uuid"]
    walked = 0
    for route in routes(cloud):
        if "/containers/{ident}" not in route.path or route.rule == ANYBODY or policy.allows(known, route.rule, owner):
            continue
        answer = ask(asker, route, also, ident=uuid)
        unknown_parameter = also and answer.status_code == 400 and "all_projects" in answer.text
        assert unknown_parameter or answer.status_code in (403, 404), f"{route.methods} {route.path}: {answer.text}"
        walked += 1
    assert walked > 4
    shown = user.show(uuid)
    assert (shown["status"], shown["generation"]) == ("Running", 1)


def test_those_whom_both_rules_allow_delete_in_every_project(cloud: Cloud, user: User) -> None:
    uuid = user.create()["uuid"]
    cloud.work()
    admin = cloud.user(None, ADMIN, system=True, domain_id=None)
    path = f"/container/v1/containers/{uuid}?all_projects=true"
    assert admin.ask("GET", path).status_code == 200
    assert admin.ask("DELETE", path).status_code == 204
    cloud.work()
    assert user.ask("GET", f"/container/v1/containers/{uuid}").status_code == 404


def test_lists_counts_and_events_hold_nothing_of_others(cloud: Cloud, user: User) -> None:
    user.run("secret-name", command=["sleep", "inf"], mounts=[{"source": "secret-volume", "destination": "/v"}])
    other = cloud.tenant()
    paths = ("containers", "volumes", "networks", "registries")
    texts = [other.ask("GET", f"/container/v1/{path}").text for path in paths]
    texts += [other.ask("GET", f"/quota/v1/{path}").text for path in ("claims", "reclaims", "tree", "nodes/self")]
    texts.append(other.ask("GET", "/events/v1/history").text)
    for text in texts:
        assert "secret" not in text
        assert str(user.project_id) not in text


@pytest.mark.parametrize("flag", ["below", "all"])
def test_members_do_not_follow_others_events(user: User, flag: str) -> None:
    answer = user.ask("GET", f"/events/v1/history?{flag}=true")
    assert answer.status_code == 403 or all(event["project_id"] == user.project_id for event in answer.json()["events"])
    assert flag == "below" or answer.status_code == 403


SCOPES: dict[str, tuple[dict[str, Any], dict[str, int]]] = {
    "an admin of the system": ({"roles": ADMIN, "system": True, "domain_id": None}, {"all": 200, "own": 403}),
    "a reader of the system": ({"roles": READER, "system": True, "domain_id": None}, {"all": 200, "own": 403}),
    "an admin from a project": ({"roles": ADMIN, "system": True, "project": True}, {"all": 200, "own": 200}),
    "a manager of the domain": ({"roles": MANAGER}, {"all": 403, "own": 403}),
    "a member of a project": ({"roles": MEMBER, "project": True}, {"all": 403, "own": 200}),
    "one without a role": ({"roles": (), "project": True}, {"all": 403, "own": 403}),
}


@pytest.mark.parametrize("path", ["/container/v1/containers", "/container/v1/registries"])
@pytest.mark.parametrize("who", SCOPES)
def test_a_list_asks_the_one_rule_that_is_meant(cloud: Cloud, user: User, who: str, path: str) -> None:
    fields, expected = dict(SCOPES[who][0]), SCOPES[who][1]
    user.create()
    user.ask("POST", "/container/v1/registries", {"registry": {"domain": "r.example"}})
    asker = cloud.user(cloud.project() if fields.pop("project", False) else None, **fields)
    everything, own = asker.ask("GET", f"{path}?all_projects=true"), asker.ask("GET", path)
    assert {"all": everything.status_code, "own": own.status_code} == expected
    assert (str(user.project_id) in everything.text) == (expected["all"] == 200)
    assert str(user.project_id) not in own.text


BELOW: dict[str, tuple[dict[str, Any], int]] = {
    "a manager of the domain": ({"roles": MANAGER}, 200),
    "a member of the domain": ({"roles": MEMBER}, 403),
    "a manager of another domain": ({"roles": MANAGER, "domain_id": "elsewhere"}, 403),
    "a reader of the system": ({"roles": READER, "system": True, "domain_id": None}, 200),
    "a manager of a project with none below it": ({"roles": MANAGER, "project": True}, 200),
    "a member of a project with none below it": ({"roles": MEMBER, "project": True}, 200),
}


@pytest.mark.parametrize("who", BELOW)
def test_what_is_below_is_heard_by_those_above_in_every_scope(cloud: Cloud, user: User, who: str) -> None:
    fields, status = dict(BELOW[who][0]), BELOW[who][1]
    uuid = user.create()["uuid"]
    asker = cloud.user(cloud.project() if fields.pop("project", False) else None, **fields)
    answer = asker.ask("GET", f"/events/v1/history?below=true&object={uuid}&limit=1000")
    assert answer.status_code == status, answer.text
    assert (uuid in answer.text) == (who == "a manager of the domain")


def test_tokens_of_other_scopes_have_no_project(cloud: Cloud) -> None:
    system = cloud.user(None, MEMBER, system=True)
    answer = system.ask("POST", "/container/v1/containers", {"image": IMAGE})
    assert answer.status_code == 403
