"""What the teams of the benchmark own in the quota tree, set as an operator sets it."""

from typing import Any

from bench.client import enter
from bench.house import House

TEAMS = ("team1", "team2")
UNBOUND: dict[str, Any] = {resource: {"hard_limit": -1} for resource in ("containers", "vcpus", "memory")}


def open_wide(house: House) -> None:
    """Nobody is bound by anything but the machine."""
    _set(house, "org", {"limits": UNBOUND})
    for team in TEAMS:
        _set(house, team, {"limits": UNBOUND})


def share(house: House, containers: int) -> None:
    """Each team owns so many, and borrows from the other what it leaves idle; taken back without grace."""
    whole = {"limits": {"containers": {"hard_limit": len(TEAMS) * containers}}, "policy": {"grace_seconds": 0}}
    _set(house, "org", whole)
    for team in TEAMS:
        _set(house, team, {"limits": {"containers": {"hard_limit": containers, "borrow_limit": None}}})


def _set(house: House, project: str, change: dict[str, Any]) -> None:
    of = enter(house, project)
    system = enter(house, "jeroboam-system")
    try:
        system.call("PATCH", f"/quota/v1/nodes/{of.project}", change)
    finally:
        of.close()
        system.close()
