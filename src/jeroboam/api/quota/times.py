"""Times in requests: ISO 8601; what names no zone is UTC."""

from datetime import UTC, datetime

from jeroboam.model.errors import Malformed


def parse(text: str) -> float:
    """Seconds since the epoch. Raises Malformed."""
    try:
        at = datetime.fromisoformat(text)
        return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Malformed(f"cannot read {text!r} as a time: write ISO 8601, as 2026-12-31T12:00:00Z") from None
