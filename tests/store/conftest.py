"""A real SQLite file for every test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.store.database import Database


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/data/jeroboam.sqlite"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()
