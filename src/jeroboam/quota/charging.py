"""Claims take and give back capacity; open reclaims mark who has to leave. The only writer of claims' states."""

from collections.abc import Mapping

from jeroboam.quota.counters import change
from jeroboam.quota.tree import Claim, ClaimState, Reclaim, Tree


def charge(tree: Tree, claim: Claim) -> None:
    """The claim is admitted: its node holds it. A reservation in the making becomes one."""
    node = tree.nodes[claim.node_id]
    if claim.reserves:
        reservation = tree.reservations[claim.id]
        reservation.amounts = dict(claim.amounts)
        for resource, amount in claim.amounts.items():
            change(tree, node, resource, reserved=amount)
        tree.dirty_reservations.add(claim.id)
        put(tree, claim, ClaimState.RELEASED)
        return
    drawn = tree.reservations.get(claim.reservation) if claim.reservation else None
    for resource, amount in claim.amounts.items():
        change(tree, node, resource, used=amount, reserved=-amount if drawn else 0)
        if drawn:
            drawn.amounts[resource] -= amount
            tree.dirty_reservations.add(drawn.id)
    put(tree, claim, ClaimState.ADMITTED)


def credit(tree: Tree, claim: Claim, state: ClaimState) -> None:
    """A charged claim gives its capacity back: to its reservation while there is one, otherwise to everybody."""
    node = tree.nodes[claim.node_id]
    drawn = tree.reservations.get(claim.reservation) if claim.reservation else None
    for resource, amount in claim.amounts.items():
        change(tree, node, resource, used=-amount, reserved=amount if drawn else 0)
        if drawn:
            drawn.amounts[resource] = drawn.amounts.get(resource, 0) + amount
            tree.dirty_reservations.add(drawn.id)
    gone(tree, claim)
    put(tree, claim, state)


def adjust(tree: Tree, claim: Claim, delta: Mapping[str, int]) -> None:
    """A charged claim holds `delta` more (or less) from now on, out of its reservation while there is one."""
    node = tree.nodes[claim.node_id]
    drawn = tree.reservations.get(claim.reservation) if claim.reservation else None
    node.let_go(claim.id)
    for resource, more in delta.items():
        change(tree, node, resource, used=more, reserved=-more if drawn else 0)
        if drawn:
            drawn.amounts[resource] = drawn.amounts.get(resource, 0) - more
            tree.dirty_reservations.add(drawn.id)
        claim.amounts[resource] = claim.amounts.get(resource, 0) + more
        if not claim.amounts[resource]:
            del claim.amounts[resource]
    node.hold(claim)
    if delta:
        tree.dirty_claims.add(claim.id)


def put(tree: Tree, claim: Claim, state: ClaimState) -> None:
    claim.state = state
    tree.record(claim)
    tree.dirty_claims.add(claim.id)


def open_reclaim(tree: Tree, claim: Claim, victims: tuple[str, ...], deadline: float, rule: str) -> None:
    """`claim` is entitled by `rule`: mark who has to leave for it. The row has the claim's id."""
    tree.reclaims[claim.id] = Reclaim(claim.id, claim.id, victims, deadline, rule)
    tree.dirty_reclaims.add(claim.id)
    for victim in victims:
        marked = tree.claims[victim]
        if marked.leaving is None:
            marked.leaving = claim.id
            tree.dirty_claims.add(victim)
    put(tree, claim, ClaimState.RECLAIMING)


def close_reclaim(tree: Tree, row_id: str) -> None:
    """The beneficiary has its units, or does not want them any more. Victims that no other row takes may stay."""
    row = tree.reclaims.pop(row_id)
    tree.dirty_reclaims.add(row_id)
    for victim in row.victims:
        _mark(tree, victim)


def spare(tree: Tree, claim_id: str) -> None:
    """The claim need not leave after all."""
    _strike(tree, claim_id)
    _mark(tree, claim_id)


def gone(tree: Tree, claim: Claim) -> None:
    """The claim has left: no row waits for it any longer."""
    if claim.leaving is not None:
        _strike(tree, claim.id)
        claim.leaving = None


def _strike(tree: Tree, claim_id: str) -> None:
    for row in tree.reclaims.values():
        if claim_id in row.victims:
            row.victims = tuple(v for v in row.victims if v != claim_id)
            tree.dirty_reclaims.add(row.id)


def _mark(tree: Tree, claim_id: str) -> None:
    """`leaving` names the first row that takes the claim."""
    claim = tree.claims[claim_id]
    taker = next((row.id for row in tree.reclaims.values() if claim_id in row.victims), None)
    if claim.leaving != taker:
        claim.leaving = taker
        tree.dirty_claims.add(claim_id)
