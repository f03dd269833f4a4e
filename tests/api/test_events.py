"""Server-sent events: resumed by number, filtered, bounded, ended with the token."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from jeroboam.api import events
from tests.api.cloud import MANAGER, MEMBER, Cloud, User

ROUTE = "/container/v1/containers"


class Following:
    """An open stream; `next` waits for the next event, within 10 seconds."""

    def __init__(self, user: User, query: str = "", **headers: str) -> None:
        sent = {"X-Auth-Token": user.token, **headers}
        self.answer = requests.get(f"{user.cloud.url}/events/v1{query}", headers=sent, stream=True, timeout=10)
        self._lines = self.answer.iter_lines(chunk_size=1, decode_unicode=True)
        if self.answer.status_code == 200:
            # The first line comes once it listens: what happens from now on is heard.
            assert next(self._lines).startswith("retry:")

    def next(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for line in self._lines:
            key, _, value = line.partition(": ")
            if line.startswith("event: expired"):
                return {"event": "expired"}
            found[key] = value
            if key == "data" and "id" in found:
                return {"id": int(found["id"]), "event": found["event"], **json.loads(value)}
        raise EOFError

    def __enter__(self) -> "Following":
        return self

    def __exit__(self, *_: object) -> None:
        self.answer.close()


def history(user: User, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = user.ask("GET", f"/events/v1/history{query}").json()["events"]
    return found


def test_what_happens_is_heard_as_it_happens(cloud: Cloud, user: User) -> None:
    with Following(user) as stream:
        uuid = user.run(command=["sleep", "inf"])["uuid"]
        first = stream.next()
        assert (first["event"], first["object_id"], first["name"]) == ("created", uuid, "web")
        assert first["request_id"].startswith("req-")
        user.ask("POST", f"{ROUTE}/{uuid}/stop")
        kinds = set()
        while "action" not in kinds:
            kinds.add(stream.next()["event"])


def test_a_stream_is_resumed_without_a_gap(user: User) -> None:
    user.create("one")
    user.create("two")
    first = history(user, "?limit=2")[1]
    assert first["name"] == "one"
    with Following(user, **{"Last-Event-ID": str(first["seq"])}) as stream:
        assert stream.next()["name"] == "two"
    with Following(user, f"?since={first['seq'] - 1}") as stream:
        assert [stream.next()["name"], stream.next()["name"]] == ["one", "two"]


@pytest.mark.parametrize("number", ["9" * 20, str(2**53), "-1", "1.5", "x"])
def test_a_number_that_no_event_has_is_refused_at_the_door(user: User, number: str) -> None:
    for answer in (
        user.ask("GET", "/events/v1", headers={"Last-Event-ID": number}, stream=True),
        user.ask("GET", f"/events/v1?since={number}", stream=True),
    ):
        assert answer.status_code == 400
        assert answer.json()["detail"].startswith("cannot ")


def test_one_object_can_be_followed(user: User) -> None:
    uuid = user.create("one")["uuid"]
    user.create("two")
    user.ask("PATCH", f"{ROUTE}/{uuid}", {"name": "uno"})
    assert {e["object_id"] for e in history(user, f"?object={uuid}")} == {uuid}
    with Following(user, f"?since=0&object={uuid}") as stream:
        assert [stream.next()["event"], stream.next()["event"]] == ["created", "updated"]


def test_a_page_can_be_continued(user: User) -> None:
    for name in ("a", "b", "c"):
        user.create(name)
    begin = history(user, "?limit=1")[0]["seq"]
    page = user.ask("GET", f"/events/v1/history?since={begin}&limit=2").json()
    rest = user.ask("GET", f"/events/v1/history?since={page['last']}").json()
    assert [e["name"] for e in page["events"] + rest["events"]] == ["a", "b", "c"]


def test_managers_hear_what_is_below(cloud: Cloud) -> None:
    org = cloud.project("org")
    below = {"containers": 5, "vcpus": 5000, "memory": 5000}
    team = cloud.user(cloud.project("team", parent=org, limits=below))
    team.create("web")
    manager = cloud.user(org, MANAGER)
    assert "web" in [e["name"] for e in history(manager, "?below=true&limit=1000")]
    assert "web" not in [e["name"] for e in history(manager, "?limit=1000")]
    everything = cloud.admin().ask("GET", "/events/v1/history?all=true&limit=1000").json()["events"]
    assert everything


def test_silence_is_filled_with_heartbeats(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "HEARTBEAT_SECONDS", 0.05)
    with Following(user) as stream:
        assert any(line.startswith(": heartbeat") for line in _some(stream._lines, 5))


def _some(lines: Iterator[str], count: int) -> Iterator[str]:
    for _ in range(count):
        yield next(lines)


def test_a_stream_ends_with_its_token(cloud: Cloud, user: User) -> None:
    short = cloud.user(user.project_id, expires_at=cloud.now() + 0.3)
    with Following(short) as stream:
        assert stream.next()["event"] == "expired"
        with pytest.raises(EOFError):
            stream.next()


TAKEN_BACK: dict[str, dict[str, Any] | None] = {
    "the token is revoked": None,
    "the token is expired": {"expires_at": 0.0},
    "the role is gone": {"roles": frozenset()},
}


@pytest.mark.parametrize("change", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_a_stream_ends_when_what_it_was_opened_with_is_taken_back(
    cloud: Cloud, user: User, change: dict[str, Any] | None
) -> None:
    reader = cloud.user(user.project_id)
    with Following(reader) as stream:
        user.create("before")
        assert stream.next()["name"] == "before"
        cloud.change(reader, change)
        user.create("after")
        assert stream.next()["event"] == "expired"
        with pytest.raises(EOFError):
            stream.next()


def test_a_manager_who_is_none_any_more_hears_nothing_from_below(cloud: Cloud) -> None:
    org = cloud.project("org")
    team, manager = cloud.user(cloud.project("team", parent=org)), cloud.user(org, MANAGER)
    with Following(manager, "?below=true") as stream:
        team.create("before")
        assert stream.next()["name"] == "before"
        cloud.change(manager, {"roles": frozenset(MEMBER)})
        team.create("after")
        assert stream.next()["event"] == "expired"


def test_a_project_that_comes_later_is_heard_too(cloud: Cloud) -> None:
    org = cloud.project("org")
    manager = cloud.user(org, MANAGER)
    with Following(manager, "?below=true") as stream:
        cloud.user(cloud.project("late", parent=org)).create("web")
        event = stream.next()
        while event["type"] != "created":
            event = stream.next()
        assert event["name"] == "web"


def test_streams_are_bounded_per_project(user: User) -> None:
    open_streams = [Following(user) for _ in range(events.PER_PROJECT)]
    try:
        with Following(user) as one_more:
            assert one_more.answer.status_code == 503
    finally:
        for stream in open_streams:
            stream.answer.close()


def test_many_writers_one_reader_no_gap(user: User) -> None:
    with Following(user) as stream:
        threads = [threading.Thread(target=user.create, args=(f"c{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        seen = [stream.next() for _ in range(8)]
        for thread in threads:
            thread.join()
    assert {e["name"] for e in seen if e["event"] == "created"} == {f"c{n}" for n in range(8)}
    assert [e["id"] for e in seen] == sorted(e["id"] for e in seen)
