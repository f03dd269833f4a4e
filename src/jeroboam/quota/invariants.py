"""What always holds. `check` names every violation; `recompute` works the counters out from the claims alone."""

from collections import defaultdict

from jeroboam.quota.counters import bound, could_lend, owned, taken
from jeroboam.quota.tree import ROOT, Amounts, ClaimState, Tree

Counters = dict[str, dict[str, Amounts]]


def recompute(tree: Tree) -> Counters:
    """{node id: {"used" | "reserved" | "subtree": {resource: units}}} from claims, reservations and limits alone."""
    zero: dict[str, dict[str, defaultdict[str, int]]] = {
        n: {"used": defaultdict(int), "reserved": defaultdict(int), "subtree": defaultdict(int)} for n in tree.nodes
    }
    for claim in tree.claims.values():
        if claim.state is ClaimState.ADMITTED:
            for resource, amount in claim.amounts.items():
                zero[claim.node_id]["used"][resource] += amount
    for reservation in tree.reservations.values():
        for resource, amount in reservation.amounts.items():
            zero[reservation.node_id]["reserved"][resource] += amount
    for node in reversed(list(tree.root.walk())):
        mine = zero[node.id]
        for resource, amount in mine["used"].items():
            mine["subtree"][resource] += amount
        if node.parent is not None:
            for resource in {**mine["subtree"], **mine["reserved"], **node.limits}:
                held = mine["subtree"][resource] + mine["reserved"][resource]
                zero[node.parent.id]["subtree"][resource] += max(node.limit(resource).private, held)
    return {n: {k: {r: v for r, v in c.items() if v} for k, c in counters.items()} for n, counters in zero.items()}


def check(tree: Tree) -> list[str]:
    """Violations of the model's invariants in this state, in words; empty: all is well. Debt is not a violation
    (see debts), only its deepening is, which one state alone cannot show.
    """
    return [*_counters(tree), *_ownership(tree), *_indexes(tree), *_pledges(tree)]


def debts(tree: Tree) -> dict[tuple[str, str], int]:
    """{(node id, resource): units held above hard_limit + borrow_limit}."""
    found = {}
    for node in tree.nodes.values():
        for resource in node.limits:
            most = bound(node, resource)
            if most is not None and taken(node, resource) > most:
                found[node.id, resource] = taken(node, resource) - most
    return found


def _counters(tree: Tree) -> list[str]:
    wrong = []
    for node_id, expected in recompute(tree).items():
        node = tree.nodes[node_id]
        for name, stored in (("used", node.used), ("reserved", node.reserved), ("subtree", node.subtree)):
            kept = {r: v for r, v in stored.items() if v}
            if kept != expected[name]:
                wrong.append(f"{node.name}: {name} is {kept}, its claims add up to {expected[name]}")
    return wrong


def _ownership(tree: Tree) -> list[str]:
    """At each parent: what the children own, and the reserves, is within hard_limit; what they lend is known."""
    wrong = []
    for node in tree.nodes.values():
        for resource in {**node.limits, **node.allocated}:
            kept = sum(owned(c, resource) for c in node.children.values())
            if kept != node.allocated.get(resource, 0):
                wrong.append(f"{node.name}: allocated {resource} is {node.allocated.get(resource, 0)}, not {kept}")
            lends = sum(could_lend(c, resource) for c in node.children.values())
            if lends != node.lendable.get(resource, 0):
                wrong.append(f"{node.name}: lendable {resource} is {node.lendable.get(resource, 0)}, not {lends}")
            hard = node.limit(resource).hard
            if 0 <= hard < kept + node.reserved.get(resource, 0):
                wrong.append(f"{node.name}: {kept} {resource} are given away, hard_limit is {hard}")
    return wrong


def _indexes(tree: Tree) -> list[str]:
    wrong = []
    for claim in tree.claims.values():
        charged = claim.id in tree.nodes[claim.node_id].claims
        if charged is not (claim.state is ClaimState.ADMITTED):
            wrong.append(f"claim {claim.id} is {claim.state}, charged: {charged}")
        if (claim.id in tree.waiting) is not (claim.state is ClaimState.WAITING):
            wrong.append(f"claim {claim.id} is {claim.state}, queued: {claim.id in tree.waiting}")
        if (claim.id in tree.reclaims) is not (claim.state is ClaimState.RECLAIMING):
            wrong.append(f"claim {claim.id} is {claim.state}, has a reclaim: {claim.id in tree.reclaims}")
    return wrong


def _pledges(tree: Tree) -> list[str]:
    wrong = []
    taking = {v for row in tree.reclaims.values() for v in row.victims}
    for claim in tree.claims.values():
        if (claim.leaving is not None) is not (claim.id in taking):
            wrong.append(f"claim {claim.id}: leaving is {claim.leaving}, taken by a reclaim: {claim.id in taking}")
        if claim.leaving is not None and claim.state is not ClaimState.ADMITTED:
            wrong.append(f"claim {claim.id} is to leave, but is {claim.state}")
    root = tree.nodes[ROOT]
    for resource, amount in root.subtree.items():
        hard = root.limit(resource).hard
        if hard >= 0 and amount < 0:
            wrong.append(f"the cloud holds {amount} {resource}")
    return wrong
