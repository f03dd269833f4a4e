"""Who is free to work: a worker is reserved before an object is leased, so that no lease waits for a worker."""

import threading
import time


class Workers:
    """So many of them. Thread-safe."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._idle = threading.Semaphore(count)

    def reserve(self) -> int:
        """Reserves every idle one; how many that are."""
        count = 0
        while self._idle.acquire(blocking=False):
            count += 1
        return count

    def give_back(self, count: int = 1) -> None:
        for _ in range(count):
            self._idle.release()

    def wait(self, timeout: float) -> None:
        """Until one is idle, or `timeout` seconds have passed."""
        if self._idle.acquire(timeout=timeout):
            self._idle.release()

    def retire(self, deadline: float) -> None:
        """Returns when all are idle, and no one is from then on; at `deadline` (monotonic) at the latest."""
        for _ in range(self._count):
            if not self._idle.acquire(timeout=max(0.0, deadline - time.monotonic())):
                return
