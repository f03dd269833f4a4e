"""Terminals over websockets, with the library that Zun's client uses."""

import base64
from typing import Any

import pytest
import websocket

from jeroboam.api.containers import streams
from jeroboam.api.containers.streams import PER_PROJECT, whole_characters
from jeroboam.api.tickets import SECONDS, Tickets
from jeroboam.model.errors import Unauthenticated
from tests.api.cloud import Cloud, User
from tests.engine import wait_until

ROUTE = "/container/v1/containers"


@pytest.fixture
def shell(user: User) -> str:
    found: str = user.run(command=["sh"], interactive=True, tty=True)["uuid"]
    return found


def connect(url: str, **options: object) -> websocket.WebSocket:
    return websocket.create_connection(url, timeout=10, http_no_proxy=["*"], **options)


def refused(url: str, **options: object) -> bool:
    """Turned away at the door, and not by an accident."""
    with pytest.raises(websocket.WebSocketBadStatusException) as error:
        connect(url, **options)
    return bool(error.value.status_code == 403)


def test_attach_speaks_both_ways(cloud: Cloud, user: User, shell: str) -> None:
    url = user.ask("GET", f"{ROUTE}/{shell}/attach").json()
    assert url.startswith("ws://")
    connection = connect(url, origin=cloud.url, subprotocols=["binary", "base64"])
    assert connection.getsubprotocol() == "binary"
    connection.send_binary("grüße\r".encode())
    got = b""
    while len(got) < 8:
        got += connection.recv()
    assert got == "grüße\r".encode()
    connection.close()


def test_an_interactive_command_has_its_own_terminal(cloud: Cloud, user: User, shell: str) -> None:
    answer = user.ask("POST", f"{ROUTE}/{shell}/execute?command=sh&interactive=True&run=False").json()
    assert answer["output"] is None
    assert len(answer["exec_id"]) == 64
    connection = connect(answer["proxy_url"], subprotocols=["base64"])
    connection.send(base64.b64encode(b"ls\n").decode())
    assert base64.b64decode(connection.recv()) == b"ls\n"
    connection.close()
    resized = user.ask("POST", f"{ROUTE}/{shell}/execute_resize?exec_id={answer['exec_id']}&w=80&h=24")
    assert resized.status_code == 202
    assert user.ask("POST", f"{ROUTE}/{shell}/resize?w=80&h=24").status_code == 202


def test_a_command_of_another_container_is_not_resized(user: User, shell: str) -> None:
    other = user.run("other", command=["sh"], interactive=True, tty=True)["uuid"]
    exec_id = user.ask("POST", f"{ROUTE}/{other}/execute?command=sh&interactive=True&run=False").json()["exec_id"]
    assert user.ask("POST", f"{ROUTE}/{shell}/execute_resize?exec_id={exec_id}&w=1&h=1").status_code == 404
    assert user.ask("POST", f"{ROUTE}/{shell}/execute_resize?exec_id={'0' * 64}&w=1&h=1").status_code == 404


def test_a_ticket_is_good_for_one_connection(user: User, shell: str) -> None:
    url = user.ask("GET", f"{ROUTE}/{shell}/attach").json()
    connection = connect(url)
    assert refused(url)
    connection.close()


def test_one_project_cannot_take_all_terminals(user: User, cloud: Cloud, shell: str) -> None:
    urls = [user.ask("GET", f"{ROUTE}/{shell}/attach").json() for _ in range(PER_PROJECT + 1)]
    open_ones = [connect(url) for url in urls[:-1]]
    assert refused(urls[-1])
    other = cloud.tenant()
    uuid = other.run(command=["sh"], interactive=True, tty=True)["uuid"]
    connect(other.ask("GET", f"{ROUTE}/{uuid}/attach").json()).close()
    for connection in open_ones:
        connection.close()

    def there_is_room() -> bool:
        try:
            connect(user.ask("GET", f"{ROUTE}/{shell}/attach").json()).close()
        except websocket.WebSocketBadStatusException:
            return False
        return True

    wait_until(there_is_room, "those that were closed make room")


def test_forged_tickets_and_pages_of_others_are_refused(cloud: Cloud, user: User, shell: str) -> None:
    url = user.ask("GET", f"{ROUTE}/{shell}/attach").json()
    assert refused(url, origin="http://evil.example")
    assert refused(url.partition("=")[0] + "=forged")
    assert refused(url.partition("?")[0])


def test_tickets_end(cloud: Cloud) -> None:
    tickets = Tickets(cloud.box)
    text = tickets.issue("o1", "token", None, 100.0)
    assert "token" not in text
    assert "'token'" not in repr(tickets.redeem(tickets.issue("o1", "token", None, 100.0), 100.0))
    with pytest.raises(Unauthenticated, match="too old"):
        tickets.redeem(text, 100.0 + SECONDS + 1)
    assert tickets.redeem(text, 100.0).object_id == "o1"
    with pytest.raises(Unauthenticated, match="used"):
        tickets.redeem(text, 101.0)


TAKEN_BACK: dict[str, dict[str, Any] | None] = {
    "the token is revoked": None,
    "the token is expired": {"expires_at": 0.0},
    "the role is gone": {"roles": frozenset({"reader"})},
}


@pytest.mark.parametrize("change", TAKEN_BACK.values(), ids=TAKEN_BACK)
def test_a_terminal_ends_when_what_it_was_opened_with_is_taken_back(
    cloud: Cloud, user: User, shell: str, change: dict[str, Any] | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.05)
    colleague = cloud.user(user.project_id)
    connection = connect(colleague.ask("GET", f"{ROUTE}/{shell}/attach").json(), subprotocols=["binary"])
    connection.send_binary(b"here\r")
    assert connection.recv() == b"here\r"
    late = colleague.ask("GET", f"{ROUTE}/{shell}/attach").json()
    cloud.change(colleague, change)
    opcode, data = connection.recv_data()
    assert opcode == websocket.ABNF.OPCODE_CLOSE
    assert int.from_bytes(data[:2]) == streams.POLICY_VIOLATION
    assert data[2:].startswith(b"cannot ")
    assert refused(late)


def test_a_terminal_ends_when_its_token_does_without_waiting_for_a_check(cloud: Cloud, user: User, shell: str) -> None:
    short = cloud.user(user.project_id, expires_at=cloud.now() + 0.3)
    connection = connect(short.ask("GET", f"{ROUTE}/{shell}/attach").json())
    assert connection.recv_data()[0] == websocket.ABNF.OPCODE_CLOSE


def test_a_terminal_stays_as_long_as_it_may(user: User, shell: str, monkeypatch: pytest.MonkeyPatch) -> None:
    checks: list[float] = []
    monkeypatch.setattr(streams, "CHECK_SECONDS", 0.01)
    monkeypatch.setattr(user.cloud.table, "cached", lambda token: checks.append(0.0))
    connection = connect(user.ask("GET", f"{ROUTE}/{shell}/attach").json(), subprotocols=["binary"])
    wait_until(lambda: len(checks) > 5, "it was asked a few times")
    connection.send_binary(b"here\r")
    assert connection.recv() == b"here\r"
    connection.close()


def test_attach_wants_an_interactive_container(user: User) -> None:
    uuid = user.run(command=["sleep", "inf"])["uuid"]
    answer = user.ask("GET", f"{ROUTE}/{uuid}/attach")
    assert answer.status_code == 409
    assert "--interactive" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("data", "whole", "rest"),
    [
        (b"abc", b"abc", b""),
        ("é".encode(), "é".encode(), b""),
        (b"a\xc3", b"a", b"\xc3"),
        (b"a\xe2\x82", b"a", b"\xe2\x82"),
        (b"a\xf0\x9f\x98", b"a", b"\xf0\x9f\x98"),
        (b"\xff\xfe", b"\xff\xfe", b""),
        (b"\x80\x80\x80\x80", b"\x80\x80\x80\x80", b""),
        (b"", b"", b""),
    ],
)
def test_characters_are_not_torn(data: bytes, whole: bytes, rest: bytes) -> None:
    assert whole_characters(data) == (whole, rest)
