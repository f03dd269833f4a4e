"""The wire to an engine that hangs, breaks off, or is not there."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from jeroboam.backends.data import Definition, File
from jeroboam.backends.docker import Deadlines, DockerBackend
from jeroboam.backends.errors import Temporary
from jeroboam.model.observed import State
from tests.backends.houses import POLITE, Bench
from tests.backends.proxies import Proxy, unix_listener
from tests.engine import Engine

SOON = Deadlines(ping=0.3, call=0.5, pull_silence=0.5, event_silence=0.5)


@pytest.fixture
def proxy(engine: Engine, tmp_path: Path) -> Iterator[Proxy]:
    door = Proxy(engine.url, unix_listener(tmp_path))
    yield door
    door.close()


@pytest.fixture
def through(proxy: Proxy, installation: str) -> Iterator[DockerBackend]:
    """A backend whose every byte goes through the proxy."""
    backend = DockerBackend("through", proxy.url, installation)
    yield backend
    backend.close()


@pytest.fixture
def silent(tmp_path: Path) -> Iterator[str]:
    """The address of an engine that takes connections and never says a word."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{tmp_path}/silent.sock")
        listener.listen(64)
        yield f"unix://{tmp_path}/silent.sock"


def _definition() -> Definition:
    return Definition("jeroboam-x-y", "image", {}, memory=32, vcpus=100, pids=10, files=(File("/a", b"b"),))


@pytest.mark.parametrize(
    "url", ["unix:///nowhere/docker.sock", "tcp://127.0.0.1:1"], ids=["no socket", "nobody listens"]
)
def test_an_engine_that_is_not_there_is_temporary(url: str) -> None:
    backend = DockerBackend("gone", url, "x", deadlines=SOON)
    for attempt in (backend.ping, backend.capacity, backend.containers, lambda: backend.create(_definition())):
        with pytest.raises(Temporary, match="is not reachable"):
            attempt()


def test_an_engine_that_hangs_hangs_nobody(silent: str) -> None:
    backend = DockerBackend("hung", silent, "x", deadlines=SOON)
    before = time.monotonic()
    for attempt in (backend.ping, backend.containers, lambda: backend.stop("c", 0), lambda: backend.events(None)):
        with pytest.raises(Temporary, match="did not answer in time"):
            attempt()
    assert time.monotonic() - before < 5


@pytest.mark.engine
def test_an_engine_that_falls_silent_hangs_nobody(proxy: Proxy, installation: str, bench_name: str) -> None:
    backend = DockerBackend("hung", proxy.url, installation, deadlines=SOON)
    backend.ping()
    proxy.deaf()
    before = time.monotonic()
    for attempt in (
        backend.ping,
        backend.capacity,
        lambda: backend.pull("busybox", None),
        lambda: backend.events(None),
        lambda: backend.attach(bench_name),
        lambda: backend.exec_run(bench_name, ("true",), 1),
    ):
        with pytest.raises(Temporary):
            attempt()
    assert time.monotonic() - before < 10
    backend.close()


@pytest.fixture
def bench_name(installation: str) -> str:
    return f"jeroboam-{installation}-whatever"


@pytest.mark.engine
def test_the_lost_answer_to_a_create_is_adopted(engine_bench: Bench, through: DockerBackend, proxy: Proxy) -> None:
    definition = engine_bench.definition(*POLITE, files=(File("/etc/motd", b"hello"),))
    proxy.cut_after(b"/containers/create")
    with pytest.raises(Temporary):
        through.create(definition)
    made = engine_bench.until(lambda: through.observe(definition.name), "the engine has made it")
    assert through.create(definition).id == made.id
    through.start(definition.name)
    assert through.exec_run(definition.name, ("cat", "/etc/motd"), 10).output == b"hello"
    assert [one.name for one in through.containers()].count(definition.name) == 1


@pytest.mark.engine
@pytest.mark.parametrize("verb", ["start", "stop", "remove"])
def test_a_lost_answer_is_made_good_by_asking_again(
    engine_bench: Bench, through: DockerBackend, proxy: Proxy, verb: str
) -> None:
    name = engine_bench.created(*POLITE) if verb == "start" else engine_bench.running()
    through.observe(name)
    attempts: dict[str, tuple[bytes, Callable[[], None], State | None]] = {
        "start": (b"/start", lambda: through.start(name), State.RUNNING),
        "stop": (b"/stop", lambda: through.stop(name, 10), State.EXITED),
        "remove": (b"DELETE", lambda: through.remove(name), None),
    }
    request, attempt, state = attempts[verb]
    proxy.cut_after(request)
    with pytest.raises(Temporary):
        attempt()
    attempt()
    seen = through.observe(name)
    assert (seen.state if seen else None) is state


@pytest.mark.engine
def test_broken_connections_are_made_anew(through: DockerBackend, proxy: Proxy) -> None:
    through.ping()
    proxy.break_all()
    through.ping()
    assert through.capacity().cpus >= 1


@pytest.mark.engine
def test_a_broken_stream_of_events_is_temporary(through: DockerBackend, proxy: Proxy) -> None:
    stream = through.events(None)
    proxy.break_all()
    with pytest.raises(Temporary):
        next(stream)


@pytest.mark.engine
def test_a_stream_of_events_that_is_silent_for_long_breaks(engine: Engine) -> None:
    backend = DockerBackend("quiet", engine.url, "nobody-has-this-label", deadlines=SOON)
    with pytest.raises(Temporary, match="did not answer in time"):
        next(backend.events(None))
    backend.close()


@pytest.mark.engine
def test_closing_the_backend_ends_its_streams(engine: Engine) -> None:
    backend = DockerBackend("closing", engine.url, "nobody-has-this-label")
    stream = backend.events(None)
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    backend.close()
    reader.join(10)
    assert not reader.is_alive()


@pytest.mark.engine
def test_many_threads_share_one_backend(engine_bench: Bench) -> None:
    failures: list[Exception] = []

    def work() -> None:
        try:
            name = engine_bench.created(*POLITE)
            for _ in range(5):
                engine_bench.see(name)
            engine_bench.backend.remove(name)
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failures == []


def test_text_that_is_no_unicode_is_refused() -> None:
    backend = DockerBackend("x", "unix:///nowhere", "x")
    with pytest.raises(Exception, match="not valid Unicode"):
        backend.create(Definition("c", "image", {"a": "\ud800"}, memory=32, vcpus=100, pids=10))


def test_something_else_at_the_engines_address_is_temporary(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(f"{tmp_path}/web.sock")
        listener.listen(8)

        def serve() -> None:
            for _ in range(2):
                near, _ = listener.accept()
                near.recv(65536)
                near.sendall(b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello")
                near.close()

        server = threading.Thread(target=serve)
        server.start()
        backend = DockerBackend("web", f"unix://{tmp_path}/web.sock", "x", deadlines=SOON)
        with pytest.raises(Temporary, match="does not answer as a Docker Engine does"):
            backend.capacity()
        backend.close()
        server.join(10)
