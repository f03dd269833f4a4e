"""What goes straight to the engine: logs, commands, files, figures; and how its refusals come back."""

import base64
import http.client
import io
import socket
import tarfile
import threading

import pytest

from jeroboam.api import engine, respond
from jeroboam.api.bodies import LARGE_PER_PROJECT
from jeroboam.api.respond import PIECE
from jeroboam.backends.errors import Permanent, Temporary
from tests.api.cloud import LATEST, Cloud, User
from tests.engine import wait_until

ROUTE = "/container/v1/containers"
TALKS = ["sh", "-c", "echo one; echo two >&2; echo three; sleep inf"]


@pytest.fixture
def web(user: User) -> str:
    found: str = user.run(command=TALKS)["uuid"]
    return found


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("", "one\ntwo\nthree\n"),
        ("?stdout=True&stderr=False", "one\nthree\n"),
        ("?stdout=False&stderr=True&tail=all", "two\n"),
        ("?tail=1", "three\n"),
        ("?since=4000000000", ""),
        ("?since=2020-01-01 00:00:00,000", "one\ntwo\nthree\n"),
        ("?since=2020-01-01T00:00:00%2B01:00", "one\ntwo\nthree\n"),
        ("?since=None", "one\ntwo\nthree\n"),
    ],
)
def test_logs(user: User, web: str, query: str, text: str) -> None:
    answer = user.ask("GET", f"{ROUTE}/{web}/logs{query}")
    assert answer.status_code == 200, answer.text
    assert answer.json() == text


def test_logs_with_timestamps(user: User, web: str) -> None:
    first = user.ask("GET", f"{ROUTE}/{web}/logs?timestamps=1").json().splitlines()[0]
    assert first[:4].isdigit()
    assert first.endswith(" one")


def test_logs_of_a_time_that_is_none_and_of_no_stream_are_refused(user: User, web: str) -> None:
    for query in ("since=yesterday", "stdout=false&stderr=false"):
        assert user.ask("GET", f"{ROUTE}/{web}/logs?{query}").status_code == 400


def test_long_logs_keep_their_newest_lines(cloud: Cloud, user: User, web: str) -> None:
    line = b"x" * 9999 + b"\n"
    container = cloud.engine.standing[cloud.name_on_engine(web)]
    container.output.extend(type(container.output[0])(line_at, "stdout", line) for line_at in [cloud.now()] * 1000)
    container.output.append(type(container.output[0])(cloud.now(), "stdout", b"the end\n"))
    text = user.ask("GET", f"{ROUTE}/{web}/logs").json()
    assert len(text) < 5 << 20
    assert text.startswith("[older lines are left out")
    assert text.endswith("the end\n")


def test_a_command_runs_to_its_end(user: User, web: str) -> None:
    answer = user.ask("POST", f"{ROUTE}/{web}/execute", params={"command": '"sh" "-c" "echo hello; exit 3"'})
    assert answer.status_code == 200, answer.text
    assert (answer.json()["output"], answer.json()["exit_code"]) == ("hello\n", 3)
    assert user.ask("POST", f"{ROUTE}/{web}/execute", params={"command": "'"}).status_code == 400
    assert user.ask("POST", f"{ROUTE}/{web}/execute", params={"command": " "}).status_code == 400
    actions = user.ask("GET", f"{ROUTE}/{web}/container_actions").json()["containerActions"]
    assert actions[0]["action"] == "execute"


def test_files_go_in_and_come_out(user: User, web: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("hello")
        entry.size = 5
        tar.addfile(entry, io.BytesIO(b"world"))
    data = base64.b64encode(buffer.getvalue()).decode()
    put = user.ask("POST", f"{ROUTE}/{web}/put_archive?path=/tmp", {"data": data})
    assert put.status_code == 200, put.text
    got = user.ask("GET", f"{ROUTE}/{web}/get_archive?path=/tmp/hello").json()
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(got["data"]))) as tar:
        member = tar.extractfile("hello")
        assert member is not None
        assert member.read() == b"world"
    assert got["stat"]["name"] == "hello"


def test_archives_that_are_none_are_refused(user: User, web: str) -> None:
    assert user.ask("GET", f"{ROUTE}/{web}/get_archive?path=/nowhere").status_code == 404
    assert user.ask("POST", f"{ROUTE}/{web}/put_archive?path=/tmp", {"data": "%%%"}).status_code == 400


def test_an_archive_may_be_larger_than_other_bodies(cloud: Cloud, user: User, web: str) -> None:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("large")
        entry.size = 4 << 20
        tar.addfile(entry, io.BytesIO(bytes(entry.size)))
    data = base64.b64encode(buffer.getvalue()).decode()
    assert len(data) > cloud.settings.api.max_body
    assert user.ask("POST", f"{ROUTE}/{web}/put_archive?path=/tmp", {"data": data}).status_code == 200


def large_file(user: User, web: str, size: int) -> str:
    """The path to read it from, once it is there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        entry = tarfile.TarInfo("large")
        entry.size = size
        tar.addfile(entry, io.BytesIO(bytes(size)))
    data = base64.b64encode(buffer.getvalue()).decode()
    assert user.ask("POST", f"{ROUTE}/{web}/put_archive?path=/tmp", {"data": data}).status_code == 200
    return f"{ROUTE}/{web}/get_archive?path=/tmp/large"


@pytest.mark.parametrize("size", [0, 1000, PIECE * 3 // 4, 2 * PIECE, (2 << 20) + 1])
def test_an_archive_comes_whole_however_many_pieces_it_takes(user: User, web: str, size: int) -> None:
    answer = user.ask("GET", large_file(user, web, size))
    assert len(answer.content) == int(answer.headers["Content-Length"])
    with tarfile.open(fileobj=io.BytesIO(base64.b64decode(answer.json()["data"]))) as tar:
        assert tar.getmember("large").size == size


def reading_nothing(user: User, path: str) -> socket.socket:
    """A client that asks and does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", user.cloud.settings.api.port))
    head = {"Host": "here", "X-Auth-Token": user.token, **LATEST}
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
    client.sendall("\r\n".join(lines).encode())
    return client


def test_archives_on_their_way_out_are_counted_until_they_are_read(cloud: Cloud, user: User, web: str) -> None:
    path = large_file(user, web, 12 << 20)
    large = cloud.app.state.shared.large
    clients = [reading_nothing(user, path) for _ in range(LARGE_PER_PROJECT)]
    assert all(client.recv(12) == b"HTTP/1.1 200" for client in clients)
    assert large._open.total() == LARGE_PER_PROJECT
    assert user.ask("GET", path).status_code == 503
    other = cloud.tenant()
    other.run("web", command=["sleep", "inf"])
    assert other.ask("GET", large_file(other, "web", 1000)).status_code == 200
    for client in clients:
        client.close()
    wait_until(lambda: not large._open, "their places are free again")
    assert user.ask("GET", path).status_code == 200


def test_who_does_not_read_an_archive_is_given_up(
    cloud: Cloud, user: User, web: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(respond, "ANSWER_SECONDS", 0.2)
    client = reading_nothing(user, large_file(user, web, 12 << 20))
    assert client.recv(12) == b"HTTP/1.1 200"
    wait_until(lambda: not cloud.app.state.shared.large._open, "its place is free again")
    client.close()


def test_archives_that_dawdle_leave_room_for_others(cloud: Cloud, user: User, web: str) -> None:
    path, data = f"{ROUTE}/{web}/put_archive?path=/tmp", base64.b64encode(bytes(10240)).decode()
    port = cloud.settings.api.port
    dawdlers = [http.client.HTTPConnection("127.0.0.1", port, timeout=10) for _ in range(LARGE_PER_PROJECT)]
    for dawdler in dawdlers:
        dawdler.putrequest("POST", path)
        for name, value in {"X-Auth-Token": user.token, "Content-Length": "9999", **LATEST}.items():
            dawdler.putheader(name, value)
        dawdler.endheaders(b"{")
    large = cloud.app.state.shared.large
    wait_until(lambda: large._open.total() == LARGE_PER_PROJECT, "all of them are being read")
    assert user.ask("POST", path, {"data": data}).status_code == 503
    other = cloud.tenant()
    other.run("web", command=["sleep", "inf"])
    assert other.ask("POST", f"{ROUTE}/web/put_archive?path=/tmp", {"data": data}).status_code == 200
    for dawdler in dawdlers:
        dawdler.close()
    wait_until(lambda: user.ask("POST", path, {"data": data}).status_code == 200, "there is room again")


def test_figures_and_processes_in_the_owners_words(user: User, web: str) -> None:
    assert user.ask("GET", f"{ROUTE}/{web}/stats").json()["CONTAINER"] == "web"
    top = user.ask("GET", f"{ROUTE}/{web}/top?ps_args=None").json()
    assert top["Titles"][0] == "UID"
    assert len(top["Processes"]) == 1


@pytest.mark.parametrize(
    "ps_args",
    ["-eorss=PID -oargs", "-eo rss=PID", "-p1 -oargs,pid", "-eo args,pid", "-o pid,rss=PID", "-eopid -ocomm", "--pid"],
)
def test_ps_shows_nobody_elses_processes(user: User, web: str, ps_args: str) -> None:
    answer = user.ask("GET", f"{ROUTE}/{web}/top", params={"ps_args": ps_args})
    assert answer.status_code == 400, answer.text
    assert "ps_args" in answer.json()["detail"]


@pytest.mark.parametrize("ps_args", ["", "aux", "-ef", "ax l", "-eo pid,args", "axo pid,user,args"])
def test_ps_takes_plain_flags_and_formats_that_begin_with_pid(user: User, web: str, ps_args: str) -> None:
    assert user.ask("GET", f"{ROUTE}/{web}/top", params={"ps_args": ps_args}).status_code == 200


def test_a_signal_ends_it(cloud: Cloud, user: User, web: str) -> None:
    assert user.ask("POST", f"{ROUTE}/{web}/kill?signal=None").status_code == 202
    observed = cloud.engine.observe(cloud.name_on_engine(web))
    assert observed is not None
    assert observed.exit_code == 137


@pytest.mark.parametrize(
    ("error", "status"),
    [(Temporary("cannot measure: the engine does not answer"), 503), (Permanent("cannot measure: no such thing"), 400)],
)
def test_what_the_engine_says_reaches_the_caller(
    cloud: Cloud, user: User, web: str, error: Temporary | Permanent, status: int
) -> None:
    cloud.engine.faults.fail("stats", error)
    answer = user.ask("GET", f"{ROUTE}/{web}/stats")
    assert answer.status_code == status
    assert answer.json()["detail"].startswith(str(error))
    assert ("Retry-After" in answer.headers) == (status == 503)


def test_a_container_that_is_gone_from_the_engine_is_named_as_its_owner_does(
    cloud: Cloud, user: User, web: str
) -> None:
    cloud.engine.vanish(cloud.name_on_engine(web))
    answer = user.ask("GET", f"{ROUTE}/{web}/stats")
    assert answer.status_code == 404
    assert "web" in answer.json()["detail"]
    assert "jeroboam-" not in answer.json()["detail"]


def test_a_hung_engine_costs_its_own_callers_only(cloud: Cloud, user: User, web: str) -> None:
    """One project's calls wait; its further ones are refused, and everybody else is answered."""
    gates = [cloud.engine.faults.hang("stats") for _ in range(engine.PER_PROJECT)]
    answers: list[int] = []

    def ask() -> None:
        other = User(Cloud.__new__(Cloud), user.token, user.project_id)
        other.cloud.__dict__.update(url=cloud.url, http=__import__("requests"))
        answers.append(other.ask("GET", f"{ROUTE}/{web}/stats").status_code)

    threads = [threading.Thread(target=ask) for _ in gates]
    for thread in threads:
        thread.start()
    for gate in gates:
        assert gate.reached.wait(10)
    refused = user.ask("GET", f"{ROUTE}/{web}/stats")
    assert refused.status_code == 503
    assert "wait for it already" in refused.json()["detail"]
    assert user.show(web)["status"] == "Running"
    neighbour = cloud.tenant()
    assert neighbour.ask("GET", f"{ROUTE}/{neighbour.run(command=TALKS)['uuid']}/logs").status_code == 200
    for gate in gates:
        gate.release()
    for thread in threads:
        thread.join(10)
    assert answers == [200] * len(gates)
