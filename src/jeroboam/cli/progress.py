"""What a command says as it goes: short lines, each with the time since it began."""

import sys
import time
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
