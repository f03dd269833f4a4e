"""Every error that a caller can see, with its stable code. The codes are API: they are never renamed.

A message begins with what could not be done and ends with what would help.
"""

from collections.abc import Mapping
from typing import Any, ClassVar


class Problem(Exception):
    """An answer other than success. `code` is stable, `status` is HTTP's, `detail` is JSON-able data of the case."""

    code: ClassVar[str] = "problem"
    status: ClassVar[int] = 500
    title: ClassVar[str] = "Problem"

    def __init__(self, message: str, **detail: Any) -> None:
        super().__init__(message)
        self.message = message
        self.detail: Mapping[str, Any] = detail


class Malformed(Problem):
    """The request is not of the form that the API takes."""

    code, status, title = "malformed", 400, "Bad request"


class Unsupported(Problem):
    """The client can ask for it, Jeroboam does not do it; the message says what to do instead."""

    code, status, title = "unsupported", 400, "Not supported"


class Unauthenticated(Problem):
    code, status, title = "unauthenticated", 401, "Not authenticated"


class Forbidden(Problem):
    """The caller's roles or an operator's policy do not allow it."""

    code, status, title = "forbidden", 403, "Forbidden"


class QuotaRefused(Problem):
    """The quota tree says no. `detail` holds the engine's reason as data (rule, node, resource, figures, helps)."""

    code, status, title = "quota_refused", 403, "Quota exceeded"


class NotFound(Problem):
    """There is no such thing, or not for this caller: both look the same."""

    code, status, title = "not_found", 404, "Not found"


class NotAcceptable(Problem):
    code, status, title = "unsupported_version", 406, "Version not supported"


class Conflict(Problem):
    """The state of the thing does not allow this now."""

    code, status, title = "conflict", 409, "Conflict"


class TooLarge(Problem):
    code, status, title = "too_large", 413, "Too large"


class Unavailable(Problem):
    """Something that Jeroboam needs (Keystone, the engine, the database) does not answer; trying again helps."""

    code, status, title = "unavailable", 503, "Unavailable"
