"""A project that is in Keystone, and not in the tree yet: whoever looks changes nothing, whoever uses it makes it."""

import uuid
from typing import Any

import pytest

from jeroboam.identity.projects import Place
from jeroboam.store import ledger
from jeroboam.store.migrations import METADATA
from tests.api.cloud import ADMIN, IMAGE, MANAGER, MEMBER, Cloud, User

UNITS = {"containers": 1, "vcpus": 250, "memory": 256}
DEFAULTS = {"containers": {"hard_limit": 2, "lend_limit": 1, "borrow_limit": 5}, "vcpus": {"borrow_limit": None}}
READS = [
    ("GET", "/quota/v1/nodes/{id}", None),
    ("GET", "/quota/v1/tree?root={id}", None),
    ("POST", "/quota/v1/dry-run", {"node": "{id}", "amounts": UNITS}),
    ("GET", "/quota/v1/claims?node={id}", None),
    ("GET", "/quota/v1/claims?node={id}&below=true", None),
    ("GET", "/quota/v1/reclaims?node={id}", None),
    ("GET", "/quota/v1/audit?node={id}", None),
    ("GET", "/quota/v1/nodes/{id}/reservations", None),
    ("GET", "/quota/v1/nodes/{id}/reservations?below=true", None),
    ("GET", "/quota/v1/nodes/{id}/history?depth=1", None),
    ("GET", "/events/v1/history", None),
    ("GET", "/container/v1/quotas/{id}?usages=true", None),
    ("POST", "/quota/v1/apply?dry_run=true", {"document": {"id": "{id}", "weight": 2}}),
    ("POST", "/quota/v1/apply?dry_run=true", {"document": {"id": "{org}", "children": [{"id": "{id}", "weight": 2}]}}),
]
LISTS = ("claims", "reclaims", "entries", "reservations", "series")


class Unused:
    """An organisation that shares its pool among a team and whoever comes; `id` has not come yet."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.org = cloud.project("org", limits={"containers": 16, "vcpus": 16_000, "memory": 16_000})
        self.team = cloud.user(cloud.project("team1", self.org, {"containers": 4}, borrow=None), MEMBER)
        self.above = cloud.user(self.org, ADMIN)
        self.system = cloud.admin()
        done = self.system.ask("PATCH", f"/quota/v1/nodes/{self.org}", {"child_defaults": DEFAULTS})
        assert done.status_code == 200, done.text
        self.id = uuid.uuid4().hex
        cloud.table.places[self.id] = Place(self.id, "team3", "project", True, self.org)
        self.member, self.manager = cloud.user(self.id, MEMBER), cloud.user(self.id, MANAGER)
        self.steward = cloud.user(self.org, MANAGER)

    def filled(self, part: Any) -> Any:
        """With the ids in their places."""
        if isinstance(part, str):
            return part.replace("{id}", self.id).replace("{org}", self.org)
        if isinstance(part, dict):
            return {key: self.filled(value) for key, value in part.items()}
        return [self.filled(one) for one in part] if isinstance(part, list) else part

    def made(self) -> bool:
        return any(child["id"] == self.id for child in self.above.ask("GET", "/quota/v1/tree").json()["children"])


@pytest.fixture
def unused(cloud: Cloud) -> Unused:
    return Unused(cloud)


def stored(cloud: Cloud) -> dict[str, list[Any]]:
    """The ledger, and what else there is."""
    with cloud.database.read() as tx:
        return {table.name: sorted(map(repr, tx.execute(table.select()))) for table in METADATA.sorted_tables}


@pytest.mark.parametrize(("method", "path", "body"), READS)
def test_whoever_looks_changes_nothing(unused: Unused, method: str, path: str, body: Any) -> None:
    before, deserved = stored(unused.cloud), unused.team.ask("GET", "/quota/v1/nodes/self").json()["deserved"]
    for user in (unused.above, unused.manager):
        answer = user.ask(method, unused.filled(path), unused.filled(body))
        assert answer.status_code == 200 or (user is unused.manager and "apply" in path), answer.text
        assert "/events" in path or all(answer.json().get(key, []) == [] for key in LISTS)
    assert stored(unused.cloud) == before
    assert unused.team.ask("GET", "/quota/v1/nodes/self").json()["deserved"] == deserved


REFUSED = {
    "forbidden": ("member", "POST", "/quota/v1/apply", {"document": {"id": "{id}", "weight": 2}}),
    "no room in the document": (
        "above",
        "POST",
        "/quota/v1/apply",
        {"document": {"id": "{org}", "children": [{"id": "{id}", "hard_limit": {"containers": 1000}}]}},
    ),
    "a reservation of nothing": ("manager", "POST", "/quota/v1/nodes/{id}/reservations", {"amounts": {"vcpus": 0}}),
    "a reservation of too much": ("manager", "POST", "/quota/v1/nodes/{id}/reservations", {"amounts": {"vcpus": 99}}),
    "of what is not limited": ("above", "PUT", "/container/v1/quotas/{id}", {"disk": 3}),
    "no room": ("above", "PATCH", "/quota/v1/nodes/{id}", {"limits": {"containers": {"hard_limit": 1000}}}),
    "a container": ("member", "POST", "/container/v1/containers", {"image": IMAGE, "hints": {"resource.tape": "1"}}),
    "nothing differs": (
        "above",
        "POST",
        "/quota/v1/apply",
        {"document": {"id": "{org}", "children": [{"id": "{id}", "hard_limit": {"containers": 2}}]}},
    ),
    "force": ("steward", "PATCH", "/quota/v1/nodes/{id}", {"force": True, "weight": 2}),
}


@pytest.mark.parametrize("refused", REFUSED)
def test_a_change_that_is_none_changes_nothing(unused: Unused, refused: str) -> None:
    before, deserved = stored(unused.cloud), unused.team.ask("GET", "/quota/v1/nodes/self").json()["deserved"]
    who, method, path, body = REFUSED[refused]
    answer = getattr(unused, who).ask(method, unused.filled(path), unused.filled(body))
    assert answer.status_code in (400, 403, 409) or answer.json()["changes"] == [], answer.text
    assert stored(unused.cloud) == before
    assert unused.team.ask("GET", "/quota/v1/nodes/self").json()["deserved"] == deserved
    assert not unused.made()


def test_it_is_shown_as_it_is_once_it_is_used(unused: Unused) -> None:
    reads = [unused.filled(list(read)) for read in READS if "history" not in read[1]]

    def seen(user: User) -> list[Any]:
        answers = [user.ask(*read) for read in reads]
        return [answer.json() for answer in answers if answer.status_code == 200]

    before = {user: seen(user) for user in (unused.above, unused.member)}
    node = before[unused.member][0]
    assert (node["name"], node["kind"], node["parent_id"], node["generation"]) == ("team3", "project", unused.org, 1)
    assert (node["hard_limit"]["containers"], node["lend_limit"]["containers"]) == (2, 1)
    assert (node["used"]["containers"], node["available"]["containers"]) == (0, 7)
    assert node["deserved"]["containers"] == 7  # its 2, and half of the 10 that nobody owns
    assert [above["name"] for above in node["above"]] == ["org", "Default", "cloud"]
    assert not unused.made()
    with unused.cloud.database.write() as tx:
        ledger.ensure_path(tx, [(p.id, p.name, p.kind) for p in unused.cloud.table.path(unused.id)])
    assert unused.made()
    assert {user: seen(user) for user in before} == before


def test_why_not_is_said_in_the_same_words(unused: Unused) -> None:
    def asked(user: User) -> Any:
        return user.ask("POST", "/quota/v1/dry-run", {"node": unused.id, "amounts": {"containers": 8}}).json()

    before = [asked(user) for user in (unused.member, unused.above, unused.system)]
    assert before[0]["reason"]["sentence"].startswith("cannot admit 8 containers: team3 holds 0 of the 7")
    limits = {"limits": {"memory": {"hard_limit": 0}}}
    assert unused.above.ask("PATCH", f"/quota/v1/nodes/{unused.id}", limits).status_code == 200
    assert unused.made()
    assert [asked(user) for user in (unused.member, unused.above, unused.system)] == before


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "/quota/v1/nodes/{id}", {"weight": 2}),
        ("POST", "/quota/v1/nodes/{id}/reservations", {"amounts": {"containers": 1}}),
        ("PUT", "/container/v1/quotas/{id}", {"containers": 1}),
        ("POST", "/quota/v1/apply", {"document": {"id": "{id}", "weight": 2}}),
        ("POST", "/quota/v1/apply", {"document": {"id": "{org}", "children": [{"id": "{id}", "weight": 2}]}}),
    ],
)
def test_whoever_changes_it_makes_it(unused: Unused, method: str, path: str, body: Any) -> None:
    answer = unused.above.ask(method, unused.filled(path), unused.filled(body))
    assert answer.status_code in (200, 201), answer.text
    assert unused.made()


def test_a_dry_run_of_a_document_says_what_the_document_does(unused: Unused) -> None:
    body = {"document": {"id": unused.org, "children": [{"id": unused.id, "hard_limit": {"containers": 5}}]}}
    planned = unused.above.ask("POST", "/quota/v1/apply?dry_run=true", body)
    (change,) = planned.json()["changes"]
    assert (change["node_name"], change["before"]) == ("team3", {"limits.containers": {"hard": 2}})
    assert unused.above.ask("POST", "/quota/v1/apply", body).json()["changes"] == [change]


def test_a_document_that_is_refused_makes_nothing_where_it_is_nobodys(unused: Unused) -> None:
    other = Unused(unused.cloud)
    before = stored(unused.cloud)
    for child in (other.id, uuid.uuid4().hex):
        body = {"document": {"id": unused.org, "children": [{"id": child, "weight": 2}]}}
        for query in ("", "?dry_run=true"):
            assert unused.above.ask("POST", f"/quota/v1/apply{query}", body).status_code == 404
    assert stored(unused.cloud) == before


def test_a_dry_run_is_refused_as_the_document_is(unused: Unused) -> None:
    for user, change, code, words in (
        (unused.manager, {"weight": 2}, "forbidden", "quota:set"),
        (
            unused.above,
            {"hard_limit": {"containers": 99}},
            "quota_conflict",
            "cannot give 97 more containers to team3:",
        ),
    ):
        refused = []
        for query in ("?dry_run=true", ""):
            refused.append(user.ask("POST", f"/quota/v1/apply{query}", {"document": {"id": unused.id, **change}}))
            assert (refused[-1].json()["code"], words in refused[-1].json()["detail"]) == (code, True)
        assert refused[0].json()["detail"] == refused[1].json()["detail"]
