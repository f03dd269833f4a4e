"""Waking whoever waits for work: a counter that grows with every commit, ours or another process's.

A signal is a hint. Nothing may depend on it for being right: every waiter has a time-out and looks for itself.
"""

import threading
from collections.abc import Callable
from contextlib import suppress

Watch = Callable[[Callable[[], None], threading.Event], None]
"""watch(notify, closed): calls `notify` whenever another process may have committed, until `closed` is set."""


class Signal:
    """`watch` runs in a thread of its own, from when somebody waits here on."""

    def __init__(self, watch: Watch) -> None:
        self._watch_others = watch
        self._changed = threading.Condition()
        self._count = 0
        self._callbacks: dict[object, Callable[[], None]] = {}
        self._watcher: threading.Thread | None = None
        self._closed = threading.Event()

    def notify(self) -> None:
        """Wakes every waiter and calls every subscriber, from the thread that calls this."""
        with self._changed:
            self._count += 1
            callbacks = list(self._callbacks.values())
            self._changed.notify_all()
        for callback in callbacks:
            with suppress(RuntimeError):  # an event loop that has ended: the commit stands all the same
                callback()

    def wait(self, seen: int, timeout: float) -> int:
        """Blocks until the counter differs from `seen`, or for `timeout` seconds; returns the counter."""
        self._watch()
        with self._changed:
            self._changed.wait_for(lambda: self._count != seen or self._closed.is_set(), timeout)
            return self._count

    def subscribe(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls `callback` (short, never blocking, from any thread) at each notify; returns what ends that."""
        key = object()
        with self._changed:
            self._callbacks[key] = callback
        self._watch()

        def unsubscribe() -> None:
            with self._changed:
                self._callbacks.pop(key, None)

        return unsubscribe

    def close(self) -> None:
        self._closed.set()
        with self._changed:
            self._changed.notify_all()
        if self._watcher is not None and self._watcher is not threading.current_thread():
            self._watcher.join()

    def _watch(self) -> None:
        # Started by the first who waits: a process that only writes needs no watcher.
        with self._changed:
            if self._watcher is not None or self._closed.is_set():
                return
            self._watcher = threading.Thread(
                target=self._watch_others, args=(self.notify, self._closed), name="store-signal", daemon=True
            )
            self._watcher.start()
