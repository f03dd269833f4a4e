"""Up to which number nothing is on its way any more, as far as this process knows.

To find out costs every writer a moment. What one follower has found out holds for all that come later.
"""

import threading
from collections.abc import Callable

from jeroboam.store.server import WRITER_SECONDS, unavailable


class Settled:
    """Only grows. A snapshot that begins after `up_to` was read holds all that was ever numbered up to it."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self.up_to = 0

    def reach(self, number: int, find_out: Callable[[], int]) -> int:
        """The mark, at `number` at least, which somebody has seen committed. Raises Unavailable."""
        if not self._turn.acquire(timeout=WRITER_SECONDS):
            raise unavailable("it is busy")
        try:
            if self.up_to < number:
                self.up_to = max(number, find_out())
            return self.up_to
        finally:
            self._turn.release()
