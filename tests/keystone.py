"""A real Keystone for the tests: its files made once per run, one running per process, folders to copy for `up`."""

import fcntl
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from jeroboam.identity.embedded.layout import Layout
from jeroboam.identity.embedded.prepare import prepare, write_config
from jeroboam.identity.embedded.supervisor import Supervisor
from jeroboam.settings import Settings, load


def free_port() -> int:
    """A loopback port that nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class RunningKeystone:
    settings: Settings
    supervisor: Supervisor

    @property
    def clouds(self) -> dict[str, Any]:
        """clouds.yaml's clouds: jeroboam-admin, jeroboam-system, org, team1, team2."""
        text = Layout(self.settings.data).clouds.read_text()
        return dict(yaml.safe_load(text)["clouds"])

    def token(self, cloud: str) -> str:
        """A new token of that cloud's user and scope."""
        auth = self.clouds[cloud]["auth"]
        if "system_scope" in auth:
            scope: dict[str, Any] = {"system": {"all": True}}
        else:
            scope = {"project": {"name": auth["project_name"], "domain": {"name": auth["project_domain_name"]}}}
        user = {"name": auth["username"], "domain": {"name": "Default"}, "password": auth["password"]}
        identity = {"methods": ["password"], "password": {"user": user}}
        answer = requests.post(
            f"{self.settings.identity_url}/auth/tokens",
            json={"auth": {"identity": identity, "scope": scope}},
            timeout=30,
        )
        answer.raise_for_status()
        return answer.headers["X-Subject-Token"]

    def request(self, method: str, path: str, token: str, **more: Any) -> requests.Response:
        headers = {"X-Auth-Token": token, **more.pop("headers", {})}
        return requests.request(method, self.settings.identity_url + path, headers=headers, timeout=30, **more)


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    """A data folder with a prepared Keystone that never ran: copy it. Made once for all workers."""
    root = tmp_path_factory.getbasetemp()
    if worker_id != "master":
        root = root.parent
    data = root / "prepared"
    with (root / "prepared.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not Layout(data).prepared.exists():
            prepare(load(data), lambda text: None)
    return data


@pytest.fixture(scope="session")
def keystone(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningKeystone]:
    """A running Keystone of this process's own. Its catalogue names the default ports, not those in use."""
    data = tmp_path_factory.mktemp("keystone") / "data"
    shutil.copytree(prepared_data, data)
    settings = load(data, identity={"keystone_port": free_port()})
    text = Layout(data).clouds.read_text().replace(load(data).identity_url, settings.identity_url)
    Layout(data).clouds.write_text(text)
    write_config(Layout(data))
    supervisor = Supervisor(settings)
    supervisor.start()
    try:
        supervisor.wait_ready()
        yield RunningKeystone(settings, supervisor)
    finally:
        supervisor.stop()
