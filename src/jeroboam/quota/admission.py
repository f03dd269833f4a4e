"""Ask for capacity and give it back: the entry points of the engine. Every function is atomic: all of it or nothing.

A caller keeps a victim charged until it has really stopped, and then says `evicted`; a claim whose decision was
`reclaiming` is admitted when the last of its victims has gone, whatever the grace (with grace 0 the deadline is now).
"""

from dataclasses import replace

from jeroboam.quota import explain
from jeroboam.quota.charging import adjust, charge, close_reclaim, credit, open_reclaim, put
from jeroboam.quota.deciding import decide, fits, fits_now
from jeroboam.quota.decision import ADMITTED, NOTHING_FOLLOWS, Decision, Request, Settled
from jeroboam.quota.policy import Effective, Shortage
from jeroboam.quota.reasons import Help, Reason
from jeroboam.quota.settling import as_request, end_reservation, settle
from jeroboam.quota.tree import PENDING, Claim, ClaimState, Tree

__all__ = [
    "Decision",
    "Request",
    "Settled",
    "admit",
    "admit_now",
    "admit_plain",
    "at_once",
    "decide",
    "evicted",
    "release",
    "requeue",
    "resize",
    "settle",
]

_STATE = {
    "admitted": ClaimState.ADMITTED,
    "refused": ClaimState.REFUSED,
    "waiting": ClaimState.WAITING,
    "reclaiming": ClaimState.RECLAIMING,
}


def admit(tree: Tree, request: Request, now: float) -> Decision:
    """decide, and record the claim in the state that it gets. The same id again: the same claim, as it stands."""
    known = tree.claims.get(request.id)
    if known is not None:
        return _as_it_stands(tree, known)
    decision = decide(tree, request, now)
    if request.node_id not in tree.nodes:
        return decision
    node = tree.nodes[request.node_id]
    _carry_out(tree, _claim(request, node.rules(), request.order), decision)
    return decision


def admit_plain(tree: Tree, request: Request) -> bool:
    """Admits it, as the newest of all, if it is new, fits, and concerns nobody else. False: nothing has changed."""
    node = tree.nodes.get(request.node_id)
    if node is None or request.id in tree.claims or request.reservation is not None:
        return False
    rules = node.rules()
    if explain.bad_request(tree, node, request, rules) is not None or not fits(tree, request, node, rules):
        return False
    charge(tree, _claim(request, rules, tree.last_order + 1))
    return True


def _claim(request: Request, rules: Effective, order: int) -> Claim:
    """Of nothing yet."""
    return Claim(
        request.id,
        request.node_id,
        {r: a for r, a in request.amounts.items() if a},
        rules.priority(request.priority),
        order,
        ClaimState.REFUSED,
        request.reclaimable and rules.reclaimable,
        request.reservation,
        Shortage(request.shortage or rules.shortage),
    )


def _carry_out(tree: Tree, claim: Claim, decision: Decision) -> None:
    claim.reason = decision.reason
    if decision.outcome == "admitted":
        charge(tree, claim)
    elif decision.outcome == "reclaiming" and decision.deadline is not None:
        tree.record(claim)
        open_reclaim(tree, claim, decision.victims, decision.deadline, decision.rule)
    else:
        put(tree, claim, _STATE[decision.outcome])


def _as_it_stands(tree: Tree, claim: Claim) -> Decision:
    reason = claim.reason if isinstance(claim.reason, Reason) else None
    if claim.state is ClaimState.ADMITTED:
        return ADMITTED
    if claim.state is ClaimState.RECLAIMING:
        row = tree.reclaims[claim.id]
        return Decision("reclaiming", row.victims, reason, row.deadline, row.rule)
    if claim.state is ClaimState.WAITING:
        return Decision("waiting", reason=reason)
    return Decision("refused", reason=reason or Reason("claim_ended", claim.node_id))


def admit_now(tree: Tree, request: Request, now: float) -> Decision:
    """admit, with victims that get no notice gone at once: for the simulator and tests. Says whom it cost."""
    known = request.id in tree.claims
    decision = admit(tree, request, now)
    return decision if known else at_once(tree, decision, now)


def at_once(tree: Tree, decision: Decision, now: float) -> Decision:
    """What has just been decided, with the victims gone if they get no notice."""
    if decision.outcome != "reclaiming" or decision.deadline is None or decision.deadline > now:
        return decision
    evict_due(tree, now)
    return Decision("admitted", decision.victims)


def evict_due(tree: Tree, now: float) -> tuple[str, ...]:
    """Every victim whose notice is over goes, until nobody's is: ids in the order of their going."""
    evictions: list[str] = []
    while due := [v for row in tree.reclaims.values() if row.deadline <= now for v in row.victims]:
        for victim in dict.fromkeys(due):
            credit(tree, tree.claims[victim], ClaimState.EVICTED)
            evictions.append(victim)
        settle(tree, now)
    return tuple(evictions)


def release(tree: Tree, claim_id: str, now: float) -> Settled:
    """The work is gone, or the request is withdrawn: charged back once, pending ones are cancelled. Idempotent."""
    claim = tree.claims.get(claim_id)
    if claim is None:
        return NOTHING_FOLLOWS
    if claim.state is ClaimState.ADMITTED:
        credit(tree, claim, ClaimState.RELEASED)
    elif claim.state in PENDING:
        if claim.reserves:
            end_reservation(tree, claim_id)
        else:
            if claim_id in tree.reclaims:
                close_reclaim(tree, claim_id)
            put(tree, claim, ClaimState.CANCELLED)
    elif claim.state is ClaimState.EVICTED:
        put(tree, claim, ClaimState.RELEASED)
        return NOTHING_FOLLOWS
    else:
        return NOTHING_FOLLOWS
    return settle(tree, now)


def evicted(tree: Tree, claim_id: str, now: float) -> Settled:
    """The victim has really stopped: its units go to the beneficiary first. Idempotent."""
    claim = tree.claims.get(claim_id)
    if claim is None or claim.state is not ClaimState.ADMITTED:
        return NOTHING_FOLLOWS
    credit(tree, claim, ClaimState.EVICTED)
    return settle(tree, now)


def requeue(tree: Tree, claim_id: str, now: float, order: int | None = None) -> Decision:
    """An evicted claim asks again, as the newest of all (or with `order`), and waits if it is short. One that the rules
    do not allow any more is refused, and stays evicted: it may ask again.
    """
    claim = tree.claims.get(claim_id)
    if claim is None:
        return Decision("refused", reason=Reason("unknown_claim"))
    if claim.state is not ClaimState.EVICTED:
        return _as_it_stands(tree, claim)
    order = tree.last_order + 1 if order is None else order
    decision = decide(tree, replace(as_request(claim), order=order), now)
    if decision.outcome != "refused":
        claim.order = order
        _carry_out(tree, claim, decision)
    return decision


def resize(tree: Tree, claim_id: str, amounts: dict[str, int], now: float) -> Decision:
    """The claim is to hold `amounts` instead, all or nothing: a request for the difference that takes from nobody.

    What shrinks counts for what grows. Growth that does not fit is refused; it never evicts others.
    """
    claim = tree.claims.get(claim_id)
    if claim is None:
        return Decision("refused", reason=Reason("unknown_claim"))
    if claim.state is not ClaimState.ADMITTED or claim.leaving is not None:
        return Decision("refused", reason=Reason("not_charged", claim.node_id))
    for resource, amount in amounts.items():
        if amount < 0:
            reason = Reason("negative_amount", claim.node_id, resource, {"asked": amount}, "amount >= 0")
            return Decision("refused", reason=reason)
    delta = {r: amounts.get(r, 0) - claim.amounts.get(r, 0) for r in {**claim.amounts, **amounts}}
    shrinks = {r: d for r, d in delta.items() if d < 0}
    grows = {r: d for r, d in delta.items() if d > 0}
    adjust(tree, claim, shrinks)
    if grows:
        drawn = claim.reservation if claim.reservation in tree.reservations else None
        asked = Request(claim.id, claim.node_id, grows, claim.priority, Shortage.REFUSE, drawn, claim.reclaimable)
        decision = decide(tree, asked, now, fits_now)  # what makes others leave is no help to it
        if decision.outcome != "admitted":
            reason = _no_growth(asked, decision.reason)
            adjust(tree, claim, {r: -d for r, d in shrinks.items()})
            return Decision("refused", reason=reason)
        adjust(tree, claim, grows)
    if shrinks:
        settle(tree, now)
    return ADMITTED


def _no_growth(asked: Request, reason: Reason | None) -> Reason:
    """Growth takes from nobody, and does not wait."""
    if reason is None:
        separately = Help("ask_separately")
        return Reason("needs_reclaim", asked.node_id, rule="growth takes from nobody", helps=(separately,))
    by = {"smaller": "grow_less", "smaller_each": "grow_less_each"}
    helps = tuple(replace(h, code=by.get(h.code, h.code)) for h in reason.helps if h.code not in ("wait", "draw"))
    return replace(reason, helps=helps)
