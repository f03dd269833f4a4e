"""A whole API over a real socket: real database, fake engine, a table of tokens in the place of Keystone."""

import socket
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import requests
import uvicorn

from jeroboam.api.app import create_app
from jeroboam.api.services import Services
from jeroboam.backends.fake import FakeBackend
from jeroboam.conductor.containers import ContainerController
from jeroboam.conductor.engine import KnownEngine
from jeroboam.conductor.secrets import CredentialStore, SecretBox
from jeroboam.identity.policy import Policy
from jeroboam.identity.projects import Place
from jeroboam.identity.tokens import REFUSED, Caller
from jeroboam.model.errors import NotFound, Unauthenticated
from jeroboam.model.names import container_name
from jeroboam.quota.tree import Limit
from jeroboam.settings import Api, Settings
from jeroboam.store import ledger, work
from jeroboam.store.audit import Actor
from jeroboam.store.database import Database

READER, MEMBER, MANAGER = ("reader",), ("reader", "member"), ("reader", "member", "manager")
ADMIN = (*MANAGER, "admin")
ROOT = Actor("root", "root")
IMAGE = "busybox:latest"
LATEST = {"OpenStack-API-Version": "container 1.40"}


class Table:
    """Tokens and projects, as Keystone would know them."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self.clock = clock
        self.callers: dict[str, Caller] = {}
        self.places: dict[str, Place] = {"default": Place("default", "Default", "domain", True)}

    def cached(self, token: str) -> Caller | None:
        return None

    def validate(self, token: str) -> Caller:
        caller = self.callers.get(token)
        if caller is None or self.clock() >= caller.expires_at:
            raise Unauthenticated(REFUSED)
        return caller

    def path(self, project_id: str) -> tuple[Place, ...]:
        found: list[Place] = []
        at: str | None = project_id
        while at is not None:
            if at not in self.places:
                raise NotFound("cannot find that in Keystone")
            found.append(self.places[at])
            at = self.places[at].parent_id
        return tuple(found)


@dataclass(frozen=True)
class User:
    """One token and the client that sends it."""

    cloud: "Cloud"
    token: str
    project_id: str | None

    def ask(self, method: str, path: str, json: Any = None, **options: Any) -> requests.Response:
        headers = {"X-Auth-Token": self.token, **LATEST, **options.pop("headers", {})}
        return self.cloud.http.request(
            method, self.cloud.url + path, json=json, headers=headers, timeout=options.pop("timeout", 20), **options
        )

    def create(self, name: str = "web", **fields: Any) -> dict[str, Any]:
        """A container that was accepted."""
        answer = self.ask("POST", "/container/v1/containers", {"image": IMAGE, "name": name, **fields})
        assert answer.status_code == 202, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def run(self, name: str = "web", **fields: Any) -> dict[str, Any]:
        """A container that runs on the engine."""
        answer = self.ask("POST", "/container/v1/containers?run=true", {"image": IMAGE, "name": name, **fields})
        assert answer.status_code == 202, answer.text
        self.cloud.work()
        return self.show(answer.json()["uuid"])

    def show(self, ident: str) -> dict[str, Any]:
        answer = self.ask("GET", f"/container/v1/containers/{ident}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


class Cloud:
    def __init__(self, folder: Path, policy: Policy | None = None) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.settings = Settings(data=folder, api=Api(port=port))
        self.url = self.settings.public_url
        self.database = Database(self.settings.database_url)
        self.database.migrate()
        self.engine = FakeBackend(installation=self.database.installation, images=[IMAGE])
        self.table = Table(self.now)
        self.box = SecretBox.at(folder / "secrets.key")
        self.offset = 0.0
        self.http = requests.Session()
        self.http.trust_env = False
        with self.database.write() as tx:
            capacity = {"containers": -1, "vcpus": 10**12, "memory": 10**12}
            ledger.set_capacity(tx, capacity, self.now())
            ledger.ensure_path(tx, [("default", "Default", "domain")])
        credentials = CredentialStore(self.database, self.box)
        known = KnownEngine(self.database, self.engine)
        self.controller = ContainerController(self.database, self.engine, known, self.settings, credentials, self.now)
        self.services = Services(
            self.settings, self.database, self.engine, self.table, self.table, policy or Policy(), self.box, self.now
        )
        self.app = create_app(self.services)
        config = uvicorn.Config(
            self.app,
            port=port,
            log_level="error",
            http="httptools",
            loop="uvloop",
            ws="websockets-sansio",
            lifespan="off",
        )
        self.server = uvicorn.Server(config)
        self.thread = threading.Thread(target=self.server.run, daemon=True)

    def now(self) -> float:
        return time.time() + self.offset

    def start(self) -> None:
        self.thread.start()
        deadline = time.monotonic() + 10
        while not self.server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        self.server.should_exit = True
        self.server.force_exit = True
        self.thread.join(10)
        self.http.close()
        self.database.close()

    def project(
        self, name: str = "", parent: str = "default", limits: Mapping[str, int] | None = None, **settings: Any
    ) -> str:
        """A project that owns `limits`: by default enough for anything here."""
        ident = uuid.uuid4().hex
        self.table.places[ident] = Place(ident, name or f"p-{ident[:6]}", "project", True, parent)
        owned = {"containers": 50, "vcpus": 20_000, "memory": 20_000} if limits is None else limits
        with self.database.write() as tx:
            ledger.ensure_path(tx, [(p.id, p.name, p.kind) for p in self.table.path(ident)])
            wanted = {resource: Limit(hard, None, settings.get("borrow", 0)) for resource, hard in owned.items()}
            ledger.set_node(tx, ROOT, ident, wanted, self.now())
        return ident

    def user(self, project_id: str | None, roles: tuple[str, ...] = MEMBER, **changes: Any) -> User:
        token = f"token-{uuid.uuid4().hex}"
        fields: dict[str, Any] = {
            "user_id": uuid.uuid4().hex,
            "user_name": "somebody",
            "project_id": project_id,
            "project_name": None,
            "domain_id": "default",
            "roles": frozenset(roles),
            "system": False,
            "expires_at": self.now() + 3600,
            **changes,
        }
        self.table.callers[token] = Caller(**fields)
        return User(self, token, project_id)

    def change(self, user: User, fields: Mapping[str, Any] | None) -> None:
        """What Keystone says of the user's token from now on; None: it is revoked."""
        if fields is None:
            del self.table.callers[user.token]
        else:
            self.table.callers[user.token] = replace(self.table.callers[user.token], **fields)

    def tenant(self, **limits: int) -> User:
        """A member of a new project."""
        return self.user(self.project(limits=limits or None))

    def admin(self) -> User:
        return self.user(self.project(), ADMIN, system=True)

    def work(self, turns: int = 50) -> None:
        """What conductors do, here and now, until there is nothing to do."""
        for _ in range(turns):
            items = work.take(self.database, "test", 50, self.now(), 60.0)
            if not items:
                return
            for item in items:
                self.controller.reconcile(item)
        raise AssertionError("the work does not end")

    def name_on_engine(self, uuid: str) -> str:
        return container_name(self.database.installation, uuid)
