"""Which containers are ours: nothing is done to one before its label was seen."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from jeroboam.backends.docker.wire import Wire, segment
from jeroboam.backends.errors import Missing, NotOurs
from jeroboam.model.names import LABEL_INSTALLATION

T = TypeVar("T")
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Known:
    """A container whose label was seen. Labels, ids and tty never change, so it need not be looked at again."""

    id: str
    tty: bool


class Owned:
    """What every room of this backend shares: the wire, and the way from a name to a container of ours."""

    def __init__(self, name: str, wire: Wire, installation: str) -> None:
        self.name = name
        self.installation = installation
        self._wire = wire
        self._known: dict[str, Known] = {}

    def _is_ours(self, labels: Mapping[str, str] | None) -> bool:
        return (labels or {}).get(LABEL_INSTALLATION) == self.installation

    def _filters(self, **more: list[str]) -> dict[str, list[str]]:
        return {"label": [f"{LABEL_INSTALLATION}={self.installation}"], **more}

    def _inspect(self, name: str) -> dict[str, Any] | None:
        """The engine's document of a container of ours, None if there is none. Raises NotOurs."""
        try:
            found: dict[str, Any] = self._wire.json(
                "GET", f"/containers/{segment(name)}/json", f"look at container {name}"
            )
        except Missing:
            self._known.pop(name, None)
            return None
        # The engine also finds containers by the beginning of their id.
        if found["Name"].lstrip("/") != name:
            return None
        if not self._is_ours(found["Config"].get("Labels")):
            self._known.pop(name, None)
            raise NotOurs(f"cannot touch container {name}: it is not ours; remove or rename it, and we make our own")
        self._remember(name, known(found))
        return found

    def _remember(self, name: str, known: Known) -> None:
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[name] = known

    def _find(self, name: str) -> Known:
        """Raises Missing, NotOurs."""
        found = self._inspect(name)
        if found is None:
            raise Missing(f"cannot find container {name}: it is not on the engine any more")
        # Not from what is remembered: others forget it at the same time.
        return known(found)

    def _on(self, name: str, act: Callable[[Known], T]) -> T:
        """`act` on our container of that name: by its id, so that no other of that name can slip in between.

        Costs no call where the container was seen before; one that was made anew meanwhile is found again.
        """
        known = self._known.get(name)
        if known is None:
            return act(self._find(name))
        try:
            return act(known)
        except Missing:
            found = self._find(name)
            if found == known:
                raise
            return act(found)


def known(document: Mapping[str, Any]) -> Known:
    """From the engine's document of a container."""
    return Known(document["Id"], bool(document["Config"].get("Tty")))
