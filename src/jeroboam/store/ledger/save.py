"""Writes back what the engine has changed: the rows of the tree's dirty sets that differ, and nothing else.

Only live claims have a row: a refused one leaves no trace, one that is over is told by events.

Returns how claims have changed, from which events and wake-ups follow.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from jeroboam.model.quantities import written
from jeroboam.quota import redaction
from jeroboam.quota.reasons import Reason
from jeroboam.quota.tree import LIVE, Claim, ClaimState, Tree
from jeroboam.store.ledger import resident
from jeroboam.store.ledger.changes import Touched
from jeroboam.store.ledger.codecs import write_amounts, write_reason
from jeroboam.store.ledger.load import IDS, Books, chunks
from jeroboam.store.ledger.save_nodes import save_nodes
from jeroboam.store.ledger.save_pledges import save_reclaims, save_reservations
from jeroboam.store.ledger_schema import claims


@dataclass(frozen=True, slots=True)
class Change:
    """A claim before (None: there was none) and after. `leaving` names the reclaim that took it before."""

    claim: Claim
    object_id: str
    before: ClaimState | None
    leaving: str | None
    evictions: int


@dataclass(frozen=True, slots=True)
class _Old:
    state: ClaimState
    leaving: str | None
    evictions: int


def save(tx: Connection, books: Books, now: float, kinds: Mapping[str, str] | None = None) -> list[Change]:
    """Writes the unit of work and empties the dirty sets. `kinds`: of nodes that are new ("project", "domain")."""
    tree = books.tree
    touched = Touched.by(tree)
    if tree.dirty_nodes:
        save_nodes(tx, books, kinds or {})
    if tree.dirty_reservations:
        save_reservations(tx, tree)
    changes = _save_claims(tx, books, now) if tree.dirty_claims else []
    if tree.dirty_reclaims:
        save_reclaims(tx, tree)
    if touched:
        resident.note(tx, touched)
    tree.forget_changes()
    return changes


_OLD_CLAIMS = select(claims.c.id, claims.c.state, claims.c.leaving, claims.c.evictions).where(claims.c.id.in_(IDS))
_INSERT_CLAIM = insert(claims)
_UPDATE_CLAIM = (
    update(claims)
    .where(claims.c.id == bindparam("of_claim"))
    .values(
        state=bindparam("to_state"),
        age=bindparam("to_age"),
        reason=bindparam("to_reason"),
        leaving=bindparam("to_leaving"),
        reservation_id=bindparam("to_reservation"),
        evictions=bindparam("to_evictions"),
        amounts=bindparam("to_amounts"),
        updated_at=bindparam("now"),
    )
)
_DELETE_CLAIM = delete(claims).where(claims.c.id == bindparam("of_claim"))


def _save_claims(tx: Connection, books: Books, now: float) -> list[Change]:
    tree, ids = books.tree, sorted(books.tree.dirty_claims)
    old = {
        ident: _Old(ClaimState(state), leaving, evictions)
        for some in chunks(ids)
        for ident, state, leaving, evictions in tx.execute(_OLD_CLAIMS, {"ids": some})
    }
    kept = [tree.claims[ident] for ident in ids if ident in tree.claims and tree.claims[ident].state in LIVE]
    new = [claim for claim in kept if claim.id not in old]
    again = [claim for claim in kept if claim.id in old]
    over = [ident for ident in ids if ident in old and not _is_kept(tree, ident)]
    if new:
        tx.execute(_INSERT_CLAIM, [_claim_row(books, claim, now) for claim in new])
    if again:
        tx.execute(_UPDATE_CLAIM, [_claim_update(tree, claim, old[claim.id], now) for claim in again])
    if over:
        tx.execute(_DELETE_CLAIM, [{"of_claim": ident} for ident in over])
    return [_change(books, ident, old.get(ident)) for ident in ids if ident in tree.claims]


def _is_kept(tree: Tree, ident: str) -> bool:
    return ident in tree.claims and tree.claims[ident].state in LIVE


def _change(books: Books, ident: str, old: _Old | None) -> Change:
    claim, object_id = books.tree.claims[ident], books.objects.get(ident, "")
    if old is None:
        return Change(claim, object_id, None, None, 0)
    return Change(claim, object_id, old.state, old.leaving, old.evictions)


def _claim_row(books: Books, claim: Claim, now: float) -> dict[str, Any]:
    return {
        "id": claim.id,
        "node_id": claim.node_id,
        "object_id": books.objects.get(claim.id, ""),
        "priority": claim.priority,
        "age": claim.order,
        "state": claim.state.value,
        "reclaimable": claim.reclaimable,
        "reservation_id": claim.reservation,
        "shortage": claim.shortage.value,
        "reason": _reason(books.tree, claim),
        "leaving": claim.leaving,
        "evictions": 0,
        "amounts": write_amounts(claim.amounts),
        "created_at": now,
        "updated_at": now,
    }


def _claim_update(tree: Tree, claim: Claim, old: _Old, now: float) -> dict[str, Any]:
    evicted = claim.state is ClaimState.EVICTED and old.state is not ClaimState.EVICTED
    return {
        "of_claim": claim.id,
        "to_state": claim.state.value,
        "to_age": claim.order,
        "to_reason": _reason(tree, claim),
        "to_leaving": claim.leaving,
        "to_reservation": claim.reservation,
        "to_evictions": old.evictions + evicted,
        "to_amounts": write_amounts(claim.amounts),
        "now": now,
    }


def _reason(tree: Tree, claim: Claim) -> str | None:
    """Whole, with a sentence for the members of the claim's node."""
    if claim.state not in (ClaimState.WAITING, ClaimState.RECLAIMING) or not isinstance(claim.reason, Reason):
        return None
    return write_reason(claim.reason, sentence_for(tree, claim.node_id, claim.reason))


def sentence_for(tree: Tree, node_id: str, reason: Reason) -> str:
    """With the names and figures that a member of that node may know, quantities as people write them."""
    known = {node.id: node.name for node in tree.nodes[node_id].path()}
    seen = redaction.visible(tree, reason, node_id)
    return seen.sentence(lambda ident: known.get(ident, "another project"), written)
