"""A server that is killed at a chosen moment: the real API and the real conductor on the real engine, in one process.

A moment lies before and after each request to the engine and each commit. `python -m` is not used: the process is
forked from a server that has everything imported, so that each death costs little.
"""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import requests
from sqlalchemy import Connection
from starlette.testclient import TestClient

from jeroboam.api.app import create_app
from jeroboam.api.services import Services
from jeroboam.backends.docker import Deadlines, DockerBackend
from jeroboam.backends.docker.wire import Wire
from jeroboam.conductor import owner
from jeroboam.conductor.containers import ContainerController
from jeroboam.conductor.engine import KnownEngine
from jeroboam.conductor.secrets import CredentialStore, SecretBox
from jeroboam.identity.policy import Policy
from jeroboam.identity.projects import Place
from jeroboam.identity.tokens import Caller
from jeroboam.settings import Settings
from jeroboam.store import work
from jeroboam.store.database import Database

PROJECT = "11111111111111111111111111111111"
DOMAIN = "default"
TOKEN = {"X-Auth-Token": "the-token", "OpenStack-API-Version": "container 1.40"}


class Killer:
    """Ends the process with SIGKILL at the `at`th moment."""

    def __init__(self, at: int) -> None:
        self._left = at

    def moment(self) -> None:
        self._left -= 1
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)


class MortalWire(Wire):
    """The real wire with a moment before and after each request: one call of the backend may send several."""

    killer = Killer(0)

    def _send(self, *args: Any, **named: Any) -> requests.Response:
        self.killer.moment()
        answer = super()._send(*args, **named)
        self.killer.moment()
        return answer


class MortalDatabase(Database):
    """The real database with a moment before and after each commit."""

    def __init__(self, url: str, killer: Killer) -> None:
        super().__init__(url)
        self.killer = killer

    @contextmanager
    def write(self, *, notify: bool = True) -> Iterator[Connection]:
        with super().write(notify=notify) as tx:
            yield tx
            self.killer.moment()
        self.killer.moment()

    @contextmanager
    def admit(self) -> Iterator[Connection]:
        with super().admit() as tx:
            yield tx
            self.killer.moment()
        self.killer.moment()


@dataclass(frozen=True)
class Tokens:
    """One caller, whatever the token."""

    caller: Caller

    def cached(self, token: str) -> Caller | None:
        return self.caller

    def validate(self, token: str) -> Caller:
        return self.caller


class Tree:
    def path(self, project_id: str) -> list[Place]:
        return [Place(PROJECT, "team", "project", True), Place(DOMAIN, "Default", "domain", True)]


@dataclass(frozen=True)
class House:
    """Where the house stands: enough to open it in any process."""

    settings: Settings
    engine: str


def app_of(house: House, database: Database, backend: Any) -> TestClient:
    caller = Caller("user", "user", PROJECT, "team", DOMAIN, frozenset({"member", "reader"}), False, time.time() + 3600)
    box = SecretBox.at(house.settings.data / "secret.key")
    services = Services(house.settings, database, backend, Tokens(caller), Tree(), Policy(None), box)
    return TestClient(create_app(services), headers=TOKEN)


def live(house: House, at: int, request: tuple[str, str, dict[str, Any] | None]) -> None:
    """One request, and the conductor's work on it until nothing is due: as far as the killer lets it come."""
    killer = Killer(0)
    database = MortalDatabase(house.settings.database_url, killer)
    backend = DockerBackend("engine", house.engine, database.installation)
    backend._wire = wire = MortalWire(house.engine, None, Deadlines(), 1)
    box = SecretBox.at(house.settings.data / "secret.key")
    engine, credentials = KnownEngine(database, backend), CredentialStore(database, box)
    controller = ContainerController(database, backend, engine, house.settings, credentials, time.time)
    with app_of(house, database, backend) as client:
        database.killer = wire.killer = Killer(at)
        method, path, body = request
        answer = client.request(method, path, json=body)
        assert answer.status_code in (202, 204), answer.text
        name = owner.new()
        while items := work.take(database, name, 10, time.time(), 60.0):
            for item in items:
                controller.reconcile(item)
    os._exit(0)
