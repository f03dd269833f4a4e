"""Who asks: sessions with one token each, Zun's own client on top, and projects made for one test."""

import json
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import requests
from keystoneauth1.identity import v3
from keystoneauth1.session import Session
from zunclient import client as zun

from tests.e2e.server import Server

AT_ONCE = 8
LASTING = ["sh", "-c", "trap 'exit 0' TERM; sleep 100000 & wait"]
"""Runs for ever, and ends at once when asked politely."""


class Person:
    """Somebody with a token for one project, or for the system."""

    def __init__(self, auth: Any) -> None:
        self.session = Session(auth=auth)

    @classmethod
    def of(cls, server: Server, cloud: str) -> "Person":
        """Who stands in clouds.yaml under that name."""
        return cls(v3.Password(**server.clouds[cloud]["auth"]))

    def scoped(self, server: Server, project_id: str) -> "Person":
        """The same user, with a token for another project."""
        return Person(v3.Token(server.identity_url, str(self.session.get_token()), project_id=project_id))

    @property
    def project_id(self) -> str:
        return str(self.session.get_project_id())

    @property
    def user_id(self) -> str:
        return str(self.session.get_user_id())

    @cached_property
    def zun(self) -> Any:
        """The client as a program uses it."""
        return zun.Client("1.40", session=self.session, service_type="container")

    @property
    def containers(self) -> Any:
        return self.zun.containers

    def ask(self, service: str, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        """A bare request: whatever comes back."""
        headers = {"OpenStack-API-Version": "container 1.40", **more.pop("headers", {})}
        return self.session.request(
            path,
            method,
            endpoint_filter={"service_type": service, "interface": "public"},
            json=body,
            headers=headers,
            raise_exc=False,
            **more,
        )

    def zun_api(self, method: str, path: str, body: Any = None, **more: Any) -> requests.Response:
        return self.ask("container", method, path, body, **more)

    def quota(self, method: str, path: str, body: Any = None, **more: Any) -> Any:
        """What the quota API answers. Fails where it refuses."""
        answer = self.ask("quota", method, path, body, **more)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def keystone(self, method: str, path: str, body: Any = None) -> Any:
        answer = self.ask("identity", method, path, body)
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def create(self, **fields: Any) -> requests.Response:
        """A container that runs for ever unless told otherwise: whatever comes back."""
        return self.zun_api("POST", "/containers?run=true", {**SMALL, "command": LASTING, **fields})

    def refusal(self, **fields: Any) -> tuple[int, str]:
        """Status and sentence of a creation that is refused."""
        answer = self.create(**fields)
        assert not answer.ok, f"{fields} was accepted"
        return answer.status_code, sentence(answer)

    def show(self, ident: str) -> dict[str, Any]:
        answer = self.zun_api("GET", f"/containers/{ident}")
        assert answer.ok, f"{ident}: {answer.status_code} {answer.text}"
        return dict(answer.json())

    def listing(self) -> list[dict[str, Any]]:
        return list(self.zun_api("GET", "/containers").json()["containers"])


SMALL: Mapping[str, Any] = {"cpu": 0.02, "memory": "16"}
"""What one container of the tests takes: thousands of them fit."""


def sentence(answer: requests.Response) -> str:
    """What an OpenStack client shows of a refusal."""
    return str(json.loads(answer.text)["errors"][0]["title"])


def at_once(calls: list[Callable[[], Any]], together: int = AT_ONCE) -> list[Any]:
    """The answers of `calls`, made side by side, in their order."""
    with ThreadPoolExecutor(together) as pool:
        return [future.result() for future in [pool.submit(call) for call in calls]]


@dataclass
class Org:
    """An organisation with teams below it, made for one test. `manager` manages all of it, `teams` are members."""

    id: str
    manager: Person
    teams: dict[str, Person] = field(default_factory=dict)

    def __getitem__(self, team: str) -> Person:
        return self.teams[team]


class Keystone:
    """Makes organisations out of the users that `jeroboam up` made."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self.system = Person.of(server, "jeroboam-system")
        self.admin = Person.of(server, "jeroboam-admin")
        self.manager = Person.of(server, "org")
        self.members = {name: Person.of(server, name) for name in ("team1", "team2")}
        self._roles = {r["name"]: r["id"] for r in self.admin.keystone("GET", "/roles")["roles"]}

    def project(self, name: str, parent: str | None = None) -> str:
        """The id of a new project of that name, with something added that makes it unique."""
        body = {"name": f"{name}-{uuid.uuid4().hex[:6]}", "domain_id": "default", "parent_id": parent}
        return str(self.admin.keystone("POST", "/projects", {"project": body})["project"]["id"])

    def grant(self, project: str, user: str, role: str) -> None:
        self.admin.keystone("PUT", f"/projects/{project}/users/{user}/roles/{self._roles[role]}")

    def org(self, *teams: str) -> Org:
        """Each team's member is another user."""
        top = self.project("org")
        self.grant(top, self.manager.user_id, "manager")
        made = Org(top, self.manager.scoped(self._server, top))
        for team, member in zip(teams, self.members.values(), strict=False):
            below = self.project(team, top)
            self.grant(below, member.user_id, "member")
            self.grant(below, self.manager.user_id, "manager")
            made.teams[team] = member.scoped(self._server, below)
        return made
