"""What only PostgreSQL can do wrong: servers that go away, writers beside each other, notifications."""

import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import psycopg
import pytest
from sqlalchemy import URL, Connection, make_url, text

from jeroboam.model.errors import Unavailable
from jeroboam.quota.decision import Request
from jeroboam.store import events, following, ledger, postgres
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from jeroboam.store.server import unhurried
from tests import postgres as servers
from tests.engine import wait_until
from tests.store.build import an_event
from tests.store.cloud import a_cloud
from tests.store.test_concurrency import at_once


@pytest.fixture
def url(postgres_server: URL) -> Iterator[str]:
    with servers.a_database(postgres_server, servers.TEMPLATE) as made:
        yield made


@pytest.fixture
def lonely_server() -> Iterator[Path]:
    """The folder of a server that nobody else uses. Not below pytest's own: the path of a socket is short."""
    folder = Path(mkdtemp(prefix="jeroboam-postgres-"))
    folder.chmod(0o755)
    servers.start(folder)
    yield folder
    servers.end(folder)


def test_no_password_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    db = Database("postgresql://jeroboam:s3cret@127.0.0.1:1/jeroboam")
    assert "s3cret" not in repr(db)
    with pytest.raises(Unavailable) as refused:
        db.ping()
    assert "127.0.0.1" in str(refused.value)
    assert "s3cret" not in str(refused.value)
    db.signal.wait(0, 0)
    wait_until(lambda: "not_listening" in caplog.text, "the listener has failed")
    assert "s3cret" not in caplog.text
    db.close()


def test_two_that_start_at_once_on_nothing_make_one_installation(postgres_server: URL) -> None:
    with servers.a_database(postgres_server) as url:
        databases = [Database(url) for _ in range(4)]
        at_once(4, lambda n: databases[n].migrate())
        assert len({database.installation for database in databases}) == 1
        for database in databases:
            database.close()


def test_a_crash_of_the_server_in_the_middle_is_unavailable_and_passes(lonely_server: Path) -> None:
    db = Database(servers.url_of(lonely_server).render_as_string(hide_password=False))
    db.migrate()
    woken = threading.Event()
    leave = db.signal.subscribe(woken.set)
    with pytest.raises(Unavailable, match="try again"), db.write() as tx:
        _append_and_crash(tx, lonely_server)
    with pytest.raises(Unavailable), db.read():
        pytest.fail("it has no business in here")
    servers.start(lonely_server)
    with db.write() as tx:
        assert events.latest(tx) == 0
        events.append(tx, an_event())
    db.ping()
    # The listener comes back, too, and tells of what it may have missed.
    woken.clear()
    assert woken.wait(10)
    leave()
    db.close()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGQUIT])
def test_nobody_notices_a_restart_of_the_server_between_transactions(lonely_server: Path, how: signal.Signals) -> None:
    """However many connections lay in the pool."""
    db = Database(servers.url_of(lonely_server).render_as_string(hide_password=False))
    db.migrate()
    with db.read(), db.read(), db.read(), db.write() as tx:
        events.append(tx, an_event())
    servers.stop(lonely_server, how)
    servers.start(lonely_server)
    with db.write() as tx:
        events.append(tx, an_event())
    with db.read() as one, db.read() as two, db.admit() as three:
        assert [len(events.since(tx, 0, None, 10)) for tx in (one, two, three)] == [2, 2, 2]
    db.close()


def test_nobody_who_admits_notices_it_either(lonely_server: Path) -> None:
    """Their connection is kept, and its BEGIN goes with what they ask."""
    db = Database(servers.url_of(lonely_server).render_as_string(hide_password=False))
    db.migrate()
    with db.write() as tx:
        a_cloud(tx)
    admissions = Admissions(db)
    for number in range(4):
        asked = Asked(Request(f"c{number}", "team1", {"containers": 1}), "")
        assert admissions.submit(asked, 1.0, lambda _, decision: decision.outcome) == "admitted"
        if number % 2:
            servers.stop(lonely_server, signal.SIGINT)
            servers.start(lonely_server)
    with db.read() as tx:
        assert ledger.verify(tx) == []
        assert ledger.tree(tx).nodes["org"].subtree == {"containers": 4}
    db.close()


def test_a_server_that_says_nothing_any_more_is_noticed(db: Database) -> None:
    """The settings of the connection: no test cuts a wire."""
    with db.read() as tx:
        driver = tx.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        known = {one.keyword.decode(): one.val for one in driver.pgconn.info}
        assert (known["tcp_user_timeout"], known["keepalives_idle"]) == (b"30000", b"15")
        assert tx.execute(text("SHOW statement_timeout")).scalar() == "5min"
    with db.write() as tx:
        unhurried(tx)
        assert tx.execute(text("SHOW statement_timeout")).scalar() == "0"
    with db.write() as tx:
        assert tx.execute(text("SHOW statement_timeout")).scalar() == "5min"


def _append_and_crash(tx: Connection, server: Path) -> None:
    events.append(tx, an_event())
    servers.stop(server, signal.SIGQUIT)


def test_text_is_compared_by_its_bytes_whatever_the_databases_language(db: Database) -> None:
    """As on SQLite and in Python: every migration sees to its columns."""
    others = (
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()"
        " AND data_type IN ('character varying', 'text') AND collation_name IS DISTINCT FROM 'C'"
    )
    with db.read() as tx:
        assert tx.execute(text(others)).all() == []


def test_what_others_have_in_the_schema_is_left_alone(postgres_server: URL) -> None:
    with servers.a_database(postgres_server, None) as made:
        with psycopg.connect(make_url(made).set(drivername="postgresql").render_as_string(hide_password=False)) as tx:
            tx.execute("CREATE VIEW of_others AS SELECT 'a'::text AS word")
            tx.execute("CREATE TABLE theirs (word text)")
        db = Database(made)
        db.migrate()
        with db.read() as tx:
            theirs = "SELECT collation_name FROM information_schema.columns WHERE table_name = 'theirs'"
            assert tx.execute(text(theirs)).scalar_one() is None
        db.close()


def test_a_writer_waits_for_those_who_admit_and_they_wait_for_nobody_of_their_kind(db: Database) -> None:
    order: list[str] = []
    with db.admit() as one, db.admit() as two:
        for tx in (one, two):
            tx.execute(text("SELECT 1"))  # what comes first begins it
        writer = threading.Thread(target=_write, args=(db, order))
        writer.start()
        writer.join(0.2)
        order.append("admitted")
    writer.join()
    assert order == ["admitted", "written"]


def _write(db: Database, order: list[str]) -> None:
    with db.write():
        order.append("written")


def test_a_follower_waits_for_smaller_numbers_that_are_not_committed_yet(db: Database) -> None:
    """Without that, whoever has seen 2 would never see 1."""
    seen: list[int] = []
    with db.admit() as slow:
        events.append(slow, an_event())
        with db.admit() as fast:
            events.append(fast, an_event())
        with db.read() as tx:
            assert [event.seq for event in events.since(tx, 0, None, 10)] == [2]
        follower = threading.Thread(target=_follow, args=(db, seen))
        follower.start()
        follower.join(0.2)
        assert follower.is_alive()
    follower.join()
    assert seen == [1, 2]


def _follow(db: Database, seen: list[int]) -> None:
    seen.extend(event.seq for event in following.page(db, 0, None, 10))


def test_what_one_follower_has_waited_for_the_others_need_not(db: Database) -> None:
    with db.write() as tx:
        events.append_all(tx, [an_event()] * 3)
    assert len(following.page(db, 0, None, 2)) == 2
    with db.write() as tx:  # whoever had to wait now would wait for ever
        events.append(tx, an_event())
        assert [event.seq for event in following.page(db, 2, None, 10)] == [3]
        assert following.page(db, 3, None, 10) == []
        assert following.now(db) == 3
    assert [event.seq for event in following.page(db, 0, None, 10)] == [1, 2, 3, 4]


def test_what_is_committed_once_the_mark_is_known_is_told_the_next_time(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 is known to be settled. 2 is on its way while 3 is committed: 3 must not be told before 2."""
    with db.write() as tx:
        events.append(tx, an_event())
    with db.admit() as slow, monkeypatch.context() as patch:
        patch.setattr(db.settled, "reach", lambda seq, find_out: _beside(slow, db, seq))
        assert [event.seq for event in following.page(db, 0, None, 10)] == [1]
    assert [event.seq for event in following.page(db, 1, None, 10)] == [2, 3]


def _beside(slow: Connection, db: Database, mark: int) -> int:
    events.append(slow, an_event())
    with db.admit() as fast:
        events.append(fast, an_event())
    return mark


def test_a_writer_that_waits_too_long_is_told(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_OPTIONS", ("-c lock_timeout=50",))
    db = Database(url)
    with db.write(), pytest.raises(Unavailable, match="try again"), db.write():
        pytest.fail("it has no business in here")
    db.close()


def test_who_rests_for_too_long_in_a_transaction_is_told_so(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "_OPTIONS", ("-c idle_in_transaction_session_timeout=50",))
    db = Database(url)
    with pytest.raises(Unavailable, match="idle-in-transaction"), db.write() as tx:
        _rest(tx)
    db.close()


def _rest(tx: Connection) -> None:
    threading.Event().wait(0.2)
    events.latest(tx)


@pytest.fixture
def peculiar(url: str) -> Iterator[Database]:
    """A server whose defaults are others than we need, and a URL with settings of its own."""
    name = make_url(url).database
    with psycopg.connect(url, autocommit=True) as connection:
        for setting in (
            "synchronous_commit = off",
            "default_transaction_isolation = 'serializable'",
            "default_transaction_read_only = on",
        ):
            connection.execute(f'ALTER DATABASE "{name}" SET {setting}')  # type: ignore[call-overload]
    db = Database(f"{url}&options=-c%20work_mem=7MB%20-c%20synchronous_commit=off&connect_timeout=3")
    yield db
    db.close()


def shown(tx: Connection, setting: str) -> str:
    return str(tx.execute(text(f"SHOW {setting}")).scalar())


def test_commits_are_durable_and_writers_see_the_last_one_whatever_the_servers_defaults(peculiar: Database) -> None:
    for writing in (peculiar.write, peculiar.admit):
        with writing() as tx:
            assert shown(tx, "synchronous_commit") == "on"
            assert shown(tx, "transaction_isolation") == "read committed"
            assert shown(tx, "transaction_read_only") == "off"


def test_settings_of_the_url_are_kept(peculiar: Database) -> None:
    with peculiar.read() as tx:
        assert (shown(tx, "work_mem"), shown(tx, "jit"), shown(tx, "lock_timeout")) == ("7MB", "off", "30s")
        driver = tx.connection.driver_connection
        assert isinstance(driver, psycopg.Connection)
        assert driver.info.get_parameters()["connect_timeout"] == "3"


def test_a_url_with_options_is_listened_to(peculiar: Database, caplog: pytest.LogCaptureFixture) -> None:
    assert peculiar.signal.wait(0, 10) > 0
    assert "not_listening" not in caplog.text


def test_two_writers_that_wait_for_each_other_lose_no_update(peculiar: Database) -> None:
    """The second begins while the first is at work, and counts on what that has written."""
    threads = []
    with peculiar.write() as tx:
        events.append(tx, an_event())
        threads = [threading.Thread(target=_append_another, args=(peculiar,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        threads[0].join(0.2)
    for thread in threads:
        thread.join()
    with peculiar.read() as tx:
        assert [event.message for event in events.since(tx, 0, None, 10)][1:] == ["1 before", "2 before"]


def _append_another(db: Database) -> None:
    with db.write() as tx:
        events.append(tx, an_event(message=f"{events.latest(tx)} before"))
