"""A real database for every test: on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from jeroboam.store.database import Database
from tests import postgres


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Of a database that holds nothing yet, but on PostgreSQL an empty store."""
    with _a_url(request, tmp_path) as made:
        yield made


@contextmanager
def _a_url(request: pytest.FixtureRequest, folder: Path) -> Iterator[str]:
    if request.param == "sqlite":
        yield sqlite_url(folder)
        return
    with postgres.a_database(request.getfixturevalue("postgres_server"), postgres.TEMPLATE) as made:
        yield made


def sqlite_url(folder: Path) -> str:
    return f"sqlite:///{folder}/data/jeroboam.sqlite"


@pytest.fixture
def db(url: str) -> Iterator[Database]:
    yield from _migrated(url)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One for all tests of a file, which undo what they do."""
    with _a_url(request, tmp_path_factory.mktemp("shared")) as url:
        yield from _migrated(url)


def _migrated(url: str) -> Iterator[Database]:
    database = Database(url)
    database.migrate()
    yield database
    database.close()
