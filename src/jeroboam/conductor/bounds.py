"""Bounds on work that takes long: it holds a worker as long as it likes, and must leave some to everybody else."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from jeroboam.backends.errors import Temporary


class Bound:
    """At most `per_project` of a project's and `most` in all at once. `what` names them, in the plural. Thread-safe."""

    def __init__(self, what: str, per_project: int, most: int) -> None:
        self._what = what
        self._per_project = per_project
        self._most = most
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold(self, project_id: str, doing: str) -> Iterator[None]:
        """Raises Temporary where there are too many: who cannot begin gives its worker back meanwhile."""
        with self._lock:
            self._check(project_id, doing)
            self._held[project_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._held[project_id] -= 1
                if not self._held[project_id]:
                    del self._held[project_id]

    def _check(self, project_id: str, doing: str) -> None:
        own, all_ = self._held[project_id], self._held.total()
        if own >= self._per_project:
            raise Temporary(f"cannot {doing} yet: {own} {self._what} of the project are under way; it is tried again")
        if all_ >= self._most:
            raise Temporary(f"cannot {doing} yet: {all_} {self._what} are under way; it is tried again")
