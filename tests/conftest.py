"""What all tests share: one Docker Engine for a whole run, an image on it, and a label of one's own."""

import os
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from jeroboam.backends.busybox import import_busybox
from jeroboam.backends.docker import DockerBackend
from jeroboam.backends.errors import BackendError
from tests import engine as engines

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
        os.environ[engines.FOLDER] = f"{tempfile.gettempdir()}/jeroboam-engine-{uuid.uuid4().hex[:8]}"


def pytest_unconfigure(config: pytest.Config) -> None:
    if not hasattr(config, "workerinput"):
        engines.end(Path(os.environ.pop(engines.FOLDER)))


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
