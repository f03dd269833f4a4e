"""The engine's refusals as our types: by its words where they say more than the status does, otherwise by status."""

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
    ("port is already allocated", PortTaken),
    ("bind: address already in use", PortTaken),
    ("failed to bind host port", PortTaken),
    ("address already in use", Taken),
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

_STATUSES: Mapping[int, type[BackendError]] = {404: Missing, 409: WrongState, 429: Temporary}


def refusal(status: int, words: str, doing: str) -> BackendError:
    """What to raise for an answer of `status` with the engine's `words` to the attempt at `doing`."""
    said = words.lower()
    message = f"cannot {doing}: {words or f'the engine answered {status}'}"
    for phrase, kind in _WORDS:
        if phrase in said:
            return kind(message)
    if status == 404 and said.startswith("network "):
        return NetworkMissing(message)
    if status >= 500:
        return Temporary(message)
    return _STATUSES.get(status, Permanent)(message)
