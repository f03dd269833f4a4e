"""How many cores the engine's machine has: no container can have more, whatever the quota allows."""

import threading
import time
from contextlib import suppress

from jeroboam.backends.base import Backend
from jeroboam.backends.errors import BackendError
from jeroboam.model.errors import Malformed

FRESH_SECONDS = 60.0
PATIENCE = 0.5
"""Seconds that the first to ask waits. Until the engine has answered nothing is refused: a conductor hears it then."""


class Cores:
    """As last heard, and asked for in the background: an engine that hangs keeps no request. Thread-safe."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._lock = threading.Lock()
        self._asked = -FRESH_SECONDS
        self._known: int | None = None

    def check(self, vcpus: int) -> None:
        """`vcpus` in thousandths. Raises Malformed where they are more than there are."""
        # Every machine has one: most requests need not know.
        known = self._cores() if vcpus > 1000 else None
        if known is not None and vcpus > known * 1000:
            raise Malformed(
                f"cannot give a container {vcpus / 1000:g} vCPUs: the engine's machine has {known}; ask for no more"
            )

    def _cores(self) -> int | None:
        with self._lock:
            stale = time.monotonic() - self._asked >= FRESH_SECONDS
            if stale:
                self._asked = time.monotonic()
        if stale:
            asking = threading.Thread(target=self._ask, name="cores", daemon=True)
            asking.start()
            asking.join(PATIENCE if self._known is None else 0.0)
        return self._known

    def _ask(self) -> None:
        with suppress(BackendError):
            self._known = self._backend.capacity().cpus
