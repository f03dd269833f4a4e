"""Claims that Jeroboam cannot have written: after a disk has lied, or somebody has edited the database by hand.

They are looked for in the rows as they stand, before anything is worked out from them.
"""

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import Connection, select

from jeroboam.quota.policy import Shortage
from jeroboam.quota.tree import LIVE
from jeroboam.store.ledger_schema import claims, nodes
from jeroboam.store.schema import objects

_SHOWN = 40
"""Characters of what stands there."""

_CLAIMS = (
    select(
        claims.c.id,
        claims.c.node_id,
        claims.c.object_id,
        claims.c.state,
        claims.c.shortage,
        claims.c.amounts,
        nodes.c.id.label("node"),
        nodes.c.name.label("project"),
        objects.c.kind,
        objects.c.name,
    )
    .outerjoin(nodes, nodes.c.id == claims.c.node_id)
    .outerjoin(objects, objects.c.id == claims.c.object_id)
    .order_by(claims.c.age, claims.c.id)
)
_UNPAID = (
    select(objects.c.id, objects.c.kind, objects.c.name, objects.c.project_id, nodes.c.name.label("project"))
    .outerjoin(nodes, nodes.c.id == objects.c.project_id)
    .where(objects.c.claim_id.is_not(None), objects.c.claim_id.not_in(select(claims.c.id)))
    .order_by(objects.c.id)
)
_UNUSED = _CLAIMS.where(claims.c.object_id != "", objects.c.id.is_(None))


def damaged(tx: Connection) -> list[str]:
    """A sentence for each claim that cannot be right; while there is one, nothing can be worked out."""
    return [
        f"{_called(row)} cannot be right: {'; '.join(wrong)}"
        for row in tx.execute(_CLAIMS)
        if (wrong := [*_wrong(row)])
    ]


def strays(tx: Connection) -> list[str]:
    """A sentence for each object whose claim is gone, and for each claim whose object is."""
    unpaid = [
        f"{row.kind} {row.name!r} ({row.id}) of project {(row.project or row.project_id)!r} has no claim, so that "
        "nothing is counted for it: delete it, or restore a backup"
        for row in tx.execute(_UNPAID)
    ]
    unused = [
        f"{_called(row)} stands for nothing: its object does not exist; restore a backup, or delete its row from "
        "quota_claims while Jeroboam is stopped and repair the counters"
        for row in tx.execute(_UNUSED)
    ]
    return unpaid + unused


def _called(row: Any) -> str:
    whose = f"project {(row.project or row.node_id)!r}"
    if row.name is not None:
        return f"claim {row.id} of {whose} for {row.kind} {row.name!r} ({row.object_id})"
    return f"claim {row.id} of {whose}" + (f" for object {row.object_id}" if row.object_id else "")


def _wrong(row: Any) -> Iterator[str]:
    if row.node is None:
        yield f"there is no node {row.node_id!r} in the tree"
    if row.state not in LIVE:
        yield f"its state is {_short(row.state)}; there are {', '.join(sorted(LIVE))}"
    if row.shortage not in [*Shortage]:
        yield f"its shortage is {_short(row.shortage)}; there are {', '.join(Shortage)}"
    yield from _wrong_amounts(row.amounts)


def _wrong_amounts(text: str) -> Iterator[str]:
    try:
        amounts = orjson.loads(text)
    except orjson.JSONDecodeError:
        amounts = None
    if not isinstance(amounts, dict):
        yield f"its amounts cannot be read: {_short(text)}"
        return
    for resource, amount in amounts.items():
        if type(amount) is not int or amount < 0:
            yield f"it holds {_short(amount)} {resource}"


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
