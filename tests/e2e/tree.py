"""The quota tree as managers set it and as it reads afterwards."""

from collections.abc import Mapping
from typing import Any

from tests.e2e.people import Keystone, Org, Person

OPEN = {"vcpus": {"hard_limit": -1}, "memory": {"hard_limit": -1}}
"""Where only the number of containers is counted: the machine's size decides about the rest."""


def figures(person: Person, word: str, node: str = "self") -> dict[str, int]:
    """`used`, `borrowed`, ... of a node, by resource in base units."""
    return dict(person.quota("GET", f"/nodes/{node}")[word])


def containers(person: Person, *words: str, node: str = "self") -> tuple[int, ...]:
    """These figures of a node for the resource `containers`."""
    view = person.quota("GET", f"/nodes/{node}")
    return tuple(view[word]["containers"] for word in words)


def limit(hard: int, lend: int | None = None, borrow: int | None = 0) -> dict[str, int | None]:
    """lend None: all of it; borrow None: without bound."""
    return {"hard_limit": hard, "lend_limit": lend, "borrow_limit": borrow}


def own(who: Person, node: str, containers: Mapping[str, int | None], **more: Any) -> None:
    """Sets a node's containers and leaves the other resources open."""
    who.quota("PATCH", f"/nodes/{node}", {"limits": {"containers": containers, **OPEN}, **more})


def plant(
    keystone: Keystone,
    org: Org,
    hard: int,
    teams: Mapping[str, Mapping[str, int | None]],
    grace: float = 0,
) -> None:
    """`hard` containers for the organisation, out of which its manager gives each team its limit."""
    own(keystone.system, org.id, limit(hard), policy={"grace_seconds": grace})
    for team, its in teams.items():
        own(org.manager, org[team].project_id, its)
