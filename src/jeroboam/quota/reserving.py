"""Reservations: capacity carved from a node's free and held for it, used or not, until it is released or over."""

from dataclasses import replace

from jeroboam.quota.charging import charge, open_reclaim, put
from jeroboam.quota.deciding import decide
from jeroboam.quota.decision import Decision, Request, Settled
from jeroboam.quota.reasons import QuotaConflict, Reason
from jeroboam.quota.settling import end_reservation, settle
from jeroboam.quota.tree import Amounts, Claim, ClaimState, Reservation, Tree


def reserve(
    tree: Tree,
    reservation_id: str,
    node_id: str,
    amounts: Amounts,
    now: float,
    until: float | None = None,
    order: int | None = None,
) -> Decision:
    """Hold `amounts` of the node's free. Units of it that are lent out are reclaimed as for a request: then the
    decision is `reclaiming`, a claim of the same id stands for the reservation until its units are there, and nothing
    can be drawn before. Refused with a reason otherwise. The same id again answers `admitted` or as it stands.
    """
    if reservation_id in tree.reservations:
        making = tree.claims.get(reservation_id)
        row = tree.reclaims.get(reservation_id)
        if making is not None and row is not None:
            return Decision("reclaiming", row.victims, deadline=row.deadline, rule=row.rule)
        return Decision("admitted")
    order = tree.last_order + 1 if order is None else order
    amounts = {r: a for r, a in amounts.items() if a}
    request = Request(reservation_id, node_id, amounts, shortage="refuse", reclaimable=False, order=order)
    decision = decide(tree, request, now)
    if decision.reason is not None:
        decision = replace(decision, reason=_of_a_reservation(decision.reason))
    if decision.outcome not in ("admitted", "reclaiming"):
        return decision
    tree.reservations[reservation_id] = Reservation(reservation_id, node_id, {}, until)
    tree.dirty_reservations.add(reservation_id)
    claim = Claim(
        reservation_id,
        node_id,
        amounts,
        tree.nodes[node_id].priority(None),
        order,
        state=ClaimState.WAITING,
        reclaimable=False,
        reservation=reservation_id,
    )
    put(tree, claim, ClaimState.WAITING)
    if decision.outcome == "admitted":
        charge(tree, claim)
    elif decision.deadline is not None:
        open_reclaim(tree, claim, decision.victims, decision.deadline, decision.rule)
    return decision


def _of_a_reservation(reason: Reason) -> Reason:
    """Without what concerns claims alone: a reservation does not wait, is not reclaimed, and draws from no other."""
    helps = tuple(h for h in reason.helps if h.code not in ("wait", "mark_reclaimable", "draw"))
    if reason.code == "not_reclaimable":
        return replace(reason, code="free_short", rule="reservation <= free", helps=helps, never=False)
    return replace(reason, helps=helps)


def extend(tree: Tree, reservation_id: str, until: float | None) -> None:
    """Move its end (None: no end). Raises QuotaConflict if there is no such reservation."""
    _known(tree, reservation_id)
    tree.reservations[reservation_id].until = until
    tree.dirty_reservations.add(reservation_id)


def release_reservation(tree: Tree, reservation_id: str, now: float) -> Settled:
    """What is undrawn is free again; what was drawn stays as ordinary use. Raises QuotaConflict if there is none."""
    _known(tree, reservation_id)
    end_reservation(tree, reservation_id)
    return settle(tree, now)


def _known(tree: Tree, reservation_id: str) -> None:
    if reservation_id not in tree.reservations:
        raise QuotaConflict(Reason("unknown_reservation", reservation=reservation_id))
