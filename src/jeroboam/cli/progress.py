"""What a command says as it goes: short lines, each with the time since it began."""

import sys
import time
from collections.abc import Callable
from typing import TextIO


class Progress:
    """Lines like `   3.2 s  Keystone answers`. A reader that has gone away does not matter."""

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out or sys.stdout
        self._began = time.monotonic()

    def __call__(self, text: str) -> None:
        self.plain(f"{time.monotonic() - self._began:6.1f} s  {text}")

    def plain(self, text: str = "") -> None:
        try:
            print(text, file=self._out, flush=True)
        except (BrokenPipeError, ValueError):
            return

    def close(self) -> None:
        """Ends what was said through a pipe of its own; what follows goes nowhere."""
        if self._out not in (sys.stdout, sys.stderr):
            try:
                self._out.close()
            except BrokenPipeError:
                return


class Ticker:
    """How far a command is, on one line of a terminal that is gone in the end. Nothing if it does not take long, and
    nothing where no terminal is.
    """

    AFTER, EVERY = 1.5, 0.2
    """Seconds."""

    def __init__(self, out: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._out = out or sys.stderr
        self._clock = clock
        self._began = clock()
        self._next = self._began + self.AFTER if self._out and self._out.isatty() else None
        self._shown = False

    def __call__(self, text: str) -> None:
        if self._next is not None and (now := self._clock()) >= self._next:
            self._next, self._shown = now + self.EVERY, True
            self._write(f"\r{now - self._began:6.1f} s  {text}\x1b[K")

    def close(self) -> None:
        if self._shown:
            self._write("\r\x1b[K")

    def _write(self, text: str) -> None:
        try:
            print(text, end="", file=self._out, flush=True)
        except (OSError, ValueError):
            self._next, self._shown = None, False
