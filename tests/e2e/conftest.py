"""One server for the whole folder: it is started, killed and questioned, and at the end nothing of it may be left."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest

from jeroboam.backends.docker import DockerBackend
from jeroboam.model.names import LABEL_INSTALLATION
from jeroboam.store.database import Database
from tests import engine as engines
from tests.e2e.house import House
from tests.e2e.people import Keystone, Org, Person
from tests.e2e.server import Server


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.engine)
    item.add_marker(pytest.mark.keystone)


@pytest.fixture(scope="session")
def house(
    engine: engines.Engine, image: str, prepared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Everything, running."""
    data = tmp_path_factory.mktemp("e2e") / "data"
    shutil.copytree(prepared_data, data)
    server = Server.on(data, engine.url)
    client = docker.APIClient(engine.url, version="auto")
    try:
        server.start()
        yield House(server, engine, client, image, _installation(server), Keystone(server))
    finally:
        left = server.stop()
        _nothing_stays(server, client)
        client.close()
    assert not left, f"these processes outlived the server: {left}"


def _installation(server: Server) -> str:
    database = Database(f"sqlite:///{server.data / 'jeroboam.sqlite'}")
    try:
        return database.installation
    finally:
        database.close()


def _nothing_stays(server: Server, client: docker.APIClient) -> None:
    """Each test has deleted its containers and volumes; networks stay a while for their project's next container."""
    installation = _installation(server)
    ours = {"label": f"{LABEL_INSTALLATION}={installation}"}
    left = [c["Names"] for c in client.containers(all=True, filters=ours)]
    volumes = [v["Name"] for v in client.volumes(filters=ours)["Volumes"] or []]
    backend = DockerBackend("engine", server.engine, installation)
    engines.clear(backend)
    backend.close()
    assert not client.networks(filters=ours)
    assert not left, f"these containers outlived their tests: {left}"
    assert not volumes, f"these volumes outlived their tests: {volumes}"


@pytest.fixture
def make_org(house: House) -> Iterator[Callable[..., Org]]:
    """Makes organisations; what their teams have is deleted afterwards, and not even a charge may be left."""
    made: list[Org] = []

    def make(*teams: str) -> Org:
        made.append(house.people.org(*(teams or ("team1", "team2"))))
        return made[-1]

    yield make
    house.clear([person for org in made for person in (*org.teams.values(), org.manager)])


@pytest.fixture(scope="session")
def example(house: House) -> Org:
    """The organisation that every fresh house has: 16 containers, 8 for each of its teams."""
    return Org(house.people.manager.project_id, house.people.manager, house.people.members)


@pytest.fixture
def team1(house: House, example: Org) -> Iterator[Person]:
    """A member of team1, whose project is empty before and after."""
    yield example["team1"]
    house.clear([example["team1"]])


@pytest.fixture
def team2(house: House, example: Org) -> Iterator[Person]:
    yield example["team2"]
    house.clear([example["team2"]])
