"""The `openstack` command as a person types it: several lines to one process, or one in a terminal."""

import json
import os
import pty
import select
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.e2e.server import Server

OPENSTACK = str(Path(sys.executable).with_name("openstack"))
SECONDS = 60.0


@dataclass(frozen=True)
class Said:
    """What stood on the screen, and what was wrong."""

    out: str
    errors: str

    @property
    def documents(self) -> list[Any]:
        """The JSON documents in the output, in order."""
        decoder, text, found = json.JSONDecoder(), self.out, []
        while text := text.lstrip():
            if text[0] in "[{":
                document, end = decoder.raw_decode(text)
                found.append(document)
                text = text[end:]
            else:
                text = text.partition("\n")[2]
        return found


def environment(server: Server, cloud: str) -> dict[str, str]:
    kept = {k: v for k, v in os.environ.items() if not k.startswith("OS_")}
    return {**kept, "OS_CLIENT_CONFIG_FILE": str(server.clouds_file), "OS_CLOUD": cloud, "COLUMNS": "200"}


def openstack(server: Server, cloud: str, *lines: str) -> Said:
    """Several commands to one `openstack`, which takes one and a half seconds to start."""
    done = subprocess.run(
        [OPENSTACK],
        input="\n".join(lines) + "\n",
        env=environment(server, cloud),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    return Said(done.stdout, done.stderr)


class Terminal:
    """A command in a terminal, and who sits before it."""

    def __init__(self, process: "subprocess.Popen[bytes]", screen: int) -> None:
        self.process = process
        self._screen = screen
        self.seen = ""

    def type(self, text: str) -> None:
        os.write(self._screen, text.encode())

    def until(self, text: str) -> None:
        """Reads on until `text` stands on the screen."""
        end = time.monotonic() + SECONDS
        while text not in self.seen:
            assert time.monotonic() < end, f"no {text!r} on the screen, but {self.seen!r}"
            self._read(0.5)

    def ends(self) -> int:
        """Its exit code."""
        end = time.monotonic() + SECONDS
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it does not end: {self.seen!r}"
            self._read(0.1)
        return self.process.returncode

    def _read(self, seconds: float) -> None:
        if not select.select([self._screen], [], [], seconds)[0]:
            return
        try:
            self.seen += os.read(self._screen, 4096).decode(errors="replace")
        except OSError:  # the other end is closed
            self.process.wait(SECONDS)


@contextmanager
def terminal(server: Server, cloud: str, *words: str) -> Iterator[Terminal]:
    """`openstack WORDS` in a terminal of 33 lines and 111 columns."""
    screen, inside = pty.openpty()
    termios.tcsetwinsize(inside, (33, 111))
    env = {**environment(server, cloud), "LINES": "33", "COLUMNS": "111"}
    process = subprocess.Popen([OPENSTACK, *words], stdin=inside, stdout=inside, stderr=inside, env=env)
    os.close(inside)
    try:
        yield Terminal(process, screen)
    finally:
        process.kill()
        process.wait(SECONDS)
        os.close(screen)
