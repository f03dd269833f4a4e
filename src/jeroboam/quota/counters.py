"""The arithmetic of one node, and the one walk that keeps the counters of a path right. Everything here is integers.

N(c) = hard - lend                    the private part
V(c) = max(N(c), U(c) + R(c))         what child c takes out of its parent, used or not
U(x) = used(x) + sum of V(c)          kept in `subtree`
"""

from jeroboam.quota.tree import NOTHING, Limit, Node, Tree


def taken(node: Node, resource: str) -> int:
    """U + R: what the node and everything below it hold, reserves and idle private parts included."""
    return node.subtree.get(resource, 0) + node.reserved.get(resource, 0)


def drawn(node: Node, resource: str) -> int:
    """V: what the node takes out of its parent."""
    return max(node.limit(resource).private, taken(node, resource))


def owned(node: Node, resource: str) -> int:
    """H; for a node without a bound of its own, what its children and reservations own of it."""
    hard = node.limit(resource).hard
    return hard if hard >= 0 else node.reserved.get(resource, 0) + node.allocated.get(resource, 0)


def pool(node: Node, resource: str) -> int:
    """What no child owns and no reservation holds: open to the node's own claims, and to its children."""
    return max(0, owned(node, resource) - node.allocated.get(resource, 0) - node.reserved.get(resource, 0))


def free(node: Node, resource: str) -> int:
    """What can still be given to a child or reserved; negative when the node's own claims live on borrowed units."""
    hard = node.limit(resource).hard
    if hard < 0:
        return -1
    held = node.used.get(resource, 0) + node.reserved.get(resource, 0) + node.allocated.get(resource, 0)
    return hard - held


def over(node: Node, resource: str) -> int:
    """How far the node is above its own."""
    return max(0, taken(node, resource) - owned(node, resource))


def own_over(node: Node, resource: str) -> int:
    """How far the node's own claims, seen as a child that owns the pool, are above it."""
    return max(0, node.used.get(resource, 0) - pool(node, resource))


def bound(node: Node, resource: str) -> int | None:
    """H + BL: what U + R may reach; None if nothing bounds it here."""
    limit = node.limit(resource)
    return None if limit.hard < 0 or limit.borrow is None else limit.hard + limit.borrow


def debt(node: Node, resource: str) -> int:
    """What the node holds above its bound, after a forced change of limits. No admission may deepen it."""
    most = bound(node, resource)
    return 0 if most is None else max(0, taken(node, resource) - most)


def headroom(node: Node, resource: str) -> int | None:
    """The largest single request that fits with nobody evicted; None: nothing bounds it. Never below 0."""
    most = bound(node, resource)
    held = taken(node, resource)
    here = None if most is None else max(0, most - held)
    if node.parent is None:
        return here
    above = headroom(node.parent, resource)
    if above is not None:
        above += max(0, node.limit(resource).private - held)
    return above if here is None else here if above is None else min(here, above)


def change(tree: Tree, node: Node, resource: str, used: int = 0, reserved: int = 0) -> None:
    """Add to the counters of `node`, and to its ancestors' what they see of it. Stops where nothing is carried."""
    tree.dirty_nodes.add(node.id)
    private = node.limit(resource).private
    before = taken(node, resource) if private else 0
    if used:
        node.used[resource] = node.used.get(resource, 0) + used
        node.subtree[resource] = node.subtree.get(resource, 0) + used
    if reserved:
        node.reserved[resource] = node.reserved.get(resource, 0) + reserved
        if node.limit(resource).hard < 0:
            _tell(node.parent, resource, reserved, 0)
    more = used + reserved
    lift(tree, node, resource, max(private, before + more) - max(private, before) if private else more)


def lift(tree: Tree, node: Node, resource: str, carry: int) -> None:
    """V of `node` has grown by `carry`: tell its ancestors."""
    parent = node.parent
    while parent is not None and carry:
        tree.dirty_nodes.add(parent.id)
        before = parent.subtree.get(resource, 0)
        parent.subtree[resource] = before + carry
        limit = parent.limits.get(resource)
        if limit is not None and limit.lend is not None:
            before += parent.reserved.get(resource, 0)
            carry = max(limit.private, before + carry) - max(limit.private, before)
        parent = parent.parent


def attach(tree: Tree, node: Node, parent_id: str) -> None:
    """Put a node below `parent_id`, with its counters as they are: one that is loaded comes before its children."""
    parent = tree.nodes[parent_id]
    node.parent = parent
    parent.children[node.id] = node
    tree.nodes[node.id] = node
    give(node)


def give(node: Node, sign: int = 1) -> None:
    """The nodes above learn (sign 1) or forget (-1) what the node owns and could lend, and all below it with it."""
    for resource in {**node.limits, **node.allocated}:
        _tell(node.parent, resource, sign * owned(node, resource), sign * could_lend(node, resource))


def own_more(node: Node, resource: str, old: Limit, new: Limit) -> None:
    """The limit of `node` changes from `old` to `new`: keep what its ancestors know of their children's parts right."""
    kept = node.reserved.get(resource, 0) + node.allocated.get(resource, 0)
    owns = (new.hard if new.hard >= 0 else kept) - (old.hard if old.hard >= 0 else kept)
    lends = could_lend(node, resource, new) - could_lend(node, resource, old)
    _tell(node.parent, resource, owns, lends)


def restate(node: Node, resource: str, new: Limit | None, used: int, reserved: int, subtree: int) -> None:
    """As it is stored now, in place of what was known here; what the nodes above know of their children follows.

    `new` None: nobody has set a limit. The counters of the nodes above are stored too, and restated by themselves.
    """
    old = node.limit(resource)
    if old.hard < 0:
        _tell(node.parent, resource, reserved - node.reserved.get(resource, 0), 0)
    for counter, value in ((node.used, used), (node.reserved, reserved), (node.subtree, subtree)):
        counter[resource] = value
    own_more(node, resource, old, new or NOTHING)
    if new is not None:
        node.limits[resource] = new
    else:
        node.limits.pop(resource, None)


def put_limit(tree: Tree, node: Node, resource: str, new: Limit) -> None:
    """Set it, checked or not, and keep the counters above right: the private part may have changed."""
    old, held = node.limit(resource), taken(node, resource)
    own_more(node, resource, old, new)
    node.limits[resource] = new
    lift(tree, node, resource, max(new.private, held) - max(old.private, held))
    tree.dirty_nodes.add(node.id)


def _tell(node: Node | None, resource: str, owns: int, lends: int) -> None:
    """A child of `node` owns and could lend that much more. A node without a bound passes on what it owns."""
    while node is not None and (owns or lends):
        limit = node.limit(resource)
        before = could_lend(node, resource, limit)
        node.allocated[resource] = node.allocated.get(resource, 0) + owns
        node.lendable[resource] = node.lendable.get(resource, 0) + lends
        lends = could_lend(node, resource, limit) - before
        if limit.hard >= 0:
            owns = 0
        node = node.parent


def served(node: Node, resource: str, limit: Limit | None = None) -> int:
    """What may be used by anybody below the node: its own pool and what its children's subtrees could lend."""
    hard = (limit or node.limit(resource)).hard
    own = 0 if hard < 0 else max(0, hard - node.allocated.get(resource, 0))
    return own + node.lendable.get(resource, 0)


def could_lend(node: Node, resource: str, limit: Limit | None = None) -> int:
    """What of it, and of all below it, others may use while it is idle. Without a bound nothing is its own to keep."""
    limit = limit or node.limit(resource)
    whole = served(node, resource, limit)
    return whole if limit.lend is None or limit.hard < 0 else min(whole, limit.lend)
