"""Tells what somebody else did to a container from the echo of what we did ourselves.

Every call of ours comes back as a line of the engine's event stream. Woken by each, a conductor would look at every
container twice. So a line that is older than our last look at its object says nothing new.
"""

import threading
from collections import OrderedDict

REMEMBERED = 10_000
"""Objects whose last look is known; a line about any other one is news, and costs one look."""


class Echoes:
    """Thread-safe. All times are by our clock: who hears a line translates the engine's (`skew`)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._looked: OrderedDict[str, float] = OrderedDict()
        self._busy: dict[str, float] = {}

    def begin(self, object_id: str) -> None:
        """Work on the object starts: what is heard until `end` is judged then."""
        with self._lock:
            self._busy[object_id] = 0.0

    def end(self, object_id: str, looked_at: float) -> bool:
        """Work ended with a look at `looked_at`. Whether something was heard that came later than this look."""
        with self._lock:
            self._looked[object_id] = looked_at
            self._looked.move_to_end(object_id)
            if len(self._looked) > REMEMBERED:
                self._looked.popitem(last=False)
            return self._busy.pop(object_id, 0.0) > looked_at

    def heard(self, object_id: str, at: float) -> bool:
        """Whether the line is news that somebody has to look at now."""
        with self._lock:
            if object_id in self._busy:
                self._busy[object_id] = max(self._busy[object_id], at)
                return False
            return at > self._looked.get(object_id, 0.0)


def skew(before: float, there: float, after: float) -> float:
    """Seconds to add to the engine's times to have ours: `there` is its clock between our `before` and `after`.

    0 where they may well be the same. Otherwise rather too much, so that news are never taken for an echo.
    """
    return 0.0 if before <= there <= after else after - there
