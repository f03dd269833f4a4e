"""kill -9 between any two steps of a create and of a delete, then a restart: one container or none, and its charge."""

import base64
import multiprocessing
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jeroboam.backends.docker import DockerBackend
from jeroboam.conductor.main import Conductor
from jeroboam.conductor.secrets import SecretBox
from jeroboam.model.container import Phase
from jeroboam.model.names import container_name
from jeroboam.quota.invariants import check
from jeroboam.quota.tree import Limit
from jeroboam.settings import Settings
from jeroboam.store import ledger, objects
from jeroboam.store.audit import Actor
from jeroboam.store.database import Database
from tests import engine as engines
from tests import postgres
from tests.crash import mortal
from tests.engine import Engine, wait_until

pytestmark = pytest.mark.engine

COMMAND = ["sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done"]
MOST_MOMENTS = 80
GREETING = b"hello"

processes = multiprocessing.get_context("forkserver")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """None: where it is by default."""
    if request.param == "sqlite":
        yield None
        return
    # Empty, so that it becomes an installation of its own: another worker's has the same engine.
    with postgres.a_database(request.getfixturevalue("postgres_server")) as url:
        yield url


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, engine: Engine, image: str, database_url: str | None
) -> Iterator[mortal.House]:
    processes.set_forkserver_preload(["tests.crash.mortal"])
    settings = Settings(data=Path(tmp_path_factory.mktemp("house")), database=database_url)
    database = Database(settings.database_url)
    database.migrate()
    with database.write() as tx:
        ledger.set_capacity(tx, {"containers": -1, "vcpus": 100_000, "memory": 100_000}, 0.0)
        ledger.ensure_path(tx, [(place.id, place.name, place.kind) for place in mortal.Tree().path(mortal.PROJECT)])
        actor = Actor("admin", "admin", None, None)
        ledger.set_node(tx, actor, mortal.PROJECT, {r: Limit(-1) for r in ("containers", "vcpus", "memory")}, 0.0)
    backend = DockerBackend("engine", engine.url, database.installation)
    yield mortal.House(settings, engine.url)
    engines.clear(backend)
    backend.close()
    database.close()


def die(house: mortal.House, at: int, request: tuple[str, str, dict[str, Any] | None]) -> bool:
    """Runs the request in a process that is killed at the `at`th moment; whether it got that far."""
    process = processes.Process(target=mortal.live, args=(house, at, request))
    process.start()
    process.join(60)
    assert process.exitcode in (0, -signal.SIGKILL)
    return process.exitcode != 0


class Restarted:
    """The house after the restart: a fresh database, backend and conductor, until everything is at rest."""

    def __init__(self, house: mortal.House) -> None:
        self.database = Database(house.settings.database_url)
        self.backend = DockerBackend("engine", house.engine, self.database.installation)
        box = SecretBox.at(house.settings.data / "secret.key")
        self.conductor = Conductor(self.database, self.backend, house.settings, box)
        self.client = mortal.app_of(house, self.database, self.backend)

    def __enter__(self) -> "Restarted":
        self.conductor.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self.conductor.stop()
        self.backend.close()
        self.database.close()

    def objects(self) -> list[Any]:
        with self.database.read() as tx:
            return objects.listing(tx, "container", mortal.PROJECT)

    def phases(self) -> list[Phase]:
        return [obj.status.phase for obj in self.objects()]

    def check_at_rest(self, count: int) -> None:
        """`count` objects, all running, one container each, and the tree's counters what the claims add up to."""
        wait_until(
            lambda: (
                found := self.objects(),
                len(found) == count and all(o.status.phase is Phase.RUNNING for o in found),
            )[1],
            f"{count} containers run",
        )
        for obj in self.objects():
            name = container_name(self.database.installation, obj.id)
            assert self.backend.get_archive(name, "/greeting", 10_000).stat["size"] == len(GREETING)
            assert sorted(a.network for a in obj.status.addresses) == ["back", "front"]
        on_engine = sorted(summary.object_id for summary in self.backend.containers())
        assert on_engine == sorted(obj.id for obj in self.objects())
        with self.database.read() as tx:
            tree = ledger.tree(tx)
            assert check(tree) == []
            assert tree.nodes[mortal.PROJECT].used.get("containers", 0) == count


def a_body(image: str) -> dict[str, Any]:
    """With what an engine takes several requests for: a file, and a second network."""
    return {
        "name": "web",
        "image": image,
        "command": COMMAND,
        "cpu": 0.1,
        "memory": "16",
        "mounts": [{"type": "bind", "destination": "/greeting", "source": base64.b64encode(GREETING).decode()}],
        "nets": [{"network": "front"}, {"network": "back"}],
    }


def test_create_killed_anywhere(house: mortal.House, image: str) -> None:
    body = a_body(image)
    for at in range(1, MOST_MOMENTS):
        killed = die(house, at, ("POST", "/container/v1/containers?run=true", body))
        with Restarted(house) as restarted:
            found = restarted.objects()
            assert len(found) <= 1
            restarted.check_at_rest(len(found))
            for obj in found:
                assert restarted.client.delete(f"/container/v1/containers/{obj.id}?force=true").status_code == 204
            restarted.check_at_rest(0)
        if not killed:
            assert at > 10, "the moments are not where they are thought to be"
            return
    raise AssertionError("a create has more steps than it should")


def test_delete_killed_anywhere(house: mortal.House, image: str) -> None:
    body = a_body(image)
    for at in range(1, MOST_MOMENTS):
        with Restarted(house) as restarted:
            obj = restarted.client.post("/container/v1/containers?run=true", json=body).json()
            restarted.check_at_rest(1)
        killed = die(house, at, ("DELETE", f"/container/v1/containers/{obj['uuid']}?force=true", None))
        with Restarted(house) as restarted:
            accepted = all(found.deleting is not None for found in restarted.objects())
            restarted.check_at_rest(0 if accepted else 1)
            for found in restarted.objects():
                assert restarted.client.delete(f"/container/v1/containers/{found.id}?force=true").status_code == 204
            restarted.check_at_rest(0)
        if not killed:
            assert at > 4, "the moments are not where they are thought to be"
            return
    raise AssertionError("a delete has more steps than it should")
