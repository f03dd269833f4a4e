"""Claims come and go: what the engine decides is written in the caller's transaction, with its events and wake-ups.

Most requests need their own path only. Everything is loaded where somebody could be asked to leave, or is waiting.
"""

from dataclasses import replace

from sqlalchemy import Connection

from jeroboam.quota import admission, deciding
from jeroboam.quota.decision import ADMITTED, Decision, Request
from jeroboam.store.ledger import load
from jeroboam.store.ledger.load import Books, Glance
from jeroboam.store.ledger.plain import Asked, admit_plain
from jeroboam.store.ledger.tell import write


def admit(tx: Connection, request: Request, object_id: str, now: float) -> Decision:
    """Charges the request, or notes that it waits. A refusal leaves no trace. The same request id: as it stands.

    `request.order` 0: the newest of all.
    """
    if not request.order and admit_plain(tx, [Asked(request, object_id)], now) == [True]:
        return ADMITTED
    seen = load.glance(tx, request.id, now)
    request = replace(request, order=request.order or seen.last_order + 1)
    books = load.path(tx, request.node_id, (), request.reservation)
    decision = admission.admit(books.tree, request, now)
    if decision.needs_whole_tree or seen.node_id is not None or seen.reclaiming:
        books = load.whole(tx)
        decision = admission.admit(books.tree, request, now)
    if decision.outcome != "refused" and books.tree.dirty_claims:
        books.objects[request.id] = object_id
        write(tx, books, now, request.id)
    return decision


def dry_run(tx: Connection, request: Request, now: float) -> Decision:
    """What `admit` would answer, and nothing is written."""
    seen = load.glance(tx, request.id, now)
    request = replace(request, order=request.order or seen.last_order + 1)
    if not seen.reclaiming:
        tree = load.path(tx, request.node_id, (), request.reservation).tree
        decision = deciding.decide(tree, request, now)
        if not decision.needs_whole_tree:
            return decision
    return deciding.decide(load.whole(tx).tree, request, now)


def resize(tx: Connection, claim_id: str, amounts: dict[str, int], now: float) -> Decision:
    """The claim holds `amounts` from now on, all or nothing; growth that does not fit is refused, never waits."""
    seen = load.glance(tx, claim_id, now)
    if _alone(seen):
        books = _path_of(tx, seen, claim_id)
        decision = admission.resize(books.tree, claim_id, amounts, now)
        if not decision.needs_whole_tree:
            return _resized(tx, books, decision, claim_id, now)
    books = load.whole(tx)
    return _resized(tx, books, admission.resize(books.tree, claim_id, amounts, now), claim_id, now)


def _resized(tx: Connection, books: Books, decision: Decision, claim_id: str, now: float) -> Decision:
    if decision.outcome == "admitted":
        write(tx, books, now, claim_id)
    return decision


def release(tx: Connection, claim_id: str, now: float) -> None:
    """The work is gone or the request withdrawn: credited once. What comes free goes to those who wait for it."""
    seen = load.glance(tx, claim_id, now)
    if seen.node_id is None:
        return
    books = _path_of(tx, seen, claim_id) if _alone(seen) else load.whole(tx)
    admission.release(books.tree, claim_id, now)
    write(tx, books, now, claim_id)


def evicted(tx: Connection, claim_id: str, now: float) -> None:
    """The work stands still: credited, to the one for whom it left first. Idempotent."""
    seen = load.glance(tx, claim_id, now)
    if seen.node_id is None:
        return
    books = _path_of(tx, seen, claim_id) if _alone(seen) else load.whole(tx)
    admission.evicted(books.tree, claim_id, now)
    write(tx, books, now, claim_id)


def requeue(tx: Connection, claim_id: str, now: float) -> Decision:
    """An evicted claim asks again, as the newest of all, and waits if it is short."""
    seen = load.glance(tx, claim_id, now)
    order = seen.last_order + 1
    if _alone(seen):
        books = _path_of(tx, seen, claim_id)
        decision = admission.requeue(books.tree, claim_id, now, order)
        if not decision.needs_whole_tree:
            write(tx, books, now, claim_id)
            return decision
    books = load.whole(tx)
    decision = admission.requeue(books.tree, claim_id, now, order)
    write(tx, books, now, claim_id)
    return decision


def _alone(seen: Glance) -> bool:
    """Nobody waits, nobody has to leave, no reservation is over: what comes free is nobody else's business."""
    return seen.node_id is not None and not (seen.waiting or seen.reclaiming or seen.expired)


def _path_of(tx: Connection, seen: Glance, claim_id: str) -> Books:
    assert seen.node_id is not None
    return load.path(tx, seen.node_id, (claim_id,))
