"""Containers as JSON for lists: one that has not changed since the last list is not written again.

Clients poll lists, and most of what they get is what they got before. What depends on the time alone (status_detail) is
put in front of what is kept.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

import orjson

from jeroboam.api.containers import view
from jeroboam.api.containers.view import ContainerObject

KEPT = 2048
"""Containers, some 2 KiB each."""


@dataclass(frozen=True, slots=True)
class _Written:
    obj: ContainerObject
    base: str
    body: bytes

    def is_of(self, obj: ContainerObject, base: str) -> bool:
        """Documents that were decoded once are the same object as long as their text is the same."""
        old = self.obj
        return (
            old.spec is obj.spec
            and old.status is obj.status
            and old.observed_generation == obj.observed_generation
            and old.updated_at == obj.updated_at
            and old.deleting == obj.deleting
            and old.name == obj.name
            and old.generation == obj.generation
            and self.base == base
        )


class Writer:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: OrderedDict[str, _Written] = OrderedDict()

    def write(self, obj: ContainerObject, base: str, now: float) -> orjson.Fragment:
        """What view.container shows, as JSON."""
        found = self._kept.get(obj.id)
        if found is None or not found.is_of(obj, base):
            found = self._keep(obj, base, now)
        return orjson.Fragment(b'{"status_detail":' + orjson.dumps(view.detail(obj, now)) + b"," + found.body)

    def _keep(self, obj: ContainerObject, base: str, now: float) -> _Written:
        document = view.container(obj, base, now)
        del document["status_detail"]
        written = _Written(obj, base, orjson.dumps(document)[1:])
        with self._lock:
            self._kept[obj.id] = written
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return written
