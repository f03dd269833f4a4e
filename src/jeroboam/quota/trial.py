"""What if: the tree with some claims charged and some gone, without touching it; and where a request would not fit."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from jeroboam.quota.counters import owned, pool
from jeroboam.quota.tree import NOTHING, Node, Reclaim, Tree

ENDLESS = 1 << 160
"""More than any amount: no borrow_limit."""


@dataclass(frozen=True, slots=True)
class Short:
    """`resource` does not fit at `node`: `asked` reaches it, `taken` is held there, `ceiling` is what may be held.

    `soft`: the request is inside a private part, but an ancestor holds more than it may (see shortages).
    """

    node: Node
    resource: str
    asked: int
    taken: int
    ceiling: int
    soft: bool = False

    @property
    def missing(self) -> int:
        return self.taken + (0 if self.soft else self.asked) - self.ceiling


class Trial:
    """Changes laid over a tree: {(node id, resource): by how much U, or the node's own use, differs}."""

    def __init__(self) -> None:
        self.shift: dict[tuple[str, str], int] = {}
        self.own: dict[tuple[str, str], int] = {}

    def taken(self, node: Node, resource: str) -> int:
        held = node.subtree.get(resource, 0) + node.reserved.get(resource, 0)
        return held + self.shift.get((node.id, resource), 0)

    def over(self, node: Node, resource: str) -> int:
        return max(0, self.taken(node, resource) - owned(node, resource))

    def used(self, node: Node, resource: str) -> int:
        return node.used.get(resource, 0) + self.own.get((node.id, resource), 0)

    def own_over(self, node: Node, resource: str) -> int:
        return max(0, self.used(node, resource) - pool(node, resource))

    def below(self, node: Node, resource: str) -> bool:
        return self.taken(node, resource) < owned(node, resource)

    def own_below(self, node: Node, resource: str) -> bool:
        return self.used(node, resource) < pool(node, resource)

    def add(self, node: Node, amounts: Mapping[str, int], sign: int = 1) -> None:
        """Charge (sign 1) or take away (sign -1) work at `node`."""
        shift = self.shift
        for resource, amount in amounts.items():
            carry = sign * amount
            key = (node.id, resource)
            self.own[key] = self.own.get(key, 0) + carry
            at: Node | None = node
            while at is not None and carry:
                key = (at.id, resource)
                shifted = shift.get(key, 0)
                shift[key] = shifted + carry
                limit = at.limits.get(resource)
                if limit is not None and limit.lend is not None:
                    before = at.subtree.get(resource, 0) + at.reserved.get(resource, 0) + shifted
                    private = limit.private
                    carry = max(private, before + carry) - max(private, before)
                at = at.parent

    def shortages(self, node: Node, amounts: Mapping[str, int], firm: bool = False) -> list[Short]:
        """Where `amounts` at `node` would not fit, leaf first; empty: it fits. `firm`: within hard_limits alone.

        Walks up carrying only what each V grows by. A private part is its owner's even where an ancestor holds more
        than it may (its lend_limit was lowered while the units were lent out): such an ancestor is reported as a
        soft shortage, to be mended by a reclaim if one is possible.
        """
        found: list[Short] = []
        shift = self.shift
        for resource, amount in amounts.items():
            carry = amount
            at: Node | None = node if amount else None  # nothing asked is never short
            while at is not None:
                limit = at.limits.get(resource, NOTHING)
                held = at.subtree.get(resource, 0) + at.reserved.get(resource, 0)
                if shift:
                    held += shift.get((at.id, resource), 0)
                most = limit.hard + (0 if firm and carry else ENDLESS if limit.borrow is None else limit.borrow)
                if held + carry > most and limit.hard >= 0:
                    if carry:
                        found.append(Short(at, resource, carry, held, most))
                    else:
                        found.append(Short(at, resource, amount, held, max(most, held - amount), soft=True))
                if carry and limit.lend is not None:
                    private = limit.private
                    carry = max(private, held + carry) - max(private, held)
                at = at.parent
        if len(found) > 1:
            depth = {n.id: i for i, n in enumerate(node.path())}
            found.sort(key=lambda s: depth[s.node.id])
        return found

    def missing(self, short: Short) -> int:
        """How much `short` still lacks, once the request is charged in this trial; <= 0: mended."""
        return self.taken(short.node, short.resource) - short.ceiling


def pledged(tree: Tree, until: str | None = None) -> Trial:
    """The tree as open reclaims will leave it: victims gone, beneficiaries charged (those ahead of `until` only)."""
    trial = Trial()
    gone: set[str] = set()
    for row in tree.reclaims.values():
        if row.id == until:
            break
        claim = tree.claims[row.claim_id]
        trial.add(tree.nodes[claim.node_id], claim.amounts)
        for victim in row.victims:
            if victim not in gone:
                gone.add(victim)
                leave(trial, tree, victim)
    return trial


def leave(trial: Trial, tree: Tree, claim_id: str, sign: int = -1) -> None:
    """Take a charged claim away in the trial (or, with sign 1, put it back)."""
    claim = tree.claims[claim_id]
    trial.add(tree.nodes[claim.node_id], claim.amounts, sign)


def undo(trial: Trial, tree: Tree, row: Reclaim, victims: Iterable[str], sign: int = 1) -> None:
    """As if the reclaim were not there, with `victims` (those that nobody else takes) back; sign -1: there again."""
    claim = tree.claims[row.claim_id]
    trial.add(tree.nodes[claim.node_id], claim.amounts, -sign)
    for victim in victims:
        leave(trial, tree, victim, sign)


def leaving(tree: Tree) -> list[str]:
    """Ids of the claims that open reclaims take, each once."""
    return list(dict.fromkeys(v for row in tree.reclaims.values() for v in row.victims))
