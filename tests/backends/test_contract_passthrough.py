"""What every backend promises of logs, commands, terminals, figures and files."""

import io
import tarfile
import threading
import time

import pytest

from jeroboam.backends.base import Backend, Stream
from jeroboam.backends.data import File
from jeroboam.backends.errors import Missing, Permanent, Temporary, WrongState
from jeroboam.model.observed import State
from tests.backends.houses import Bench


def _tar(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _logs(
    backend: Backend,
    name: str,
    *,
    stdout: bool = True,
    stderr: bool = True,
    timestamps: bool = False,
    tail: int | None = None,
    since: float | None = None,
) -> bytes:
    parts = backend.logs(name, stdout=stdout, stderr=stderr, timestamps=timestamps, tail=tail, since=since)
    return b"".join(parts)


def _receive(stream: Stream, wanted: bytes) -> bytes:
    """What comes, until `wanted` is in it or the end."""
    got = b""
    while wanted not in got and (data := stream.recv(4096)):
        got += data
    return got


@pytest.fixture
def talker(bench: Bench) -> str:
    """A container that said one, two, three, with `two` on stderr, and ended."""
    steps = "echo one; sleep 0.05; echo two >&2; sleep 0.05; echo three"
    name = bench.running("sh", "-c", steps)
    bench.until_state(name, State.EXITED)
    return name


def test_logs_come_in_order_without_frames(backend: Backend, talker: str) -> None:
    assert _logs(backend, talker) == b"one\ntwo\nthree\n"


def test_logs_of_one_stream(backend: Backend, talker: str) -> None:
    assert _logs(backend, talker, stderr=False) == b"one\nthree\n"
    assert _logs(backend, talker, stdout=False) == b"two\n"
    with pytest.raises(Permanent):
        _logs(backend, talker, stdout=False, stderr=False)


def test_the_tail_of_the_logs(backend: Backend, talker: str) -> None:
    assert _logs(backend, talker, tail=2) == b"two\nthree\n"
    assert _logs(backend, talker, tail=0) == b""
    assert _logs(backend, talker, tail=99) == b"one\ntwo\nthree\n"


def test_logs_with_timestamps_and_since(bench: Bench, backend: Backend, talker: str) -> None:
    started = bench.see(talker).started_at
    lines = _logs(backend, talker, timestamps=True).splitlines()
    assert [line.split(b" ")[1] for line in lines] == [b"one", b"two", b"three"]
    assert lines == sorted(lines)
    assert all(line[:2] == b"20" and line.split(b" ")[0].endswith(b"Z") for line in lines)
    assert started is not None
    assert _logs(backend, talker, since=started - 10).count(b"\n") == 3
    assert _logs(backend, talker, since=started + 3600) == b""


def test_logs_with_a_tty_are_as_they_came(bench: Bench, backend: Backend) -> None:
    name = bench.running("sh", "-c", "echo hello", tty=True)
    bench.until_state(name, State.EXITED)
    assert _logs(backend, name).replace(b"\r", b"") == b"hello\n"


def test_following_logs_ends_with_the_container(bench: Bench, backend: Backend) -> None:
    name = bench.running("sh", "-c", "echo early; sleep 0.5; echo late")
    stream = backend.logs(name, stdout=True, stderr=True, timestamps=False, tail=None, since=None, follow=True)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.extend(stream))
    reader.start()
    bench.until(lambda: not reader.is_alive(), "the logs have ended")
    assert b"".join(got) == b"early\nlate\n"


def test_following_logs_can_be_ended_by_another_thread(bench: Bench, backend: Backend) -> None:
    name = bench.running("sh", "-c", "echo early; sleep 600")
    stream = backend.logs(name, stdout=True, stderr=True, timestamps=False, tail=None, since=None, follow=True)
    assert next(stream) == b"early\n"
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    stream.close()
    reader.join(10)
    assert not reader.is_alive()


def test_a_command_gives_its_output_and_its_exit_code(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    result = backend.exec_run(name, ("sh", "-c", "echo out; echo err >&2; exit 3"), 10)
    assert result.exit_code == 3
    assert sorted(result.output.splitlines()) == [b"err", b"out"]
    assert backend.exec_run(name, ("true",), 10).exit_code == 0


def test_a_command_that_does_not_exist_has_an_exit_code_too(bench: Bench, backend: Backend) -> None:
    result = backend.exec_run(bench.running(), ("no-such-command",), 10)
    assert result.exit_code in (126, 127)
    assert b"no-such-command" in result.output


def test_a_command_that_does_not_end_is_given_up(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    before = time.monotonic()
    with pytest.raises(Temporary, match="has not ended"):
        backend.exec_run(name, ("sleep", "60"), 0.3)
    assert time.monotonic() - before < 5


def test_nothing_is_run_in_a_paused_container(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    backend.pause(name)
    with pytest.raises(WrongState, match="unpause"):
        backend.exec_run(name, ("true",), 5)


@pytest.mark.parametrize("tty", [True, False])
def test_a_command_can_be_talked_to(bench: Bench, backend: Backend, *, tty: bool) -> None:
    name = bench.running()
    exec_id = backend.exec_create(name, ("cat",), tty=tty)
    assert backend.exec_container(exec_id) == bench.see(name).id
    stream = backend.exec_attach(exec_id)
    try:
        assert stream.fileno() >= 0
        backend.exec_resize(exec_id, 100, 30)
        stream.send(b"hello\n")
        assert b"hello" in _receive(stream, b"hello")
        if not tty:
            stream.close_write()
            assert stream.recv(100) == b""
    finally:
        stream.close()


def test_a_command_of_unknown_id_is_missing(backend: Backend) -> None:
    for attempt in (backend.exec_attach, backend.exec_container):
        with pytest.raises(Missing):
            attempt("0" * 64)
    with pytest.raises(Missing):
        backend.exec_resize("../containers/x", 80, 25)


@pytest.mark.parametrize("tty", [True, False])
def test_a_container_can_be_attached_to(bench: Bench, backend: Backend, *, tty: bool) -> None:
    name = bench.running("cat", stdin=True, tty=tty)
    stream = backend.attach(name)
    try:
        if tty:
            backend.resize(name, 100, 30)
        stream.send(b"hello\n")
        assert b"hello" in _receive(stream, b"hello")
    finally:
        stream.close()


def test_processes_are_listed(bench: Bench, backend: Backend) -> None:
    titles, rows = backend.top(bench.running("sleep", "600"), None)
    assert "PID" in titles
    assert "sleep 600" in rows[0][-1]
    assert len(rows[0]) == len(titles)


def test_figures_have_zuns_keys(bench: Bench, backend: Backend) -> None:
    name = bench.running(memory=40)
    figures = backend.stats(name)
    assert list(figures) == [
        "CONTAINER",
        "CPU %",
        "MEM USAGE(MiB)",
        "MEM LIMIT(MiB)",
        "MEM %",
        "BLOCK I/O(B)",
        "NET I/O(B)",
    ]
    assert figures["CONTAINER"] == name
    assert figures["MEM LIMIT(MiB)"] == 40
    assert float(str(figures["CPU %"])) >= 0
    assert 0 < float(str(figures["MEM USAGE(MiB)"])) < 40


def test_files_are_in_place_before_the_first_start(bench: Bench, backend: Backend) -> None:
    content = bytes(range(256))
    files = (File("/etc/app/settings.bin", content), File("/motd", b"hello\n"))
    name = bench.running("sh", "-c", "cat /motd; sleep 600", files=files)
    bench.until(lambda: _logs(backend, name) == b"hello\n", "it has read its file")
    archive = backend.get_archive(name, "/etc/app/settings.bin", 100_000)
    assert (archive.stat["name"], archive.stat["size"]) == ("settings.bin", 256)
    with tarfile.open(fileobj=io.BytesIO(archive.data)) as tar:
        member = tar.extractfile("settings.bin")
        assert member is not None
        assert member.read() == content


def test_files_go_in_and_come_out(bench: Bench, backend: Backend) -> None:
    name = bench.created()
    backend.put_archive(name, "/tmp", _tar(a=b"first", b=b"second"))
    with tarfile.open(fileobj=io.BytesIO(backend.get_archive(name, "/tmp/b", 100_000).data)) as tar:
        member = tar.extractfile("b")
        assert member is not None
        assert member.read() == b"second"


def test_an_archive_beyond_the_limit_is_refused(bench: Bench, backend: Backend) -> None:
    name = bench.created(files=(File("/big", b"x" * 100_000),))
    with pytest.raises(Permanent, match="larger than 50000 bytes"):
        backend.get_archive(name, "/big", 50_000)


def test_files_that_are_not_there_and_archives_that_are_none(bench: Bench, backend: Backend) -> None:
    name = bench.created()
    with pytest.raises(Missing):
        backend.get_archive(name, "/no/such", 1000)
    with pytest.raises(Missing):
        backend.put_archive(name, "/no/such", _tar(a=b""))
    with pytest.raises(Permanent):
        backend.put_archive(name, "/tmp", b"this is no tar" * 100)
