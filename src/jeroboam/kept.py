"""What is kept in memory because it is asked for again: bounded by its size, for others decide what there is."""

from collections import OrderedDict
from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")

LARGEST = 16 << 10
"""Bytes of one: what is larger is rare, and made anew each time."""


class Kept(Generic[Key, Value]):
    """The values that were used last, `limit` bytes of them together. Thread-safe."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._lock = Lock()
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self.size = 0

    def get(self, key: Key) -> Value | None:
        with self._lock:
            found = self._values.get(key)
            if found is None:
                return None
            self._values.move_to_end(key)
            return found[0]

    def put(self, key: Key, value: Value, size: int) -> None:
        """`size`: bytes that the value and its key stand for. In place of what was there under that key."""
        with self._lock:
            self.size -= self._values.pop(key, (None, 0))[1]
            if size > LARGEST:
                return
            self._values[key] = (value, size)
            self.size += size
            while self.size > self._limit:
                self.size -= self._values.popitem(last=False)[1][1]
