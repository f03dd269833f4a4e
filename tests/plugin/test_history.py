"""`openstack quota history show`."""

import csv
import io
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from sqlalchemy import select, update

from jeroboam.cli.openstack.chart import ASCII, line
from jeroboam.quota.sample import Figures
from jeroboam.settings import load
from jeroboam.store import history
from jeroboam.store.database import Database
from jeroboam.store.history import steps
from jeroboam.store.history_schema import history as states
from jeroboam.store.ledger_schema import nodes
from tests.plugin.cloud import Cloud

HOUR = 3600.0


@pytest.fixture(scope="module")
def begin(cloud: Cloud) -> Iterator[float]:
    """An hour of the past: a has 4 and lends as much, b comes to 12 in its middle; a then waits for vcpus."""
    cloud.organisation("past", "a", "b")
    database = Database(load(cloud.clouds.parent).database_url)
    now = time.time()
    history.take(database, now)  # if nobody has yet
    begin = now // HOUR * HOUR - 2 * HOUR
    with database.write() as tx:
        tx.execute(update(states).values(began=begin, rolled=begin))
        ids = dict(tx.execute(select(nodes.c.name, nodes.c.id).where(nodes.c.name.like("past%"))).all())
        a, b, org = ((ids[name], "containers") for name in ("past-a", "past-b", "past"))
        steps.write(tx, begin, {a: Figures(4), b: Figures(8), org: Figures(12)}, {})
        known = {key: ident for ident, key in steps.keys(tx, ids.values()).items()}
        later = {a: Figures(4, lent=4), b: Figures(12, borrowed=4), org: Figures(16)}
        steps.write(tx, begin + 30 * 60, {**later, (ids["past-a"], "vcpus"): Figures(waited=1500)}, known)
    yield begin
    database.close()


def window(begin: float) -> str:
    since, until = (datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%MZ") for at in (begin, begin + HOUR))
    return f"--since {since} --until {until}"


def test_a_chart_for_people(cloud: Cloud, begin: float) -> None:
    shown = cloud.openstack(f"quota history show past --depth 1 {window(begin)}", cloud="past")
    assert shown.status == 0, shown.err
    rows = [[cell.strip() for cell in row] for row in shown.table()]
    assert rows == [
        ["past", "containers", "used", "12", "16", "16", "▆" * 30 + "█" * 30],
        ["past-a", "containers", "used", "4", "4", "4", "▂" * 60],
        ["past-a", "containers", "lent", "0", "4", "4", "▂" * 30],
        ["past-a", "vcpus", "waited", "0", "1.5", "1.5", "█" * 30],
        ["past-b", "containers", "used", "8", "12", "12", "▄" * 30 + "▆" * 30],
        ["past-b", "containers", "borrowed", "0", "4", "4", "▂" * 30],
    ]
    # What was nothing is blank: what came in the middle begins there.
    assert f"| {' ' * 30}{'▂' * 30} |" in shown.out
    at = datetime.fromtimestamp(begin, UTC)
    assert f"From {at:%Y-%m-%d %H:%M} to " in shown.out
    assert shown.out.rstrip().endswith("UTC, a character is 1 min.")


def test_plain_characters_where_the_terminal_has_no_blocks(cloud: Cloud, begin: float) -> None:
    line = f"quota history show --resource containers {window(begin)}"
    shown = cloud.openstack(line, cloud="past-b", encoding="ascii")
    assert (shown.status, shown.table()[0][-1]) == (0, "+" * 30 + "@" * 30)


def test_a_row_a_minute_for_programs(cloud: Cloud, begin: float) -> None:
    rows = cloud.openstack(f"quota history show -f json {window(begin)}", cloud="past-a").json()
    assert len(rows) == 2 * 60
    assert {row["project"] for row in rows} == {"past-a"}
    containers = [row for row in rows if row["resource"] == "containers"]
    assert [row["at"] for row in containers[:2]] == [
        datetime.fromtimestamp(begin + seconds, UTC).isoformat(timespec="seconds") for seconds in (0, 60)
    ]
    assert [row["lent"] for row in containers] == [0] * 30 + [4] * 30
    assert [row["waited"] for row in rows if row["resource"] == "vcpus"] == [0] * 30 + [1500] * 30


def test_hours_and_csv(cloud: Cloud, begin: float) -> None:
    line = f"quota history show past --depth 1 --resource containers --step hour {window(begin)} -f csv"
    shown = cloud.openstack(line, cloud="past")
    rows = list(csv.DictReader(io.StringIO(shown.out)))
    assert [(row["project"], row["used"], row["used_max"], row["lent"]) for row in rows] == [
        ("past", "14", "16", "0"),
        ("past-a", "4", "4", "2"),
        ("past-b", "10", "12", "0"),
    ]


def test_nothing_is_said_to_be_nothing(cloud: Cloud, begin: float) -> None:
    shown = cloud.openstack(f"quota history show --resource memory {window(begin)}", cloud="past-a")
    assert (shown.status, shown.table()) == (0, [])
    assert "Nothing was used, borrowed, lent or waited for" in shown.out
    assert cloud.openstack("quota history show --resource memory -f json", cloud="past-a").json() == []


@pytest.mark.parametrize(
    ("line", "name", "status", "sentence"),
    [
        ("--since soon", "past-a", 2, "cannot read 'soon' as a time: write 30m, 2h, 7d, or 2026-11-23T18:00:00Z"),
        (
            "--resource gpus",
            "past-a",
            1,
            "cannot show 'gpus': nobody here has any of that; there are containers, memory",
        ),
        ("--resource gpus -f json", "past-a", 1, "there are containers, memory, vcpus"),
        ("--depth x", "past-a", 2, "cannot read 'x' as a number of levels"),
        ("--step day", "past-a", 2, "--step"),
        ("--since 900d", "past-a", 1, "hours are kept for 92 days"),
        ("--since 2h --until 3h", "past-a", 1, "it ends before it begins"),
        ("--depth 1", "past-a", 1, "cannot look below that project"),
        ("past-b", "past-a", 1, "cannot find a project 'past-b'"),
    ],
)
def test_refusals(cloud: Cloud, begin: float, line: str, name: str, status: int, sentence: str) -> None:
    refused = cloud.openstack(f"quota history show {line}", cloud=name)
    assert (refused.status, refused.out) == (status, "")
    assert sentence in refused.err


@pytest.mark.parametrize(
    ("values", "most", "width", "drawn"),
    [
        ([0, 1, 2, 4, 8], 8, 60, " ▁▂▄█"),
        ([1, 0, 1000], 1000, 3, "▁ █"),
        ([1, 5, 2, 0, 0, 0], 5, 3, "█▃ "),
        ([0, 0, 9, 0, 0, 0, 0, 0, 0, 0], 9, 4, " █  "),
        ([0, 0], 0, 9, "  "),
        ([], 0, 9, ""),
    ],
)
def test_lines_are_drawn(values: list[float], most: float, width: int, drawn: str) -> None:
    assert line(values, most, width) == drawn
    assert len(line(values, most, width, ASCII)) == len(drawn)
