"""Large quota trees, written as rows: cloud > domain > an organisation for every 10 projects > projects.

Every second project keeps what it owns for itself, so that its requests end at it; the others lend everything, so that
theirs reach the root. All have room for whatever comes.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, Table, insert

from jeroboam.quota.tree import ROOT, UNLIMITED
from jeroboam.store.database import Database
from jeroboam.store.ledger_schema import limits, nodes

AMOUNTS = {"containers": 1, "vcpus": 250, "memory": 256}
"""What a container asks for."""
PER_ORGANISATION = 10
OWN = 10**9
"""Of each resource, a project's own part."""
ROWS = 5000


def plant(database: Database, projects: int) -> None:
    """`projects` projects named p0, p1, ... in a ledger that is empty."""
    organisations = projects // PER_ORGANISATION
    trees = [(ROOT, None, 0), ("domain", ROOT, 1)]
    trees += [(f"o{n}", "domain", 2) for n in range(organisations)]
    trees += [(f"p{n}", f"o{n // PER_ORGANISATION}", 3) for n in range(projects)]
    with database.write() as tx:
        _insert(tx, nodes, [_node(*row) for row in trees])
        _insert(
            tx,
            limits,
            [_limit(ident, parent, resource, projects) for ident, parent, _ in trees for resource in AMOUNTS],
        )


def choose(number: int, projects: int, reach: float) -> str:
    """The project of the `number`th request: of all requests the part `reach` goes to those that reach the root."""
    pair = number * 7919 % (projects // 2)
    return f"p{2 * pair + int((number + 1) * reach) - int(number * reach)}"


def _node(ident: str, parent: str | None, depth: int) -> dict[str, Any]:
    kind = ("cloud", "domain", "project", "project")[depth]
    return {
        "id": ident,
        "parent_id": parent,
        "name": ident,
        "kind": kind,
        "depth": depth,
        "weight": "1",
        "revision": 1,
    }


def _limit(ident: str, parent: str | None, resource: str, projects: int) -> dict[str, Any]:
    row = {"node_id": ident, "resource": resource, "lend": None, "borrow": 0, "used": 0, "reserved": 0}
    row |= {"subtree": 0, "by_capacity": False, "parent_id": parent}
    if ident[0] == "p":
        keeps = int(ident[1:]) % 2 == 0
        return {**row, "hard": OWN, "lend": 0 if keeps else None}
    private = OWN // 2 * (PER_ORGANISATION if ident[0] == "o" else projects)  # every second project's idle part
    return {**row, "hard": UNLIMITED if ident in (ROOT, "domain") else OWN * PER_ORGANISATION, "subtree": private}


def _insert(tx: Connection, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS):
        tx.execute(insert(table), rows[start : start + ROWS])
