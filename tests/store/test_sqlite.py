"""What only SQLite can do wrong: files, modes, pragmas, one writer."""

import sqlite3
import stat
from pathlib import Path

import pytest
from sqlalchemy import text

from jeroboam.model.errors import Unavailable
from jeroboam.store import events, objects, sqlite
from jeroboam.store.database import Database
from tests.store.build import an_event, an_object
from tests.store.conftest import sqlite_url


@pytest.fixture
def url(tmp_path: Path) -> str:
    return sqlite_url(tmp_path)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_folder_and_files_are_the_owners_alone(db: Database, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    assert mode(folder) == 0o700
    with db.write() as tx:
        events.append(tx, an_event())
        names = {path.name: mode(path) for path in folder.iterdir()}
    assert set(names) == {"jeroboam.sqlite", "jeroboam.sqlite-wal", "jeroboam.sqlite-shm"}
    assert set(names.values()) == {0o600}


def test_commits_are_durable_by_pragma(db: Database) -> None:
    with db.write() as tx:
        found = {p: tx.execute(text(f"PRAGMA {p}")).scalar() for p in ("journal_mode", "synchronous", "foreign_keys")}
    assert found == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}


def test_busy_is_unavailable_and_passes(url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(sqlite, "BUSY_SECONDS", 0.05)
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("PRAGMA busy_timeout = 50",))
    db = Database(url)
    db.migrate()
    other = sqlite3.connect(tmp_path / "data/jeroboam.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable, match="cannot use the database: database is locked; try again"), db.write():
        pytest.fail("it has no business in here")
    other.execute("ROLLBACK")
    with db.write() as tx:
        events.append(tx, an_event())
    other.close()
    db.close()


def test_a_full_disk_is_unavailable_and_passes(db: Database) -> None:
    with db.read() as tx:
        pages = tx.execute(text("PRAGMA page_count")).scalar_one()
    obj = an_object(name="x" * 255)
    with db.write() as tx:
        tx.execute(text(f"PRAGMA max_page_count = {pages + 2}"))  # of this connection, which is the next one again
    with pytest.raises(Unavailable, match="full"), db.write() as tx:
        events.append_all(tx, [an_event(message="m" * 500)] * 500)
    with db.write() as tx:
        tx.execute(text("PRAGMA max_page_count = 1073741823"))
        objects.insert(tx, obj, None)
    with db.read() as tx:
        assert objects.find(tx, obj.id) == obj
        assert events.latest(tx) == 0


def test_what_is_no_database_is_unavailable(tmp_path: Path) -> None:
    path = tmp_path / "jeroboam.sqlite"
    path.write_bytes(b"not a database at all " * 100)
    with pytest.raises(Unavailable, match="not a database"):
        Database(f"sqlite:///{path}").migrate()


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///main.sqlite"])
def test_only_a_file_will_do(url: str) -> None:
    with pytest.raises(Unavailable, match="give sqlite:////path/of/file"):
        Database(url)


def test_a_folder_that_cannot_be_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unavailable, match="cannot open the database"):
        Database(f"sqlite:///{tmp_path}/file/jeroboam.sqlite")
