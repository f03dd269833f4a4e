"""URLs of databases: read, and shown without what is secret in them."""

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from jeroboam.model.errors import Unavailable

_SHOWN = ("host", "port", "sslmode")
"""Of what stands behind the question mark. Anything else may be a password, or hold one."""
_URLS = "give sqlite:////path/of/file (four slashes: a whole path), or postgresql://user@host/name"
_ENCODED = "in a password write @ as %40, / as %2F, : as %3A"


def parsed(url: str) -> URL:
    """Raises Unavailable for what is no database of ours, without the password that may be in it."""
    try:
        found = make_url(url)
    except (ArgumentError, ValueError):
        raise Unavailable(f"cannot use the database: its URL is not one; {_URLS}; {_ENCODED}") from None
    if "@" in (found.host or ""):
        raise Unavailable(f"cannot use the database: its URL has more than one @; percent-encode it: {_ENCODED}")
    name, file = found.get_backend_name(), found.database or ""
    if name == "postgresql" or (name == "sqlite" and file.startswith("/")):
        return found
    raise Unavailable(f"cannot use a database at {shown(found)}: {_URLS}")


def hides(url: URL) -> bool:
    """Whether what is shown leaves out something."""
    return shown(url) != url.render_as_string(hide_password=False)


def shown(url: URL) -> str:
    """For people and logs: the password is ***, and whatever else may hold one is three dots."""
    query = {key: value if key in _SHOWN else "..." for key, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)
