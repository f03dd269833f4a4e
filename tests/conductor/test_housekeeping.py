"""What is done once a minute, with a clock of the test's own; nothing runs beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.conductor.housekeeping import Housekeeping
from jeroboam.conductor.main import until_next_minute
from jeroboam.quota.rollup import HOUR, MINUTE
from jeroboam.store import history
from tests.conductor.house import House

T = 1_800_000_000.0
"""On the hour."""


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    house.backend.close()
    house.database.close()


def used(house: House, step: float, now: float) -> list[tuple[float, float]]:
    with house.database.read() as tx:
        found = history.read(tx, ["team1"], T, now + MINUTE, step, now, "containers")
    return [(at - T, span.total.used / span.minutes) for one in found for at, span in one.points]


def test_history_is_taken_whatever_the_engine_does(house: House) -> None:
    now = T
    chores = Housekeeping(house.database, house.backend, house.engine(), house.settings, lambda: now)
    chores.run()
    house.create()
    house.backend.faults.fail("capacity", times=1)
    now = T + 30 * MINUTE
    chores.run()
    assert house.calls("capacity") == 3
    assert used(house, MINUTE, now) == [(0, 0), (30 * MINUTE, 1)]
    now = T + 2 * HOUR
    chores.run()
    assert used(house, HOUR, now) == [(0, 0.5), (HOUR, 1)]


@pytest.mark.parametrize(("now", "seconds"), [(T, 60), (T + 0.5, 59.5), (T + 59.9, 0.1), (T + 61, 59)])
def test_it_comes_with_the_minute_and_never_before_it(now: float, seconds: float) -> None:
    rest = until_next_minute(now)
    assert seconds < rest < seconds + 0.2
    assert (now + rest) // 60 == now // 60 + 1
