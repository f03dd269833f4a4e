"""Projects by name or id: the server knows those of the quota tree, Keystone those that have not been used yet."""

from collections.abc import Callable
from typing import TypeVar

from osc_lib import exceptions

from jeroboam.cli.openstack.client import Client, Refused

SELF = "self"
PROJECT = "Project or domain (name or id; default: the project of your token)"
T = TypeVar("T")


def on_project(client: Client, given: str | None, call: Callable[[str], T]) -> T:
    """`call` with what the server knows the project by. Raises CommandError."""
    try:
        return call(given or SELF)
    except Refused as error:
        if error.status != 404 or given is None:
            raise
        unknown = _unknown(error, given)
        found = _in_keystone(client, given) - {given}
        if len(found) > 1:
            raise exceptions.CommandError(
                f"cannot tell which {given!r} is meant: {len(found)} projects have that name; give the id"
            ) from None
        if not found:
            raise unknown from None
        try:
            return call(found.pop())
        except Refused as again:
            # In the words of whoever asked: the id is ours.
            raise unknown if again.status == 404 else again from None


def _unknown(error: Refused, given: str) -> Refused:
    """The server's `self` is nothing that can be typed here; what it has not found may also be a reservation."""
    if error.data.get("node") != given[:80]:
        return error
    sentence = (
        f"cannot find a project {given[:80]!r} in the quota tree; `openstack quota tree show` draws those you may see; "
        "one that nobody has used yet is found by its id"
    )
    return Refused(sentence, error.status, error.code, error.data)


def _in_keystone(client: Client, given: str) -> set[str]:
    """Ids of projects and domains of that name: the caller's own, and for an admin all there are."""
    mine = client.identity("/auth/projects").get("projects") or ()
    found = {item["id"] for item in mine if given == item.get("name")}
    # Keystone logs a refusal at length: who may not list is not sent to try.
    for key in ("projects", "domains") if "admin" in client.roles else ():
        found |= {item["id"] for item in client.identity(f"/{key}", name=given).get(key) or ()}
    return found
