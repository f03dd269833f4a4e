"""A house whose conductor works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conductor.house import House, running


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with running(House(tmp_path)) as house:
        yield house
