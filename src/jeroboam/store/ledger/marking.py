"""Whether anything of the ledger has changed, without loading it."""

from hashlib import blake2s

from sqlalchemy import Connection, func, select

from jeroboam.quota.tree import ROOT
from jeroboam.store.ledger_schema import audit, claims, limits, nodes, reservation_amounts

# The same number of claims with the same ages may be others: the time of the last change tells.
_CLAIMS = (
    select(claims.c.state, func.count(), func.max(claims.c.age), func.max(claims.c.updated_at))
    .group_by(claims.c.state)
    .order_by(claims.c.state)
)
# It does not tell of a resize by a clock that is behind; what the nodes use that have claims does.
_USED = (
    select(limits.c.resource, func.sum(limits.c.used))
    .where(limits.c.node_id.in_(select(claims.c.node_id)))
    .group_by(limits.c.resource)
    .order_by(limits.c.resource)
)
# Reservations that are over and the machine's size leave no trace in the audit.
_RESERVED = select(func.count(), func.coalesce(func.sum(reservation_amounts.c.amount), 0))
_CLOUD = select(limits.c.resource, limits.c.hard).where(limits.c.node_id == ROOT).order_by(limits.c.resource)
_NODES = select(func.count()).select_from(nodes)
_AUDIT = select(func.coalesce(func.max(audit.c.id), 0))


def mark(tx: Connection) -> str:
    """32 characters that differ whenever claims, reservations or limits do. Costs one look at each live claim."""
    seen = [
        [tuple(map(str, row)) for row in tx.execute(query)]
        for query in (_CLAIMS, _USED, _RESERVED, _CLOUD, _NODES, _AUDIT)
    ]
    return blake2s(repr(seen).encode(), digest_size=16).hexdigest()
