"""What is kept in memory is bounded by its size, whoever sends how much of it."""

import pytest

from jeroboam.api.containers import written
from jeroboam.kept import LARGEST, Kept
from jeroboam.model.container import KIND, ContainerSpec, ContainerStatus
from jeroboam.model.objects import Object
from jeroboam.store import codecs
from jeroboam.store.codecs import CODECS


@pytest.mark.parametrize(
    ("sizes", "left"),
    [
        ({}, ""),
        ({"a": 40, "b": 60}, "ab"),
        ({"a": 40, "b": 60, "c": 1}, "bc"),
        ({"a": 40, "b": 60, "c": 61}, "c"),
        ({"a": 40, "b": LARGEST + 1}, "a"),
    ],
)
def test_those_used_last_stay_and_weigh_no_more_than_the_limit(sizes: dict[str, int], left: str) -> None:
    kept: Kept[str, str] = Kept(100)
    for key, size in sizes.items():
        kept.put(key, key.upper(), size)
    assert "".join(key for key in "abc" if kept.get(key) == key.upper()) == left
    assert kept.size == sum(sizes[key] for key in left) <= 100


def test_what_is_used_stays_and_what_is_replaced_counts_once() -> None:
    kept: Kept[str, int] = Kept(100)
    kept.put("a", 1, 50)
    kept.put("b", 1, 50)
    kept.put("a", 2, 30)
    kept.get("b")
    kept.put("c", 1, 50)
    assert (kept.get("a"), kept.get("b"), kept.get("c"), kept.size) == (None, 1, 1, 100)
    kept.put("b", 2, LARGEST + 1)
    assert (kept.get("b"), kept.size) == (None, 50)


def spec(number: int, size: int) -> ContainerSpec:
    return ContainerSpec(image="i", environment={"A": "x" * size, "N": str(number)})


@pytest.mark.parametrize(("size", "kept"), [(100, True), (LARGEST, False), (900_000, False)])
def test_small_documents_are_decoded_once_and_large_ones_are_not_held(size: int, kept: bool) -> None:
    codec = CODECS[KIND]
    texts = [codec.write_spec(spec(number, size)) for number in range(3)]
    for text in texts:
        again = str(text.encode(), "ascii")  # as it comes out of the database: equal, and not the same
        assert (codec.read_spec(text) is codec.read_spec(again)) == kept
        assert codec.read_spec(text) == codec.read_spec(again)
    assert codec.decoded.size <= codecs.DECODED


def test_however_many_there_are_they_weigh_no_more_than_the_limit() -> None:
    codec, writer = CODECS[KIND], written.Writer()
    size = LARGEST - 4096
    for number in range(2 + max(codecs.DECODED, written.WRITTEN) // size):
        read = codec.read_spec(codec.write_spec(spec(number, size)))
        obj = Object(str(number), KIND, "p", "u", "n", 1, 1, read, ContainerStatus(), 0.0, 0.0)
        writer.write(obj, "", 0.0)
    assert codecs.DECODED - LARGEST < codec.decoded.size <= codecs.DECODED
    assert written.WRITTEN - LARGEST < writer.kept.size <= written.WRITTEN


def test_a_writer_holds_nothing_of_what_it_does_not_show() -> None:
    """The content of injected files stands in the spec and in no list."""
    writer = written.Writer()
    obj = Object("o", KIND, "p", "u", "n", 1, 1, spec(1, 10), ContainerStatus(), 0.0, 0.0)
    writer.write(obj, "", 0.0)
    found = writer.kept.get("o")
    assert found is not None
    assert not any(isinstance(getattr(found, name), ContainerSpec | Object) for name in found.__slots__)
