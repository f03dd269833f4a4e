"""A whole Jeroboam for the plugin's tests: the API on a real socket, a conductor, a fake engine, a real Keystone."""

import contextlib
import io
import json
import logging
import os
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn
import yaml

from jeroboam.api.app import create_app
from jeroboam.api.services import Services
from jeroboam.backends.fake import FakeBackend
from jeroboam.conductor.main import Conductor
from jeroboam.conductor.secrets import SecretBox
from jeroboam.identity.keystone import Keystone
from jeroboam.identity.policy import Policy
from jeroboam.identity.projects import Projects
from jeroboam.identity.tokens import TokenValidator
from jeroboam.settings import Settings, load
from jeroboam.store.database import Database
from tests.keystone import RunningKeystone

IMAGE = "busybox:latest"


@dataclass(frozen=True)
class Result:
    """What a command said. `status` is its exit status."""

    status: int
    out: str
    err: str

    def json(self) -> Any:
        assert self.status == 0, self.err
        return json.loads(self.out)

    def table(self) -> list[list[str]]:
        """The cells of a table's rows, without its header; blanks at the left are kept, they draw trees."""
        lines = [line for line in self.out.splitlines() if line.startswith("| ")]
        return [[cell.rstrip() for cell in line[2:-2].split(" | ")] for line in lines[1:]]


@dataclass(frozen=True)
class Cloud:
    keystone: RunningKeystone
    url: str
    clouds: Path
    tokens: dict[str, str] = field(default_factory=dict)
    ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def openstack(self, line: str, *more: str, cloud: str = "team1", encoding: str = "utf-8") -> Result:
        """Runs the real `openstack` command in this process; `line` is split at blanks, `more` is not."""
        from openstackclient.shell import main

        forget_clients()
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True) for _ in range(2))
        with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            for name, value in self.environment(cloud).items():
                patch.setenv(name, value)
            # It wants DEBUG of everybody, the server's libraries in this process too: formatting that takes long.
            logging.disable(logging.INFO)
            try:
                status = main([*line.split(), *more])
            except SystemExit as ended:
                status = int(ended.code or 0)
            finally:
                logging.disable(logging.NOTSET)
        said = [stream.buffer.getvalue().decode(encoding) for stream in (out, err)]  # type: ignore[attr-defined]
        return Result(status, *said)

    def environment(self, cloud: str) -> dict[str, str]:
        return {"OS_CLIENT_CONFIG_FILE": str(self.clouds), "OS_CLOUD": cloud, "COLUMNS": "250"}

    def organisation(self, name: str, *teams: str) -> None:
        """An organisation with 8 containers for each of its teams (`name-team`), which may borrow without end.

        Each is a cloud of that name: the organisation's as its manager, a team's as its member.
        """
        top = self._project(name, "default", {"org-manager": "manager"}, 8 * len(teams))
        for team in teams:
            self._project(f"{name}-{team}", top, {"org-manager": "manager", "team1": "member"}, 8)

    def unused(self, name: str, organisation: str) -> None:
        """A project of that organisation, with the same manager, that the quota tree has not heard of."""
        self._project(name, self._id("projects", organisation), {"org-manager": "manager"}, None)

    def _project(self, name: str, parent: str, people: Mapping[str, str], containers: int | None) -> str:
        token = self._token("jeroboam-admin")
        wanted = {"name": name, "domain_id": "default", "parent_id": parent}
        project = str(_ask(self.keystone, "POST", "/projects", token, {"project": wanted})["project"]["id"])
        for user, role in people.items():
            path = f"/projects/{project}/users/{self._id('users', user)}/roles/{self._id('roles', role)}"
            granted = self.keystone.request("PUT", path, token)
            granted.raise_for_status()
        self._remember(name, "org" if "team1" not in people else "team1")
        if containers is None:
            return project
        free = {"hard_limit": -1, "borrow_limit": None}
        borrow = None if parent != "default" else 0
        limits = {"containers": {"hard_limit": containers, "borrow_limit": borrow}, "vcpus": free, "memory": free}
        self.ask("PATCH", f"/quota/v1/nodes/{project}", "jeroboam-system", {"limits": limits})
        return project

    def _id(self, what: str, name: str) -> str:
        """Of a user or role in Keystone."""
        if (what, name) not in self.ids:
            found = _ask(self.keystone, "GET", f"/{what}?name={name}", self._token("jeroboam-admin"))
            self.ids[what, name] = found[what][0]["id"]
        return self.ids[what, name]

    def _token(self, cloud: str) -> str:
        if cloud not in self.tokens:
            auth = yaml.safe_load(self.clouds.read_text())["clouds"][cloud]["auth"]
            self.tokens[cloud] = _issue(self.keystone, auth)
        return self.tokens[cloud]

    def _remember(self, name: str, like: str) -> None:
        """A cloud of that project, with the user of another one."""
        document = yaml.safe_load(self.clouds.read_text())
        pattern = document["clouds"][like]
        document["clouds"][name] = {**pattern, "auth": {**pattern["auth"], "project_name": name}}
        self.clouds.write_text(yaml.safe_dump(document))

    def run(self, name: str, cloud: str, **hints: str) -> None:
        """A container that sleeps; accepted at least."""
        wanted = {
            "name": name,
            "image": IMAGE,
            "command": ["sleep", "1000"],
            "cpu": 0.1,
            "memory": "16",
            "hints": hints,
        }
        self.ask("POST", "/container/v1/containers?run=true", cloud, wanted)

    def ask(self, method: str, path: str, cloud: str, body: Any) -> None:
        """Straight to the API, for what a test only needs to be there."""
        headers = {"X-Auth-Token": self._token(cloud), "OpenStack-API-Version": "container 1.40"}
        answer = requests.request(method, self.url + path, json=body, headers=headers, timeout=30)
        assert answer.ok, answer.text


def forget_clients() -> None:
    """Plugins keep their client for the life of a process, which is otherwise that of one command."""
    from osc_lib import clientmanager

    for kept in vars(clientmanager.ClientManager).values():
        if isinstance(kept, clientmanager.ClientCache):
            kept._handle = None


@contextmanager
def running(keystone: RunningKeystone, folder: Path) -> Iterator[Cloud]:
    """Everything but Keystone, made and ended."""
    settings = load(folder, identity=keystone.settings.identity.model_dump())
    database = Database(settings.database_url)
    database.migrate()
    backend = FakeBackend(installation=database.installation, images=[IMAGE])
    box = SecretBox.at(folder / "secrets.key")
    conductor = Conductor(database, backend, settings, box)
    conductor.start()
    client = Keystone(keystone.settings)
    services = Services(settings, database, backend, TokenValidator(client), Projects(client), Policy(), box)
    try:
        with served(services) as url:
            yield Cloud(keystone, url, clouds_of(keystone, url, settings, folder))
    finally:
        conductor.stop(5.0)
        client.close()
        database.close()


@contextmanager
def served(services: Services) -> Iterator[str]:
    """The API on a loopback port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(create_app(services), log_level="warning", timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(10)


def clouds_of(keystone: RunningKeystone, url: str, settings: Settings, folder: Path) -> Path:
    """A clouds.yaml for this API, which gets a region of its own in Keystone's catalogue."""
    region = f"r{url.rpartition(':')[2]}"
    admin = keystone.token("jeroboam-admin")
    endpoints = {
        "identity": keystone.settings.identity_url,
        "container": f"{url}/container/v1",
        "quota": f"{url}/quota/v1",
    }
    _ask(keystone, "POST", "/regions", admin, {"region": {"id": region}})
    for service in _ask(keystone, "GET", "/services", admin)["services"]:
        wanted = {
            "service_id": service["id"],
            "interface": "public",
            "region_id": region,
            "url": endpoints[service["type"]],
        }
        _ask(keystone, "POST", "/endpoints", admin, {"endpoint": wanted})
    clouds = {name: {**cloud, "region_name": region} for name, cloud in keystone.clouds.items()}
    file = folder / "clouds.yaml"
    file.write_text(yaml.safe_dump({"clouds": clouds}))
    return file


def _issue(keystone: RunningKeystone, auth: Mapping[str, str]) -> str:
    """A token of a cloud's user and project, or of the system."""
    project = {"name": auth.get("project_name"), "domain": {"name": "Default"}}
    scope = {"system": {"all": True}} if "system_scope" in auth else {"project": project}
    user = {"name": auth["username"], "domain": {"name": "Default"}, "password": auth["password"]}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}, "scope": scope}}
    answer = keystone.request("POST", "/auth/tokens", "", json=body)
    answer.raise_for_status()
    return str(answer.headers["X-Subject-Token"])


def _ask(keystone: RunningKeystone, method: str, path: str, token: str, body: Any = None) -> Any:
    answer: requests.Response = keystone.request(method, path, token, json=body)
    answer.raise_for_status()
    return answer.json()


def inherited() -> dict[str, str]:
    """Our environment for a child, without what would lead a client astray."""
    return {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
