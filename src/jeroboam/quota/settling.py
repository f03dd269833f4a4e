"""Units have come free, or limits have changed: who gets them? Pledges first, then the queue."""

from collections import Counter

from jeroboam.quota.charging import charge, close_reclaim, open_reclaim, put, spare
from jeroboam.quota.counters import change
from jeroboam.quota.deciding import decide, owns
from jeroboam.quota.decision import NOTHING_FOLLOWS, Request, Settled
from jeroboam.quota.policy import Shortage
from jeroboam.quota.tree import Claim, ClaimState, Tree
from jeroboam.quota.trial import Trial, leave, leaving, pledged, undo


def settle(tree: Tree, now: float) -> Settled:
    """Give what is free to whom it is pledged, then to those who wait: by priority, then age, the next if one does not
    fit. Idempotent. Also ends reservations that are over.
    """
    _expire(tree, now)
    if not tree.reclaims and not tree.waiting:
        return NOTHING_FOLLOWS
    admitted = _give_pledged(tree)
    _spare_unneeded(tree)
    # A pledge comes before the queue, whatever the priorities there.
    again, still = _serve(tree, _without_victims(tree), now)
    served, reclaiming = _serve(tree, list(tree.waiting.values()), now)
    return Settled((*admitted, *again, *served), (*still, *reclaiming))


def as_request(claim: Claim) -> Request:
    """The claim, asked again. It waits if it is short: it has been accepted, or queued, before."""
    reclaimable = claim.reclaimable and not claim.reserves
    drawn = None if claim.reserves else claim.reservation
    return Request(
        claim.id, claim.node_id, claim.amounts, claim.priority, Shortage.WAIT, drawn, reclaimable, claim.order
    )


def _expire(tree: Tree, now: float) -> None:
    for reservation in list(tree.reservations.values()):
        if reservation.until is not None and reservation.until <= now:
            end_reservation(tree, reservation.id)


def end_reservation(tree: Tree, reservation_id: str) -> None:
    """What is undrawn is free again; what was drawn from it stays, as ordinary use. One in the making is cancelled."""
    reservation = tree.reservations.pop(reservation_id)
    tree.dirty_reservations.add(reservation_id)
    node = tree.nodes[reservation.node_id]
    for resource, amount in reservation.amounts.items():
        change(tree, node, resource, reserved=-amount)
    for claim in tree.claims.values():
        if claim.reservation == reservation_id and not claim.reserves:
            claim.reservation = None  # a later reservation of the same id is another one
            tree.dirty_claims.add(claim.id)
    making = tree.claims.get(reservation_id)
    if making is not None and making.reserves and making.state in (ClaimState.WAITING, ClaimState.RECLAIMING):
        if reservation_id in tree.reclaims:
            close_reclaim(tree, reservation_id)
        put(tree, making, ClaimState.CANCELLED)


def _give_pledged(tree: Tree) -> list[str]:
    """Beneficiaries whose units are there: first those for whom everybody has left, the earliest reclaim first."""
    admitted = []
    for row in [row for row in tree.reclaims.values() if not row.victims]:
        claim = tree.claims[row.claim_id]
        if _fits(tree, claim, Trial()) and _fits(tree, claim, pledged(tree, until=row.id)):
            _give(tree, claim)
            admitted.append(claim.id)
    return admitted + _give_early(tree)


def _give_early(tree: Tree) -> list[str]:
    """One that still waits for victims takes what no other reclaim counts on, if that is enough; they may stay."""
    admitted, future = [], None
    for row in list(tree.reclaims.values()):
        claim = tree.claims[row.claim_id]
        if not row.victims or not _fits(tree, claim, Trial()):
            continue
        if future is None:
            future, taken = pledged(tree), Counter(v for r in tree.reclaims.values() for v in r.victims)
        alone = [v for v in row.victims if taken[v] == 1]
        undo(future, tree, row, alone)
        if _fits(tree, claim, future):
            _give(tree, claim)
            admitted.append(claim.id)
            future = None
        else:
            undo(future, tree, row, alone, -1)
    return admitted


def _give(tree: Tree, claim: Claim) -> None:
    close_reclaim(tree, claim.id)
    charge(tree, claim)


def _fits(tree: Tree, claim: Claim, trial: Trial) -> bool:
    """Borrowers may have come on top of what a firm claim owns since it was promised: they do not take it from it."""
    node = tree.nodes[claim.node_id]
    if not all(s.soft for s in trial.shortages(node, claim.amounts)):
        return False
    return (claim.reclaimable and not claim.reserves) or owns(tree, node, claim.amounts)


def _spare_unneeded(tree: Tree) -> None:
    """Nobody is evicted to no avail: a victim that would fit again once all pledges are kept may stay."""
    if not tree.reclaims:
        return
    future = pledged(tree)
    ranked = sorted(leaving(tree), key=lambda v: (-tree.claims[v].priority, tree.claims[v].order, v))
    for victim in ranked:
        claim = tree.claims[victim]
        if not future.shortages(tree.nodes[claim.node_id], claim.amounts):
            leave(future, tree, victim, 1)
            spare(tree, victim)


def _without_victims(tree: Tree) -> list[Claim]:
    """Back in the queue: all victims have left or may stay, and yet it does not fit. Limits have changed meanwhile, or
    it is to have what another reclaim leaves over.
    """
    found = [tree.claims[row.claim_id] for row in tree.reclaims.values() if not row.victims]
    for claim in found:
        close_reclaim(tree, claim.id)
        put(tree, claim, ClaimState.WAITING)
    return found


def _serve(tree: Tree, waiting: list[Claim], now: float) -> tuple[list[str], list[str]]:
    """Who of them is admitted now, and who has a reclaim of its own now."""
    admitted, reclaiming = [], []
    for claim in sorted(waiting, key=lambda c: (-c.priority, c.order, c.id)):
        # Who goes on waiting keeps what was said of it.
        decision = decide(tree, as_request(claim), now, explained=claim.reason is None)
        if decision.outcome != "waiting" or claim.reason is None:
            claim.reason = decision.reason
        if decision.outcome == "admitted":
            charge(tree, claim)
            admitted.append(claim.id)
        elif decision.outcome == "reclaiming" and decision.deadline is not None:
            open_reclaim(tree, claim, decision.victims, decision.deadline, decision.rule)
            reclaiming.append(claim.id)
    return admitted, reclaiming
