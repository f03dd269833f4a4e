"""The engine's refusals as our types: by its words where they say more than the status does, otherwise by status."""

import re
from collections.abc import Mapping

from jeroboam.backends.errors import (
    BackendError,
    ImageMissing,
    Missing,
    NetworkMissing,
    Permanent,
    PortTaken,
    Taken,
    Temporary,
    WrongState,
)

# The engine answers 404, 409 and 500 for very different things, and other ones in other versions.
_WORDS: tuple[tuple[str, type[BackendError]], ...] = (
    ("already in progress", Temporary),
    ("marked for removal", Temporary),
    ("has active endpoints", Temporary),
    ("volume is in use", Temporary),
    ("no such container", Missing),
    ("no such exec", Missing),
    ("no such image", ImageMissing),
    ("address already in use", Taken),
    ("cannot assign requested address", Permanent),
    ("bind: permission denied", Permanent),
    ("failed to bind host port", Permanent),
    ("pool overlaps", Taken),
    ("is not running", WrongState),
    ("is paused", WrongState),
    ("paused container", WrongState),
    ("is not paused", WrongState),
    ("no space left on device", Temporary),
    ("oci runtime create failed", Permanent),
    ("error processing tar file", Permanent),
    ("does not support signal", Permanent),
    ("invalid subnet", Permanent),
    ("is not connected to", Missing),
)

_PORT_TAKEN = re.compile("port is already allocated|bind(: | host port .*)address already in use")
_PORT = re.compile(r"(?:bind for|listen \w+|bind host port(?: for)?) (?:\[[^]]*\]|::|[\d.]*):(\d+)")

_STATUSES: Mapping[int, type[BackendError]] = {404: Missing, 409: WrongState, 429: Temporary}


def refusal(status: int, words: str, doing: str) -> BackendError:
    """What to raise for an answer of `status` with the engine's `words` to the attempt at `doing`."""
    said = words.lower()
    message = f"cannot {doing}: {words or f'the engine answered {status}'}"
    if _PORT_TAKEN.search(said):
        named = _PORT.search(said)
        return PortTaken(message, int(named[1]) if named else None)
    for phrase, kind in _WORDS:
        if phrase in said:
            return kind(message)
    if status == 404 and said.startswith("network "):
        return NetworkMissing(message)
    if status >= 500:
        return Temporary(message)
    return _STATUSES.get(status, Permanent)(message)
