"""What is done once a minute, most of it with a clock of the test's own and nothing beside it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.backends.fake.containers import CPUS, MEMORY
from jeroboam.conductor.housekeeping import Housekeeping
from jeroboam.conductor.main import until_next_minute
from jeroboam.quota.rollup import HOUR, MINUTE
from jeroboam.quota.tree import ROOT
from jeroboam.settings import FILE
from jeroboam.store import history, ledger
from tests.conductor.house import House, running
from tests.engine import wait_until

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


@pytest.mark.parametrize(
    ("written", "vcpus", "memory"),
    [
        ("", CPUS * 4000, MEMORY * 9 // 10),
        ("[capacity]\ncpu_ratio = 2.5\nmemory_ratio = 1.5\n", CPUS * 2500, MEMORY * 3 // 2),
    ],
    ids=["as by default", "as the operator says"],
)
def test_the_cloud_has_what_the_machine_has_times_the_ratios(
    tmp_path: Path, written: str, vcpus: int, memory: int
) -> None:
    (tmp_path / FILE).write_text(written)
    with running(House(tmp_path)) as house:

        def limits() -> dict[str, int | None]:
            with house.database.read() as tx:
                return {resource: limit.hard for resource, limit in ledger.tree(tx).nodes[ROOT].limits.items()}

        wait_until(lambda: limits().get("vcpus"), "the cloud has a size")
        assert limits() == {"vcpus": vcpus, "memory": memory, "containers": -1}
