"""Following events over a line that breaks. The server here breaks it on purpose, which the real one never does."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from keystoneauth1.noauth import NoAuth
from keystoneauth1.session import Session

from jeroboam.cli.openstack.client import Api, Refused, Unreachable
from jeroboam.cli.openstack.sse import follow

ANSWERS = (
    (200, b'id: 7\nevent: phase\ndata: {"seq": 7}\n\n'),
    (503, b'{"message": "cannot follow events: too many do already", "code": "unavailable"}'),
    (200, b'id: 8\nevent: phase\ndata: {"seq": 8}\n\nevent: expired\ndata: {}\n\n'),
    (200, b'id: 9\nevent: phase\ndata: {"seq": 9}\n\n'),
    (403, b'{"message": "cannot do this: not yours", "code": "forbidden"}'),
)


class Breaking(HTTPServer):
    """Answers once each of ANSWERS, and notes from where it was asked to go on."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.asked: list[str | None] = []


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert isinstance(self.server, Breaking)
        status, body = ANSWERS[len(self.server.asked)]
        self.server.asked.append(self.headers["Last-Event-ID"])
        self.send_response(status)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def breaking() -> Iterator[Breaking]:
    with Breaking() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def api(server: HTTPServer) -> Api:
    return Api(Session(auth=NoAuth()), f"http://127.0.0.1:{server.server_port}/events/v1")


def test_a_broken_line_is_taken_up_after_the_last_event(breaking: Breaking) -> None:
    events = follow(api(breaking), None)
    news = (event["seq"] for event in events if event is not None)
    assert [next(news) for _ in range(3)] == [7, 8, 9]
    with pytest.raises(Refused, match="cannot do this: not yours"):
        next(news)
    assert breaking.asked == [None, "7", "7", "8", "9"]


def test_who_cannot_be_reached_at_first_is_not_waited_for() -> None:
    with HTTPServer(("127.0.0.1", 0), Handler) as closed:
        nobody = api(closed)
    with pytest.raises(Unreachable, match="cannot reach Jeroboam at"):
        next(follow(nobody, None))
