"""Reservations over HTTP: an end that no calendar holds is refused, and one that got in blocks nothing."""

from typing import Any

import pytest
from sqlalchemy import update

from jeroboam.api.respond import iso
from jeroboam.store.ledger_schema import reservations
from tests.api.cloud import MANAGER, Cloud, User

PATH = "/quota/v1/nodes/self/reservations"
AMOUNTS = {"containers": 1}
BEYOND = 253402387139.0
"""9999-12-31T23:59:59-23:59: in UTC a day of the year 10000."""


@pytest.fixture
def manager(cloud: Cloud) -> User:
    return cloud.user(cloud.project(), MANAGER)


def made(manager: User, **fields: Any) -> str:
    answer = manager.ask("POST", PATH, {"amounts": AMOUNTS, **fields})
    assert answer.status_code == 201, answer.text
    found: str = answer.json()["reservation"]["id"]
    return found


@pytest.mark.parametrize(
    "until",
    [
        "9999-12-31T23:59:59-23:59",
        "9999-12-31T00:00:00Z",
        "2999-01-01T00:00:00+99:00",
        "10000-01-01",
        "0001-01-01T00:00:00+23:59",
        "2020-01-01",
        "tomorrow",
        "",
    ],
)
def test_an_end_that_cannot_be_is_refused_and_changes_nothing(manager: User, until: str) -> None:
    ident = made(manager, until="2999-01-01T00:00:00Z")
    for answer in (
        manager.ask("POST", PATH, {"amounts": AMOUNTS, "until": until}),
        manager.ask("PATCH", f"{PATH}/{ident}", {"until": until}),
    ):
        assert answer.status_code == 400, answer.text
        assert answer.json()["detail"].startswith("cannot ")
    listed = manager.ask("GET", PATH).json()["reservations"]
    assert [(r["id"], r["until"]) for r in listed] == [(ident, "2999-01-01T00:00:00+00:00")]


@pytest.mark.parametrize("until", ["9999-12-30T12:00:00Z", "9999-12-30T12:00:00-01:00"])
def test_the_last_day_can_be_had(manager: User, until: str) -> None:
    ident = made(manager, until=until)
    assert manager.ask("GET", PATH).json()["reservations"][0]["id"] == ident


def test_one_whose_end_cannot_be_written_is_shown_extended_and_released(cloud: Cloud, manager: User) -> None:
    ident = made(manager)
    with cloud.database.write() as tx:
        tx.execute(update(reservations).where(reservations.c.id == ident).values(until=BEYOND))
    assert manager.ask("GET", PATH).json()["reservations"][0]["until"] == "9999-12-31T23:59:59+00:00"
    assert manager.ask("PATCH", f"{PATH}/{ident}", {"until": None}).json()["until"] is None
    assert manager.ask("DELETE", f"{PATH}/{ident}").status_code == 204


@pytest.mark.parametrize(
    ("at", "text"),
    [(0.0, "1970-01-01T00:00:00+00:00"), (1.9, "1970-01-01T00:00:01+00:00"), (1e300, "9999-12-31T23:59:59+00:00")],
)
def test_every_time_can_be_written(at: float, text: str) -> None:
    assert iso(at) == text
