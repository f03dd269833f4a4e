"""One cloud for all tests of this folder; each works in an organisation of its own, so that none disturbs another."""

from collections.abc import Iterator

import pytest

from tests.keystone import RunningKeystone
from tests.plugin.cloud import Cloud, running


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All in one worker: the cloud is made once."""
    for item in items:
        if item.path.parent.name == "plugin":
            item.add_marker(pytest.mark.xdist_group("plugin"))


@pytest.fixture(scope="session")
def cloud(keystone: RunningKeystone, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    with running(keystone, tmp_path_factory.mktemp("plugin")) as started:
        yield started
