"""A small cloud in the ledger: domain > org > teams, and the requests of the teams."""

import uuid
from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.limits import LimitChange
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ROOT, Limit
from jeroboam.store import ledger
from jeroboam.store.audit import Actor

ADMIN = Actor("u-admin", "admin", "p-admin", "req-1")
TEAMS = ("team1", "team2")
SHARED = {team: Limit(0, None, None) for team in TEAMS}
HALVES = {team: Limit(8, None, None) for team in TEAMS}


def a_cloud(
    tx: Connection, teams: Mapping[str, Limit] = HALVES, org: int = 16, grace: float | None = None, cloud: int = 100
) -> None:
    """Containers only: the cloud has `cloud`, the organisation `org` of them, the teams what `teams` says."""
    ledger.set_capacity(tx, {"containers": cloud}, 0.0)
    for team in teams:
        ledger.ensure_path(tx, [(team, team, "project"), ("org", "Org", "project"), ("default", "Default", "domain")])
    ledger.set_node(tx, ADMIN, "org", {"containers": Limit(org, None, 0)}, 0.0, policy=Policy(grace_seconds=grace))
    for team, limit in teams.items():
        ledger.set_node(tx, ADMIN, team, {"containers": limit}, 0.0)


def ask(
    tx: Connection, team: str, containers: int = 1, now: float = 1.0, object_id: str | None = None, **fields: Any
) -> tuple[str, Decision]:
    """One request; the id of its claim, and what became of it."""
    request = Request(fields.pop("id", str(uuid.uuid4())), team, {"containers": containers}, **fields)
    return request.id, ledger.admit(tx, request, object_id or f"object-of-{request.id}", now)


def ask_many(tx: Connection, team: str, count: int, now: float = 1.0, **fields: Any) -> list[tuple[str, Decision]]:
    return [ask(tx, team, 1, now, **fields) for _ in range(count)]


def used(tx: Connection, *nodes: str) -> list[int]:
    tree = ledger.tree(tx)
    return [tree.nodes[node].used.get("containers", 0) for node in nodes]


def taken(tx: Connection, node: str = ROOT) -> int:
    return ledger.tree(tx).nodes[node].subtree.get("containers", 0)


def change(**what: int | None) -> dict[str, LimitChange]:
    return {"containers": LimitChange(**what)}  # type: ignore[arg-type]
