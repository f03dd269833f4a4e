"""Paths in a real Keystone's tree."""

import uuid
from collections.abc import Iterator

import pytest

from jeroboam.identity.keystone import Keystone
from jeroboam.identity.projects import Projects
from jeroboam.model.errors import Conflict, NotFound, Unavailable
from jeroboam.settings import load
from tests.engine import wait_until
from tests.keystone import RunningKeystone, free_port

pytestmark = pytest.mark.keystone


@pytest.fixture
def client(keystone: RunningKeystone) -> Iterator[Keystone]:
    client = Keystone(keystone.settings)
    yield client
    client.close()


@pytest.fixture
def admin(keystone: RunningKeystone) -> str:
    return keystone.token("jeroboam-admin")


def make(keystone: RunningKeystone, admin: str, name: str, parent: str, domain: str = "default") -> str:
    body = {"project": {"name": name, "parent_id": parent, "domain_id": domain}}
    return str(keystone.request("POST", "/projects", admin, json=body).json()["project"]["id"])


def test_the_path_goes_from_the_project_to_its_domain(client: Keystone) -> None:
    projects = Projects(client)
    team = projects.find("team1")
    path = projects.path(team.id)
    assert [(place.name, place.kind, place.enabled) for place in path] == [
        ("team1", "project", True),
        ("org", "project", True),
        ("Default", "domain", True),
    ]
    assert path[0] == team
    assert [place.parent_id for place in path] == [path[1].id, path[2].id, None]


def test_a_domain_is_its_own_path(client: Keystone) -> None:
    assert [place.kind for place in Projects(client).path("default")] == ["domain"]


def test_the_deepest_tree_that_keystone_allows(keystone: RunningKeystone, client: Keystone, admin: str) -> None:
    names = [f"deep-{uuid.uuid4().hex[:6]}" for _ in range(4)]
    parent = "default"
    for name in names:
        parent = make(keystone, admin, name, parent)
    assert [place.name for place in Projects(client).path(parent)] == [*reversed(names), "Default"]


def test_a_place_in_use_is_looked_up_again_before_its_time_is_over(
    keystone: RunningKeystone, client: Keystone, admin: str
) -> None:
    now = 0.0
    projects = Projects(client, monotonic=lambda: now)
    made = make(keystone, admin, f"p-{uuid.uuid4().hex[:6]}", "default")
    assert projects.place(made).enabled
    keystone.request("PATCH", f"/projects/{made}", admin, json={"project": {"enabled": False}})
    now = 31.0
    assert projects.place(made).enabled
    wait_until(lambda: not projects.place(made).enabled, "the new answer is remembered")


def test_a_disabled_project_says_so_when_its_time_is_up(
    keystone: RunningKeystone, client: Keystone, admin: str
) -> None:
    now = 0.0
    projects = Projects(client, monotonic=lambda: now)
    made = make(keystone, admin, f"p-{uuid.uuid4().hex[:6]}", "default")
    assert projects.place(made).enabled
    keystone.request("PATCH", f"/projects/{made}", admin, json={"project": {"enabled": False}})
    now = 59.9
    assert projects.place(made).enabled
    now = 60.0
    assert not projects.place(made).enabled


@pytest.mark.parametrize("wrong", ["0" * 32, "../users", "a b", "", "x" * 65, "ümlaut"])
def test_what_is_not_there_is_not_found(client: Keystone, wrong: str) -> None:
    with pytest.raises(NotFound, match="cannot find project"):
        Projects(client).path(wrong)


def test_a_name_that_several_have_is_a_conflict(keystone: RunningKeystone, client: Keystone, admin: str) -> None:
    name = f"twice-{uuid.uuid4().hex[:6]}"
    domain = keystone.request("POST", "/domains", admin, json={"domain": {"name": f"d-{name}"}}).json()["domain"]["id"]
    first = make(keystone, admin, name, "default")
    assert Projects(client).find(name).id == first
    make(keystone, admin, name, domain, domain)
    with pytest.raises(Conflict, match="give the id"):
        Projects(client).find(name)


def test_a_name_that_nobody_has(client: Keystone) -> None:
    with pytest.raises(NotFound, match="no project or domain"):
        Projects(client).find("a name & more=1")


def test_without_keystone_nothing_is_made_up(keystone: RunningKeystone) -> None:
    client = Keystone(load(keystone.settings.data, identity={"keystone_port": free_port()}))
    with pytest.raises(Unavailable):
        Projects(client).path("default")
    client.close()
