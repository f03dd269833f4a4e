"""One cloud for all API tests of a process: every test takes projects of its own in it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.cloud import Cloud, User


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    folder: Path = tmp_path_factory.mktemp("cloud")
    cloud = Cloud(folder)
    cloud.start()
    yield cloud
    cloud.stop()


@pytest.fixture
def user(cloud: Cloud) -> User:
    """A member of a project with room."""
    return cloud.tenant()
