"""A real database for every test: on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.store.database import Database
from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database that holds nothing yet, but on PostgreSQL an empty store."""
    if request.param == "sqlite":
        yield sqlite_url(tmp_path)
        return
    with postgres.a_database(request.getfixturevalue("postgres_server"), postgres.TEMPLATE) as made:
        yield made


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/data/jeroboam.sqlite"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()
