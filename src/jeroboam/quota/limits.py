"""What a manager sets: limits, weight, policy, defaults for new children. All or nothing, or QuotaConflict."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from fractions import Fraction

from jeroboam.quota.counters import free, owned, put_limit, taken
from jeroboam.quota.decision import Settled
from jeroboam.quota.policy import Policy
from jeroboam.quota.reasons import Help, QuotaConflict, Reason
from jeroboam.quota.reserving import extend, release_reservation, reserve
from jeroboam.quota.settling import settle
from jeroboam.quota.shape import add_node, move, remove
from jeroboam.quota.tree import UNLIMITED, ClaimState, Limit, Node, Tree

__all__ = [
    "KEEP",
    "LimitChange",
    "add_node",
    "extend",
    "move",
    "put_limit",
    "release_reservation",
    "remove",
    "reserve",
    "set_limits",
]


class Keep(Enum):
    KEEP = "keep"


KEEP = Keep.KEEP


@dataclass(frozen=True, slots=True)
class LimitChange:
    """What to change of one Limit; KEEP leaves a field as it is. None means what it means in Limit."""

    hard: int | Keep = KEEP
    lend: int | Keep | None = KEEP
    borrow: int | Keep | None = KEEP

    def on(self, limit: Limit) -> Limit:
        return Limit(
            limit.hard if isinstance(self.hard, Keep) else self.hard,
            limit.lend if isinstance(self.lend, Keep) else self.lend,
            limit.borrow if isinstance(self.borrow, Keep) else self.borrow,
        )


def set_limits(
    tree: Tree,
    node_id: str,
    limits: Mapping[str, Limit | LimitChange],
    weight: Fraction | None = None,
    policy: Policy | None = None,
    child_defaults: Mapping[str, Limit] | None = None,
    force: bool = False,
    now: float = 0.0,
) -> Settled:
    """Change one node; what is left at None stays. Raises QuotaConflict and changes nothing if a limit does not fit.

    Use above a new hard_limit becomes borrowed use if the borrow_limit lets it, and is refused otherwise unless
    `force`: then the node is in debt. Units that others use stay with them until the owner asks.
    Answers who got what the change has set free.
    """
    change_node(tree, node_id, limits, weight, policy, child_defaults, force)
    return settle(tree, now)


def change_node(
    tree: Tree,
    node_id: str,
    limits: Mapping[str, Limit | LimitChange],
    weight: Fraction | None = None,
    policy: Policy | None = None,
    child_defaults: Mapping[str, Limit] | None = None,
    force: bool = False,
) -> None:
    """As set_limits, but what comes free is nobody's yet: for one of several changes, with settle after the last."""
    node = _node(tree, node_id)
    if weight is not None and weight < 0:
        raise QuotaConflict(Reason("negative_weight", node_id))
    wanted = {}
    for resource, change in limits.items():
        old = node.limit(resource)
        new = change.on(old) if isinstance(change, LimitChange) else change
        wanted[resource] = Limit(new.hard, None, 0) if node.parent is None else new
        reason = conflict(node, resource, wanted[resource], force)
        if reason is not None:
            raise QuotaConflict(reason)
    for resource, new in wanted.items():
        put_limit(tree, node, resource, new)
    if weight is not None:
        node.weight = weight
    if policy is not None:
        node.policy = policy
    if child_defaults is not None:
        node.child_defaults = dict(child_defaults)
    node.generation += 1
    tree.dirty_nodes.add(node_id)


def conflict(node: Node, resource: str, new: Limit, force: bool) -> Reason | None:
    """Why `node` cannot have this limit now."""
    if new.hard < UNLIMITED or (new.lend or 0) < 0 or (new.borrow or 0) < 0:
        asked = min(new.hard, new.lend or 0, new.borrow or 0)
        return Reason("negative_limit", node.id, resource, {"asked": asked}, "limits >= 0")
    given = node.allocated.get(resource, 0) + node.reserved.get(resource, 0)
    more = (new.hard if new.hard >= 0 else given) - owned(node, resource)
    return _parent_short(node, resource, more) or shrink_conflict(node, resource, new, force)


def shrink_conflict(node: Node, resource: str, new: Limit, force: bool) -> Reason | None:
    """Why `node` cannot get along with this limit: what it has given away, or, unless forced, what it holds."""
    given = node.allocated.get(resource, 0) + node.reserved.get(resource, 0)
    if 0 <= new.hard < given:
        figures = {"asked": new.hard, "given": given}
        rule = "hard_limit >= allocated + reserved"
        return Reason("below_given", node.id, resource, figures, rule, _frees(node, resource))
    return None if force else _below_use(node, resource, new)


def _parent_short(node: Node, resource: str, more: int) -> Reason | None:
    """Raising needs the free of the nearest ancestor that has a bound."""
    owner = node.parent.bounded(resource) if node.parent else None
    if more <= 0 or owner is None or free(owner, resource) >= more:
        return None
    room = free(owner, resource)
    above = (Help("raise_parent", owner.id, {"missing": more - max(0, room)}),) if owner.parent else ()
    helps = (*above, *_frees(owner, resource))
    figures = {"asked": more, "available": room}
    return Reason("parent_free_short", owner.id, resource, figures, "more <= free", helps, about=node.id)


def _frees(node: Node, resource: str) -> tuple[Help, ...]:
    """Where what the node has set aside could come from."""
    aside = {"free_reservation": node.reserved, "lower_below": node.allocated}
    return tuple(Help(code, node.id) for code, held in aside.items() if held.get(resource))


def _below_use(node: Node, resource: str, new: Limit) -> Reason | None:
    if new.hard < 0:
        return None
    old, held = node.limit(resource), taken(node, resource)
    reach = None if new.borrow is None else new.hard + new.borrow
    lowered = old.hard < 0 or old.borrow is None or (reach is not None and reach < old.hard + old.borrow)
    helps = (Help("release_there", node.id, {"missing": held - (reach or 0)}), Help("force", node.id))
    if lowered and reach is not None and held > reach:
        return Reason("below_use", node.id, resource, {"asked": reach, "taken": held}, "U + R <= H + BL", helps)
    if old.hard < 0 or new.hard < old.hard:
        firm = _unreclaimable(node, resource)
        if firm > new.hard:
            figures = {"asked": new.hard, "taken": firm}
            rule = "what may not be reclaimed may not be borrowed for"
            return Reason("below_unreclaimable", node.id, resource, figures, rule, helps)
    return None


def _unreclaimable(node: Node, resource: str) -> int:
    """Units below the node that nobody can take back: opted-out claims (drawn ones too) and reserves."""
    total = 0
    for below in node.walk():
        total += below.reserved.get(resource, 0)
        for claim in below.claims.values():
            if claim.state is ClaimState.ADMITTED and not claim.reclaimable:
                total += claim.amounts.get(resource, 0)
    return total


def _node(tree: Tree, node_id: str) -> Node:
    if node_id not in tree.nodes:
        raise QuotaConflict(Reason("unknown_node", node_id))
    return tree.nodes[node_id]
