"""Opens a house, and sees at its end that nothing of it is left: no process, container, volume or network."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker

from jeroboam.backends.docker import DockerBackend
from jeroboam.model.names import LABEL_INSTALLATION
from jeroboam.store.database import Database
from tests import engine as engines
from tests.e2e.house import House
from tests.e2e.people import Keystone
from tests.e2e.server import Server


@contextmanager
def opened(engine: engines.Engine, image: str, prepared: Path, data: Path) -> Iterator[House]:
    """A house on that engine; at its end nothing of it may be left."""
    shutil.copytree(prepared, data)
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
