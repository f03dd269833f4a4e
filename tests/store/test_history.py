"""History in the database: what is written, once, how it is rolled up, forgotten, and read across gaps."""

import threading
import time

import pytest
from sqlalchemy import func, select

from jeroboam.quota.rollup import HOUR, MINUTE, floor
from jeroboam.quota.tree import Limit
from jeroboam.store import history, ledger
from jeroboam.store.database import Database
from jeroboam.store.history import taking
from jeroboam.store.history_schema import hours, minutes, series
from tests.store.cloud import ADMIN, a_cloud, ask, ask_many, change

T = 1_700_002_800.0
"""On the hour."""
DAY = 86400.0


@pytest.fixture(autouse=True)
def a_tree(db: Database) -> None:
    with db.write() as tx:
        a_cloud(tx)


def run(db: Database, team: str, count: int, now: float) -> list[str]:
    with db.write() as tx:
        return [claim for claim, _ in ask_many(tx, team, count, now)]


def end(db: Database, claims: list[str], now: float) -> None:
    with db.write() as tx:
        for claim in claims:
            ledger.release(tx, claim, now)


def sampled(db: Database, at: float) -> int:
    """What housekeeping does."""
    taken = history.take(db, at)
    history.roll(db, at)
    return taken


def counts(db: Database) -> tuple[int, ...]:
    """Rows of series, minutes, hours."""
    with db.read() as tx:
        return tuple(tx.execute(select(func.count()).select_from(t)).scalar_one() for t in (series, minutes, hours))


def read(db: Database, node: str, since: float, until: float, step: float = MINUTE, now: float = 9e9) -> list[tuple]:
    """(seconds after `since`, mean used, most used) of containers."""
    with db.read() as tx:
        found = history.read(tx, [node], since, until, step, now, "containers")
    return [(at - since, span.total.used / span.minutes, span.most.used) for one in found for at, span in one.points]


# taking


def test_rows_are_written_where_figures_differ_and_nowhere_else(db: Database) -> None:
    run(db, "team1", 2, T)
    assert sampled(db, T + 3) == 4  # team1, Org, Default, the cloud
    run(db, "team2", 10, T)
    assert sampled(db, T + 65) == 5  # team2 borrows from team1: all but nobody
    assert counts(db)[:2] == (5, 9)


def test_an_idle_cloud_costs_no_rows_and_no_look_at_its_tree(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    run(db, "team1", 2, T)
    sampled(db, T)
    before = counts(db)

    def loaded(_: object) -> None:
        raise AssertionError("the tree was loaded")

    def written() -> None:
        raise AssertionError("something was written")

    monkeypatch.setattr(taking, "sample", loaded)
    with monkeypatch.context() as patch:
        patch.setattr(db, "write", written)
        for minute in range(1, 59):
            assert history.take(db, T + minute * MINUTE) == 0
    assert counts(db) == before
    run(db, "team1", 1, T)
    with pytest.raises(AssertionError, match="was loaded"):
        history.take(db, T + HOUR)


def test_whatever_changes_the_ledger_changes_its_mark(db: Database) -> None:
    """Each of these alone, and two that cancel each other out."""
    seen = []

    def look() -> None:
        with db.read() as tx:
            seen.append(ledger.version(tx))
            assert ledger.version(tx) == seen[-1]

    look()
    (claim,) = run(db, "team1", 1, 1.0)
    look()
    end(db, [claim], 2.0)
    (claim,) = run(db, "team1", 1, 3.0)
    look()
    with db.write() as tx:
        ledger.resize(tx, claim, {"containers": 2}, 4.0)
    look()
    with db.write() as tx:
        ledger.evicted(tx, claim, 5.0)
    look()
    with db.write() as tx:
        ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 1}, 8.0, 6.0)
    look()
    with db.write() as tx:
        ledger.due(tx, 9.0)
    look()
    with db.write() as tx:
        ledger.set_node(tx, ADMIN, "team1", change(lend=3), 10.0)
    look()
    with db.write() as tx:
        ledger.set_capacity(tx, {"containers": 90}, 11.0)
    look()
    with db.write() as tx:
        ledger.ensure_path(tx, [("team3", "team3", "project"), ("org", "Org", "project"), ("default", "D", "domain")])
    look()
    (claim,) = run(db, "team1", 1, 19.0)
    run(db, "team1", 1, 20.0)
    look()
    with db.write() as tx:  # by a clock that is behind
        ledger.resize(tx, claim, {"containers": 3}, 12.0)
    look()
    assert len(set(seen)) == len(seen) == 12


def test_one_sample_a_minute(db: Database) -> None:
    run(db, "team1", 2, T)
    assert history.take(db, T + 1) == 4
    run(db, "team1", 1, T)
    assert history.take(db, T + 59.9) == 0
    assert history.take(db, T + 60) == 4
    assert read(db, "team1", T, T + 120) == [(0, 2, 2), (60, 3, 3)]


@pytest.mark.parametrize("first", [True, False], ids=["the first sample of all", "a later one"])
def test_two_conductors_at_once_write_one_sample(
    db: Database, url: str, monkeypatch: pytest.MonkeyPatch, first: bool
) -> None:
    """Both have looked before either writes."""
    if not first:
        run(db, "team2", 1, T)
        history.take(db, T - MINUTE)
    run(db, "team1", 2, T)
    gate, taken = threading.Barrier(2, timeout=10), []

    def looked(at: float, span: float) -> float:
        if span == HOUR:
            gate.wait()
        return floor(at, span)

    monkeypatch.setattr(taking, "floor", looked)
    other = Database(url)
    threads = [threading.Thread(target=lambda one=one: taken.append(history.take(one, T + 1))) for one in (db, other)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    other.close()
    assert sorted(taken) == [0, 4]
    assert read(db, "team1", T, T + 60) == [(0, 2, 2)]


def test_a_conductor_whose_clock_is_behind_writes_nothing_into_hours_that_are_made(db: Database) -> None:
    run(db, "team1", 1, T)
    sampled(db, T)
    history.roll(db, T + HOUR)
    run(db, "team1", 1, T)
    assert history.take(db, T + HOUR - 1) == 0
    assert history.take(db, T + HOUR) == 4


def test_a_conductor_whose_clock_is_ahead_stops_history_for_nobody_and_forgets_nothing(db: Database) -> None:
    if not db.remote:
        pytest.skip("who shares a file shares a clock")
    now = floor(time.time(), MINUTE)
    run(db, "team1", 1, T)
    sampled(db, now - 2 * HOUR)
    run(db, "team1", 1, T)
    before = counts(db)
    assert sampled(db, now + 400 * DAY) == 0
    assert counts(db) == before
    assert sampled(db, now + MINUTE) == 4
    assert read(db, "team1", now - HOUR, now + 2 * MINUTE) == [(0, 1, 1), (HOUR + MINUTE, 2, 2)]


# hours


def test_hours_are_exact_and_made_once(db: Database) -> None:
    """2 for 15 minutes, 5 for 40, none for 5: 230 unit-minutes."""
    first = run(db, "team1", 2, T)
    sampled(db, T)
    more = run(db, "team1", 3, T)
    sampled(db, T + 15 * MINUTE)
    end(db, first + more, T)
    sampled(db, T + 55 * MINUTE)
    assert counts(db)[2] == 0
    sampled(db, T + HOUR)
    sampled(db, T + 2 * HOUR)
    made = counts(db)
    sampled(db, T + 9 * HOUR)
    assert counts(db) == made
    assert read(db, "team1", T, T + 9 * HOUR, HOUR) == [(0, 230 / 60, 5), (HOUR, 0, 0)]
    with db.read() as tx:
        (row,) = tx.execute(select(hours.c.used, hours.c.used_max).where(hours.c.at == T).distinct()).all()
    assert tuple(row) == (230, 5)


def test_hours_are_the_same_before_and_after_they_are_made(db: Database) -> None:
    """Whoever reads the last hours must not see other figures than who reads them next week."""
    claims: list[str] = []
    for number in range(40):
        claims += run(db, ("team1", "team2")[number % 2], 1, T)
        if number % 3:
            end(db, [claims.pop(0)], T)
        history.take(db, T + number * 17 * MINUTE)
        if number == 10:
            history.roll(db, T + number * 17 * MINUTE)
    now = T + 12 * HOUR
    before = [read(db, node, T, now, HOUR, now) for node in ("team1", "org", "cloud")]
    history.roll(db, now)
    assert [read(db, node, T, now, HOUR, now) for node in ("team1", "org", "cloud")] == before
    assert len(before[1]) > 8


def test_the_hour_that_runs_is_as_long_as_it_has_been(db: Database) -> None:
    run(db, "team1", 4, T)
    sampled(db, T)
    run(db, "team1", 2, T)
    sampled(db, T + HOUR + 10 * MINUTE)
    # 10 minutes of 4, and the 5 that have begun of 6.
    assert read(db, "team1", T, T + 9 * HOUR, HOUR, T + HOUR + 14.5 * MINUTE) == [(0, 4, 4), (HOUR, 70 / 15, 6)]


def test_hours_after_a_long_rest(db: Database) -> None:
    """No conductor ran for five days: figures hold until somebody has looked again."""
    claims = run(db, "team1", 4, T)
    sampled(db, T)
    end(db, claims, T)
    sampled(db, T + 5 * DAY + 30 * MINUTE)
    sampled(db, T + 5 * DAY + 3 * HOUR)
    found = read(db, "team1", T, T + 6 * DAY, HOUR)
    assert found == [(0, 4, 4), (5 * DAY, 2, 4), (5 * DAY + HOUR, 0, 0)]
    assert read(db, "team1", T, T + 5 * DAY + HOUR, HOUR) == found[:2]


# reading


def test_a_point_holds_until_the_next_one(db: Database) -> None:
    """Whatever the window begins or ends with, the last row before it counts."""
    run(db, "team1", 2, T)
    sampled(db, T)
    run(db, "team1", 1, T)
    sampled(db, T + 40 * MINUTE)
    assert read(db, "team1", T + 10 * MINUTE, T + 20 * MINUTE) == [(0, 2, 2)]
    assert read(db, "team1", T + 10 * MINUTE, T + HOUR) == [(0, 2, 2), (30 * MINUTE, 3, 3)]
    assert read(db, "team1", T + 10 * MINUTE, T + 40 * MINUTE) == [(0, 2, 2)]
    assert read(db, "team1", T + 40 * MINUTE, T + 41 * MINUTE) == [(0, 3, 3)]
    assert read(db, "team1", T + 20 * HOUR, T + 21 * HOUR) == [(0, 3, 3)]


def test_there_is_nothing_before_it_began_and_nothing_of_the_future(db: Database) -> None:
    assert read(db, "team1", T, T + HOUR) == []
    run(db, "team1", 2, T)
    sampled(db, T + 10 * MINUTE)
    now = T + 20 * MINUTE
    # The first sample counts for the hour that it falls into.
    assert read(db, "team1", T - DAY, T + DAY, HOUR, now) == [(DAY, 2, 2)]
    assert read(db, "team1", T - DAY, T - HOUR) == []
    assert read(db, "team1", T + HOUR, T + 2 * HOUR, now=now) == []
    assert read(db, "team2", T, T + HOUR) == []


def test_a_project_that_comes_later_began_with_nothing(db: Database) -> None:
    run(db, "team1", 2, T)
    sampled(db, T)
    run(db, "team2", 1, T)
    sampled(db, T + 30 * MINUTE)
    assert read(db, "team2", T, T + HOUR) == [(0, 0, 0), (30 * MINUTE, 1, 1)]
    sampled(db, T + 2 * HOUR)
    assert read(db, "team2", T, T + 2 * HOUR, HOUR) == [(0, 0.5, 1), (HOUR, 1, 1)]


def test_what_is_borrowed_lent_and_waited_for_is_read_back(db: Database) -> None:
    run(db, "team1", 4, T)
    run(db, "team2", 12, T)
    with db.write() as tx:
        ask(tx, "team2", 3, T, shortage="wait")
    sampled(db, T)
    with db.read() as tx:
        found = history.read(tx, ["team1", "team2"], T, T + MINUTE, MINUTE, T)
    assert [(s.node_id, s.resource, tuple(s.points[0][1].total)) for s in found] == [
        ("team1", "containers", (4, 0, 4, 0)),
        ("team2", "containers", (12, 4, 0, 3)),
    ]


# forgetting


def test_minutes_are_kept_for_a_day_and_hours_for_a_quarter(db: Database) -> None:
    for hour in range(4):
        run(db, "team1", 1, T)
        sampled(db, T + hour * HOUR)
    sampled(db, T + DAY)
    assert read(db, "team1", T, T + 4 * HOUR) == [(n * HOUR, n + 1, n + 1) for n in range(4)]
    # Of the first three one is left that holds where the day that is kept begins.
    sampled(db, T + DAY + 3.5 * HOUR)
    assert counts(db)[1] == 4 * 2
    assert read(db, "team1", T + 2 * HOUR, T + 4 * HOUR) == [(0, 3, 3), (HOUR, 4, 4)]
    assert len(read(db, "team1", T, T + 4 * HOUR, HOUR)) == 4
    sampled(db, T + 93 * DAY)
    assert counts(db) == (4, 4, 4)
    assert read(db, "team1", T + 92 * DAY, T + 93 * DAY, HOUR) == [(0, 4, 4)]


def test_who_has_been_idle_for_a_quarter_leaves_no_trace(db: Database) -> None:
    claims = run(db, "team1", 2, T)
    sampled(db, T)
    end(db, claims, T)
    sampled(db, T + 10 * MINUTE)
    sampled(db, T + DAY + 2 * HOUR)
    assert counts(db) == (4, 0, 8)
    sampled(db, T + 93 * DAY)
    assert counts(db) == (0, 0, 0)
    with db.write() as tx:
        ledger.set_node(tx, ADMIN, "team1", {"containers": Limit(7, None, 0)}, T)
    run(db, "team1", 1, T)
    assert sampled(db, T + 93 * DAY + MINUTE) == 4
