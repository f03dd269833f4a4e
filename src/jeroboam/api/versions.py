"""Microversions of the container API, as Zun negotiates them: header `OpenStack-API-Version: container 1.x`."""

from jeroboam.model.errors import Malformed, NotAcceptable

SERVICE = "container"
MIN, MAX = 1, 40
HEADER = "OpenStack-API-Version"

HELP = f"send '{HEADER}: {SERVICE} 1.{MIN}' up to '1.{MAX}', or 'latest'"


def negotiate(header: str | None) -> int:
    """The minor version asked for; the oldest where none is named, as Zun does. Raises NotAcceptable, Malformed."""
    if header is None:
        return MIN
    # Clients that speak to several services may send a list: ours counts.
    wanted = [part.split() for part in header.split(",")]
    mine = [part[1] for part in wanted if len(part) == 2 and part[0] == SERVICE]
    if len(mine) != 1:
        raise NotAcceptable(f"cannot choose a version from {header[:60]!r}: {HELP}")
    if mine[0].lower() == "latest":
        return MAX
    major, dot, minor = mine[0].partition(".")
    if not (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit() and len(minor) < 6):
        raise Malformed(f"cannot read the version {mine[0][:40]!r}: {HELP}")
    if int(major) != 1 or not MIN <= int(minor) <= MAX:
        raise NotAcceptable(f"cannot speak version {mine[0][:40]}: {HELP}")
    return int(minor)


def headers(minor: int | None) -> list[tuple[bytes, bytes]]:
    shown = f"{SERVICE} 1.{minor or MAX}".encode()
    return [
        (b"openstack-api-version", shown),
        (b"openstack-api-minimum-version", f"{SERVICE} 1.{MIN}".encode()),
        (b"openstack-api-maximum-version", f"{SERVICE} 1.{MAX}".encode()),
        (b"vary", HEADER.encode()),
    ]
