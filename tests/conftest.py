"""What all tests share: one Docker Engine for a whole run, an image on it, and a label of one's own."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import URL

from jeroboam.backends.busybox import import_busybox
from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.errors import BackendError
from jeroboam.store.database import Database
from tests import engine as engines
from tests import postgres

pytest_plugins = ["tests.keystone"]


def pytest_configure(config: pytest.Config) -> None:
    """The process that starts the run owns the engine's folder; workers inherit its name."""
    # To where pytest catches it, and shows it only with a test that failed.
    structlog.configure(
        processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer(key_order=["event"])],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    if not hasattr(config, "workerinput"):
        for folder, what in ((engines.FOLDER, "engine"), (postgres.FOLDER, "postgres")):
            os.environ[folder] = f"{tempfile.gettempdir()}/jeroboam-{what}-{uuid.uuid4().hex[:8]}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        engines.end(Path(os.environ.pop(engines.FOLDER)))
        postgres.end(Path(os.environ.pop(postgres.FOLDER)))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    from tests.workers import ByFolder

    return ByFolder(config, log) if config.getvalue("dist") == "loadgroup" else None


@pytest.fixture(scope="session")
def engine() -> engines.Engine:
    """A real Docker Engine. Fails, with what to install, where there is none."""
    try:
        return engines.obtain(Path(os.environ[engines.FOLDER]))
    except engines.NoEngine as error:
        pytest.fail(str(error), pytrace=False)


@pytest.fixture(scope="session")
def postgres_server() -> URL:
    """A real PostgreSQL with a template of an empty store. Fails, with what to install, where there is none."""
    folder = Path(os.environ[postgres.FOLDER])
    try:
        server = postgres.obtain(folder)
    except postgres.NoPostgres as error:
        pytest.fail(str(error), pytrace=False)
    with engines.alone(folder):
        if not postgres.exists(server, postgres.TEMPLATE):
            postgres.make(server, postgres.TEMPLATE)
            database = Database(server.set(database=postgres.TEMPLATE).render_as_string(hide_password=False))
            database.migrate()
            database.close()
    return server


@pytest.fixture(scope="session")
def image(engine: engines.Engine) -> str:
    """The reference of a busybox image on the engine."""
    try:
        # Two workers that import at once would make two images, and the tag would move under the first.
        with engines.alone(Path(os.environ[engines.FOLDER])):
            import_busybox(engine.url, engines.IMAGE)
    except BackendError as error:
        pytest.fail(str(error), pytrace=False)
    return engines.IMAGE


@pytest.fixture(scope="session")
def installation() -> str:
    """A label of this process's own: several suites can share one engine."""
    return f"t{uuid.uuid4().hex[:8]}"


@pytest.fixture(scope="session")
def docker_backend(engine: engines.Engine, installation: str) -> Iterator[DockerBackend]:
    """A backend on the real engine; all that it made is removed at the end."""
    backend = DockerBackend("engine", engine.url, installation)
    yield backend
    engines.clear(backend)
    backend.close()


@pytest.fixture(scope="session")
def subnets() -> Iterator[str]:
    """Subnets to take, each small and its own: `next(subnets)`."""
    return engines.random_subnets()
