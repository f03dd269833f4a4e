"""What every backend promises of hearing what happens."""

import threading

from jeroboam.backends.base import Backend, EventStream
from jeroboam.backends.data import Happened
from jeroboam.model.observed import State
from tests.backends.houses import Bench


def _collect(stream: EventStream, last: str) -> list[Happened]:
    """Events up to the first whose action is `last`."""
    heard: list[Happened] = []
    for event in stream:
        heard.append(event)
        if event.action == last:
            break
    stream.close()
    return heard


def test_what_happens_after_subscribing_is_heard(bench: Bench, backend: Backend) -> None:
    stream = backend.events(None)
    definition = bench.definition("sh", "-c", "exit 7")
    backend.create(definition)
    backend.start(definition.name)
    bench.until_state(definition.name, State.EXITED)
    backend.remove(definition.name)
    heard = [event for event in _collect(stream, "destroy") if event.attributes["name"] == definition.name]
    assert [event.action for event in heard] == ["create", "start", "die", "destroy"]
    assert {event.object_id for event in heard} == {definition.labels["io.jeroboam.object"]}
    assert heard[2].attributes["exitCode"] == "7"
    assert [event.at for event in heard] == sorted(event.at for event in heard)


def test_what_happened_since_is_told_again(bench: Bench, backend: Backend) -> None:
    name = bench.running()
    begun = bench.see(name).started_at
    assert begun is not None
    first = next(event for event in _all_since(bench, begun - 5) if event.attributes["name"] == name)
    assert first in _all_since(bench, first.at)


def _all_since(bench: Bench, since: float) -> list[Happened]:
    """A marker container's end shows where the past is over."""
    marker = bench.created()
    stream = bench.backend.events(since)
    bench.backend.remove(marker)
    heard: list[Happened] = []
    for event in stream:
        heard.append(event)
        if event.action == "destroy" and event.attributes["name"] == marker:
            break
    stream.close()
    return heard


def test_what_is_not_ours_is_not_heard(bench: Bench, backend: Backend) -> None:
    foreign = bench.definition()
    stream = backend.events(None)
    bench.house.foreign_container(foreign.name)
    bench.forget(foreign.name)
    ours = bench.created()
    backend.remove(ours)
    assert {event.attributes["name"] for event in _collect(stream, "destroy")} == {ours}


def test_a_stream_can_be_closed_by_another_thread(backend: Backend) -> None:
    stream = backend.events(None)
    reader = threading.Thread(target=lambda: list(stream))
    reader.start()
    stream.close()
    reader.join(10)
    assert not reader.is_alive()
