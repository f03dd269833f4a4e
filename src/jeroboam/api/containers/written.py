"""Containers as JSON for lists: one that has not changed since the last list is not written again.

Clients poll lists, and most of what they get is what they got before. What depends on the time alone (status_detail) is
put in front of what is kept.
"""

from dataclasses import dataclass
from typing import Any

import orjson

from jeroboam.api.containers import view
from jeroboam.api.containers.view import ContainerObject
from jeroboam.kept import Kept

WRITTEN = 8 << 20
"""Bytes: of some thousand containers."""


@dataclass(frozen=True, slots=True)
class _Written:
    """Nothing of the container itself is held: what is not shown may be large."""

    seen: tuple[Any, ...]
    status: Any
    body: bytes


class Writer:
    """Thread-safe."""

    def __init__(self) -> None:
        self.kept: Kept[str, _Written] = Kept(WRITTEN)

    def write(self, obj: ContainerObject, base: str, now: float) -> orjson.Fragment:
        """What view.container shows, as JSON."""
        seen = (base, obj.name, obj.generation, obj.observed_generation, obj.updated_at, obj.deleting)
        found = self.kept.get(obj.id)
        # A generation has one spec. A status that was decoded once is the same object as long as its text is the same.
        if found is None or found.status is not obj.status or found.seen != seen:
            document = view.container(obj, base, now)
            del document["status_detail"]
            found = _Written(seen, obj.status, orjson.dumps(document)[1:])
            self.kept.put(obj.id, found, len(found.body))
        return orjson.Fragment(b'{"status_detail":' + orjson.dumps(view.detail(obj, now)) + b"," + found.body)
