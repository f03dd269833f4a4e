"""A private registry on the engine's loopback: Debian's docker-registry with one user."""

import shutil
import subprocess
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bcrypt
import docker
import pytest

from jeroboam.backends.data import Credentials
from tests.engine import Engine, wait_until

USER, PASSWORD = "tenant", f"secret-{uuid.uuid4().hex}"

_CONFIG = """
version: 0.1
log: {{level: warn}}
storage: {{filesystem: {{rootdirectory: {folder}/blobs}}}}
http: {{addr: 127.0.0.1:{port}}}
auth: {{htpasswd: {{realm: test, path: {folder}/htpasswd}}}}
"""


class Registry:
    """`address` is `host:port`, as in an image's name."""

    def __init__(self, engine: Engine, address: str) -> None:
        self.address = address
        self._client = docker.APIClient(engine.url, version="auto")

    def credentials(self, password: str = PASSWORD) -> Credentials:
        return Credentials(self.address, USER, password)

    def push(self, image: str, name: str) -> str:
        """Puts a local image into the registry and forgets it on the engine. Returns what to pull."""
        repository = f"{self.address}/{name}"
        self._client.tag(image, repository, "1")
        auth = {"username": USER, "password": PASSWORD}
        for line in self._client.push(repository, "1", stream=True, decode=True, auth_config=auth):
            assert "error" not in line, line
        self.forget(f"{repository}:1")
        return f"{repository}:1"

    def forget(self, reference: str) -> None:
        self._client.remove_image(reference)


@contextmanager
def private_registry(engine: Engine, folder: Path, port: int) -> Iterator[Registry]:
    """Fails where Debian's package is not installed."""
    binary = shutil.which("docker-registry")
    if binary is None:
        pytest.fail("no registry to test pulls with: apt-get install docker-registry", pytrace=False)
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    (folder / "htpasswd").write_text(f"{USER}:{hashed}\n")
    (folder / "config.yml").write_text(_CONFIG.format(folder=folder, port=port))
    enter = [] if engine.namespace is None else ["nsenter", "--target", str(engine.namespace), "--net"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([*enter, binary, "serve", str(folder / "config.yml")], stdout=log, stderr=log)
    try:
        wait_until(lambda: _listens(engine, port), "the registry listens")
        yield Registry(engine, f"127.0.0.1:{port}")
    finally:
        process.terminate()
        process.wait(10)


def _listens(engine: Engine, port: int) -> bool:
    try:
        engine.connect("127.0.0.1", port).close()
    except OSError:
        return False
    return True
