"""Typed codecs between the documents of a kind (spec and status) and the JSON text in the tables.

Full documents are stored, defaults included: a default that changes later must not change what somebody asked for.
Fields that are missing take their default and fields that are unknown are left out, so that versions can be mixed.
"""

from collections.abc import Callable
from dataclasses import dataclass
from sys import getsizeof
from typing import Any, Generic, TypeVar

from pydantic import TypeAdapter

from jeroboam.kept import Kept
from jeroboam.model import container

Spec = TypeVar("Spec")
Status = TypeVar("Status")
Document = TypeVar("Document")

DECODED = 4 << 20
"""Bytes of text, of each kind: of some thousand objects. What it becomes in memory is a few times as much."""


@dataclass(frozen=True, slots=True)
class Indexed:
    """What is kept beside the documents, to filter and sort by."""

    phase: str
    host: str
    image: str


class Codec(Generic[Spec, Status]):
    """Reads and writes the documents of one kind. What is read often is decoded once: documents are never changed.

    `volumes` names those of the project that a spec mounts.
    """

    def __init__(
        self,
        spec: type[Spec],
        status: type[Status],
        indexed: Callable[[Spec, Status], Indexed],
        volumes: Callable[[Spec], frozenset[str]],
    ) -> None:
        self._spec: TypeAdapter[Spec] = TypeAdapter(spec)
        self._status: TypeAdapter[Status] = TypeAdapter(status)
        self.indexed = indexed
        self.volumes = volumes
        self.decoded: Kept[tuple[object, str], Any] = Kept(DECODED)

    def read_spec(self, text: str) -> Spec:
        return self._read(self._spec, text)

    def read_status(self, text: str) -> Status:
        return self._read(self._status, text)

    def _read(self, adapter: TypeAdapter[Document], text: str) -> Document:
        key = (adapter, text)
        found: Document | None = self.decoded.get(key)
        if found is None:
            found = adapter.validate_json(text)
            self.decoded.put(key, found, getsizeof(text))
        return found

    def write_spec(self, spec: Spec) -> str:
        return self._spec.dump_json(spec).decode()

    def write_status(self, status: Status) -> str:
        return self._status.dump_json(status).decode()


def _container_indexed(spec: container.ContainerSpec, status: container.ContainerStatus) -> Indexed:
    return Indexed(status.phase, status.host or "", spec.image)


def _container_volumes(spec: container.ContainerSpec) -> frozenset[str]:
    return frozenset(mount.name for mount in spec.volumes if mount.name is not None)


CODECS: dict[str, Codec[Any, Any]] = {
    container.KIND: Codec(container.ContainerSpec, container.ContainerStatus, _container_indexed, _container_volumes)
}
"""By kind. A new kind is one more line here."""
