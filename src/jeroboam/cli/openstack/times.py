"""Times on the command line: ISO 8601, or a span (10m, 2h, 7d) before now or after it."""

import re
import time
from argparse import ArgumentTypeError
from datetime import UTC, datetime

_SPAN = re.compile(r"(\d{1,6})([smhd])", re.ASCII)
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


def span(text: str) -> int | None:
    """Seconds; None: it is no span."""
    found = _SPAN.fullmatch(text)
    return int(found[1]) * _SECONDS[found[2]] if found else None


def absolute(text: str) -> datetime | None:
    """With its zone, which is UTC where none is named; None: it is no time."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def past(text: str) -> str:
    """ISO 8601 of a time, or of so long ago."""
    if (ago := span(text)) is not None:
        return datetime.fromtimestamp(time.time() - ago, UTC).isoformat(timespec="seconds")
    if (at := absolute(text)) is not None:
        return at.isoformat()
    raise ArgumentTypeError(f"cannot read {text[:40]!r} as a time: write 30m, 2h, 7d, or 2026-11-23T18:00:00Z")
