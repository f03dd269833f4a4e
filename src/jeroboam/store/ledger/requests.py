"""Claims come and go: what the engine decides is written in the caller's transaction, with its events and wake-ups."""

from dataclasses import replace

from sqlalchemy import Connection

from jeroboam.quota import admission, deciding
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.tree import Tree
from jeroboam.store.ledger import resident
from jeroboam.store.ledger.tell import write


def admit(tx: Connection, request: Request, object_id: str, now: float) -> Decision:
    """Charges the request, or notes that it waits. A refusal leaves no trace. The same request id: as it stands.

    `request.order` 0: the newest of all.
    """
    books = resident.books(tx)
    decision = admission.admit(books.tree, _numbered(request, books.tree.last_order), now)
    if decision.outcome != "refused" and books.tree.dirty_claims:
        books.objects[request.id] = object_id
        write(tx, books, now, request.id)
    return decision


def dry_run(tree: Tree, request: Request, now: float) -> Decision:
    """What `admit` would answer, and nothing is written."""
    return deciding.decide(tree, _numbered(request, tree.last_order), now)


def _numbered(request: Request, last_order: int) -> Request:
    return replace(request, order=request.order or last_order + 1)


def resize(tx: Connection, claim_id: str, amounts: dict[str, int], now: float) -> Decision:
    """The claim holds `amounts` from now on, all or nothing; growth that does not fit is refused, never waits."""
    books = resident.books(tx)
    decision = admission.resize(books.tree, claim_id, amounts, now)
    if decision.outcome == "admitted":
        write(tx, books, now, claim_id)
    return decision


def release(tx: Connection, claim_id: str, now: float) -> None:
    """The work is gone or the request withdrawn: credited once. What comes free goes to those who wait for it."""
    books = resident.books(tx)
    if claim_id in books.tree.claims:
        admission.release(books.tree, claim_id, now)
        write(tx, books, now, claim_id)


def evicted(tx: Connection, claim_id: str, now: float) -> None:
    """The work stands still: credited, to the one for whom it left first. Idempotent."""
    books = resident.books(tx)
    if claim_id in books.tree.claims:
        admission.evicted(books.tree, claim_id, now)
        write(tx, books, now, claim_id)


def requeue(tx: Connection, claim_id: str, now: float) -> Decision:
    """An evicted claim asks again, as the newest of all, and waits if it is short."""
    books = resident.books(tx)
    decision = admission.requeue(books.tree, claim_id, now)
    write(tx, books, now, claim_id)
    return decision
