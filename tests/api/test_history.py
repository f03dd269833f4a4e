"""History over HTTP: what a chart gets, who gets it, and what is answered to questions that make no sense."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from jeroboam.api.quota import history as routes
from jeroboam.store import history
from tests.api.cloud import MANAGER, MEMBER, READER, Cloud, User

PATH = "/quota/v1/nodes/self/history"
HOUR, DAY = 3600.0, 86400.0


class Still(Cloud):
    """Its clock stands where it is set."""

    at = 1_800_000_000.0

    def now(self) -> float:
        return self.at


class Past:
    """An organisation with 16 containers and two teams with 8 each: four hours of history, the last one by minutes."""

    def __init__(self, cloud: Still) -> None:
        self.cloud = cloud
        self.now = cloud.at
        self.org = cloud.project("org", limits={"containers": 16, "vcpus": 16_000, "memory": 16_000})
        half = {"containers": 8, "vcpus": 8_000, "memory": 8_000}
        self.ids = [cloud.project(name, self.org, half, borrow=None) for name in ("team1", "team2")]
        self.team1, self.team2 = (cloud.user(ident, MEMBER, expires_at=9e9) for ident in self.ids)
        self.manager = cloud.user(self.org, MANAGER, expires_at=9e9)
        self.at(0)
        self.create(self.team1, 4)
        self.create(self.team2, 10)
        self.at(HOUR)
        self.create(self.team2, 2)
        self.at(1.75 * HOUR)
        self.at(4 * HOUR)
        self.create(self.team1, 1, hints={"shortage": "wait"})
        self.at(4.5 * HOUR)
        self.at(4.5 * HOUR + 59)

    def at(self, seconds: float) -> None:
        """It is so late, and housekeeping has been there."""
        self.cloud.at = self.now + seconds
        history.take(self.cloud.database, self.cloud.at)
        history.roll(self.cloud.database, self.cloud.at)

    def create(self, user: User, count: int, **fields: Any) -> None:
        for number in range(count):
            user.create(f"c{number}", cpu=0.1, memory=16, **fields)

    def iso(self, seconds: float) -> str:
        return datetime.fromtimestamp(self.now + seconds, UTC).isoformat(timespec="seconds")


@pytest.fixture(scope="module")
def past(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Past]:
    cloud = Still(tmp_path_factory.mktemp("past"))
    cloud.start()
    yield Past(cloud)
    cloud.stop()


def get(user: User, path: str = PATH, **query: Any) -> Any:
    answer = user.ask("GET", path, params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


def points(answer: Any, name: str, word: str = "used", resource: str = "containers") -> list[tuple[str, float]]:
    (one,) = (s for s in answer["series"] if (s["node_name"], s["resource"]) == (name, resource))
    return [(point["at"][11:16], point[word]) for point in one["points"]]


def clock(past: Past, *seconds: float) -> list[str]:
    return [past.iso(each)[11:16] for each in seconds]


def test_the_last_hour_by_minute_unless_asked_otherwise(past: Past) -> None:
    answer = get(past.team1)
    assert (answer["step"], answer["next"]) == ("minute", None)
    assert (answer["since"], answer["until"]) == (past.iso(3.5 * HOUR), past.iso(4.5 * HOUR + 59))
    assert {s["resource"] for s in answer["series"]} == {"containers", "memory", "vcpus"}
    begin, later = clock(past, 3.5 * HOUR, 4.5 * HOUR)
    assert points(answer, "team1", "waited") == [(begin, 0), (later, 1)]
    assert points(answer, "team1", "lent") == [(begin, 4), (later, 4)]
    assert points(answer, "team1", "used_max") == [(begin, 4), (later, 4)]


def test_a_chart_of_who_used_whose_capacity(past: Past) -> None:
    """The organisation's children side by side, in one answer; what they used is what the organisation used."""
    answer = get(past.manager, since=past.iso(0), depth=1, resource="containers")
    assert [(s["node_name"], s["parent_id"]) for s in answer["series"]][1:] == [
        ("team1", past.org),
        ("team2", past.org),
    ]
    begin, more, now = clock(past, 0, 1.75 * HOUR, 4.5 * HOUR)
    hour = clock(past, HOUR)[0]
    assert points(answer, "team2") == [(begin, 0), (hour, 10), (more, 12)]
    assert points(answer, "team2", "borrowed") == [(begin, 0), (hour, 2), (more, 4)]
    assert points(answer, "team1", "lent") == [(begin, 0), (hour, 2), (more, 4), (now, 4)]
    assert points(answer, answer["series"][0]["node_name"]) == [(begin, 0), (hour, 14), (more, 16), (now, 16)]


def test_by_hour(past: Past) -> None:
    answer = get(past.team2, step="hour", resource="containers")
    assert answer["since"] == past.iso(4 * HOUR - 30 * DAY)
    hours = clock(past, 0, HOUR, 2 * HOUR)
    assert points(answer, "team2") == list(zip(hours, (0, 10.5, 12), strict=True))
    assert points(answer, "team2", "used_max") == list(zip(hours, (0, 12, 12), strict=True))
    # What begins more than a day ago is by hour.
    assert get(past.team2, since=past.iso(-2 * DAY))["step"] == "hour"
    now = 4.5 * HOUR + 59
    for ago, step in ((DAY, "minute"), (DAY + 2, "minute"), (DAY + 61, "hour")):
        assert get(past.team2, since=past.iso(now - ago))["step"] == step


def test_a_window_of_the_past_begins_with_what_held_then(past: Past) -> None:
    answer = get(past.team2, since=past.iso(2 * HOUR), until=past.iso(3 * HOUR), resource="containers")
    assert points(answer, "team2") == [(clock(past, 2 * HOUR)[0], 12)]
    # 30 seconds into a minute is that minute; the future is not waited for.
    answer = get(past.team2, since=past.iso(2 * HOUR + 30), until=past.iso(9 * DAY))
    assert (answer["since"], answer["until"]) == (past.iso(2 * HOUR), past.iso(4.5 * HOUR + 59))


def test_a_member_sees_its_own_node_alone(past: Past) -> None:
    assert {s["node"] for s in get(past.team1)["series"]} == {past.ids[0]}
    refused = past.team1.ask("GET", PATH, params={"depth": 1})
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
    for ident in (past.ids[1], "team2", past.org):
        foreign = past.team1.ask("GET", f"/quota/v1/nodes/{ident}/history")
        assert foreign.status_code == 404
        absent = past.team1.ask("GET", "/quota/v1/nodes/nothing/history")
        assert foreign.json()["detail"].replace(ident, "*") == absent.json()["detail"].replace("nothing", "*")


def test_those_above_see_what_is_below_by_name(past: Past) -> None:
    assert points(get(past.manager, "/quota/v1/nodes/team2/history", resource="containers"), "team2")[0][1] == 12
    reader = past.cloud.user(past.org, READER, expires_at=9e9)
    assert reader.ask("GET", "/quota/v1/nodes/team2/history").status_code == 404
    assert {s["node"] for s in get(reader)["series"]} == {past.org}


def test_pages_are_whole_and_follow_each_other(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = get(past.manager, depth=1, since=past.iso(0))
    assert whole["next"] is None
    for query, most in (({"limit": 1}, routes.MOST_POINTS), ({}, 3)):
        monkeypatch.setattr(routes, "MOST_POINTS", most)
        pages = [get(past.manager, depth=1, since=past.iso(0), **query)]
        while pages[-1]["next"]:
            pages.append(get(past.manager, pages[-1]["next"]))
        assert len(pages) == 3
        assert [s for page in pages for s in page["series"]] == whole["series"]


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ({"since": "yesterday"}, "cannot read 'yesterday' as a time: write ISO 8601"),
        ({"until": "2026-13-01"}, "cannot read '2026-13-01' as a time"),
        ({"since": "0001-01-01T00:00:00+14:00"}, "hours are kept for 92 days"),
        ({"since": "2001-01-01"}, "cannot show the history since 2001-01-01: hours are kept for 92 days"),
        ({"until": "2001-01-01"}, "cannot show the history until 2001-01-01: hours are kept for 92 days"),
        ({"since": "2126-01-01"}, "that has not come yet"),
        ({"step": "second"}, "step"),
        ({"resource": "No Resource"}, "resource"),
        ({"depth": "-1"}, "depth"),
        ({"depth": "65"}, "depth"),
        ({"limit": "0"}, "limit"),
        ({"limit": "1001"}, "limit"),
        ({"marker": "nobody"}, "cannot go on after 'nobody': it is not among these nodes"),
        ({"below": "true"}, "below"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused_in_a_sentence(past: Past, query: dict[str, str], sentence: str) -> None:
    answer = past.team1.ask("GET", PATH, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed"), answer.text
    assert sentence in answer.json()["detail"]


def test_minutes_of_long_ago_and_windows_that_end_before_they_begin(past: Past) -> None:
    answer = past.team1.ask("GET", PATH, params={"step": "minute", "since": past.iso(-2 * DAY)})
    assert answer.status_code == 400
    assert "minutes are kept for a day; ask for hours (step=hour)" in answer.json()["detail"]
    answer = past.team1.ask("GET", PATH, params={"since": past.iso(HOUR), "until": past.iso(0)})
    assert answer.status_code == 400
    assert "it ends before it begins" in answer.json()["detail"]


def test_a_node_that_was_never_used_has_a_history_of_nothing(past: Past) -> None:
    fresh = past.cloud.user(past.cloud.project("fresh"), MEMBER, expires_at=9e9)
    assert get(fresh)["series"] == []
    assert get(fresh, resource="unheard-of")["series"] == []
