import asyncio
import multiprocessing
import os
import re
import threading
import time
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from jeroboam.model.errors import Unavailable
from jeroboam.store import events, migrations, objects
from jeroboam.store.database import Database
from tests.store.build import an_event, an_object
from tests.store.test_concurrency import at_once


def append_and_fail(tx: Connection) -> None:
    events.append(tx, an_event())
    raise ZeroDivisionError


def test_migrations_lead_to_the_schema(db: Database) -> None:
    with db.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), migrations.METADATA) == []


def test_head_is_the_newest_script() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_migrating_again_keeps_everything_and_is_quick(db: Database, url: str) -> None:
    assert re.fullmatch("[0-9a-f]{8}", db.installation)
    with db.write() as tx:
        events.append(tx, an_event())
    again = Database(url)
    started = time.perf_counter()
    again.migrate()
    assert time.perf_counter() - started < 0.3
    assert again.installation == db.installation
    with again.read() as tx:
        assert events.latest(tx) == 1
    again.close()


def test_two_that_start_at_once_make_one_installation(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    at_once(4, lambda n: databases[n].migrate())
    assert len({database.installation for database in databases}) == 1
    for database in databases:
        database.close()


def test_a_newer_versions_database_is_left_alone(db: Database, url: str) -> None:
    with db.write() as tx:
        tx.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match=r"newer version.*9999"):
        Database(url).migrate()


def test_an_exception_rolls_everything_back(db: Database) -> None:
    with pytest.raises(ZeroDivisionError), db.write() as tx:
        append_and_fail(tx)
    with db.read() as tx:
        assert events.latest(tx) == 0


def test_a_failed_commit_leaves_nothing_and_the_next_one_works(db: Database) -> None:
    with pytest.raises(IntegrityError), db.write() as tx:
        # An action of an object that is never written: noticed at the commit.
        tx.execute(
            text(
                "INSERT INTO actions (object_id, action, request_id, user_id, project_id, started_at)"
                " VALUES ('none', 'a', 'r', 'u', 'p', 1)"
            )
        )
    with db.write() as tx:
        events.append(tx, an_event())
    with db.read() as tx:
        assert tx.execute(text("SELECT count(*) FROM actions")).scalar() == 0
        assert events.latest(tx) == 1


def test_a_reader_sees_one_snapshot_and_never_waits_for_a_writer(db: Database) -> None:
    with db.read() as reader:
        assert events.latest(reader) == 0
        with db.write() as tx:
            events.append(tx, an_event())
        assert events.latest(reader) == 0
    with db.read() as reader:
        assert events.latest(reader) == 1


def test_ping(db: Database) -> None:
    db.ping()
    with db.write() as tx:
        tx.execute(text("ALTER TABLE installation RENAME TO gone"))
    with pytest.raises(Unavailable):
        db.ping()


# hearing of commits


def listening(db: Database) -> int:
    """The counter, once a server that has to be listened to is: what came before is told then, as one commit."""
    return db.signal.wait(0, 10 if db.remote else 0)


def test_a_commit_wakes_who_waits(db: Database) -> None:
    seen = listening(db)
    woken = threading.Event()

    def wait() -> None:
        db.signal.wait(seen, 60)
        woken.set()

    waiter = threading.Thread(target=wait)
    waiter.start()
    with db.write() as tx:
        events.append(tx, an_event())
    assert woken.wait(10)
    waiter.join()


def test_what_was_committed_before_the_wait_is_noticed_by_the_counter(db: Database) -> None:
    seen = listening(db)
    with db.write() as tx:
        events.append(tx, an_event())
    assert db.signal.wait(seen, 60) == seen + 1


def test_a_rollback_wakes_nobody_and_a_quiet_write_neither(db: Database) -> None:
    seen = listening(db)
    with pytest.raises(ZeroDivisionError), db.write():
        raise ZeroDivisionError
    with db.write(notify=False):
        pass
    assert db.signal.wait(-1, 0) == seen


def test_subscribers_are_called_until_they_leave(db: Database) -> None:
    calls: list[int] = []
    listening(db)
    leave = db.signal.subscribe(lambda: calls.append(1))
    with db.write():
        pass
    leave()
    with db.write():
        pass
    assert calls == [1]


def test_a_subscriber_that_is_gone_does_not_spoil_a_commit(db: Database) -> None:
    loop = asyncio.new_event_loop()

    def call() -> None:
        loop.call_soon_threadsafe(print)

    leave = db.signal.subscribe(call)
    loop.close()
    with db.write() as tx:
        events.append(tx, an_event())
    leave()
    with db.read() as tx:
        assert events.latest(tx) == 1


def _append_event(url: str) -> None:
    db = Database(url)
    with db.write() as tx:
        events.append(tx, an_event())
    db.close()


def test_another_processs_commit_is_noticed_within_seconds(db: Database, url: str) -> None:
    woken = threading.Event()
    leave = db.signal.subscribe(woken.set)
    other = multiprocessing.get_context("spawn").Process(target=_append_event, args=(url,))
    other.start()
    other.join()
    assert woken.wait(5)
    leave()


def _die_in_the_middle(url: str) -> None:
    db = Database(url)
    with db.write() as tx:
        events.append(tx, an_event())
        objects.insert(tx, an_object(), None)
        os.kill(os.getpid(), 9)


def test_a_killed_writer_leaves_nothing_half_done_and_blocks_nobody(db: Database, url: str) -> None:
    other = multiprocessing.get_context("spawn").Process(target=_die_in_the_middle, args=(url,))
    other.start()
    other.join()
    assert other.exitcode == -9
    with db.write() as tx:
        assert events.latest(tx) == 0
        assert objects.count(tx, "container") == 0
        events.append(tx, an_event())
