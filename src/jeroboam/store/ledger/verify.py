"""The books are checked: every counter is worked out anew from the claims, and put right where somebody wants that."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update

from jeroboam.quota import invariants
from jeroboam.quota.counters import debt
from jeroboam.quota.settling import settle
from jeroboam.quota.tree import Node, Tree
from jeroboam.store import audit
from jeroboam.store.audit import Actor, Entry
from jeroboam.store.ledger import changes, load, resident
from jeroboam.store.ledger.damage import damaged, strays
from jeroboam.store.ledger.tell import write
from jeroboam.store.ledger_schema import limits

REPAIR = "repair"
"""The audit's word for it."""

COUNTERS = ("used", "reserved", "subtree")


@dataclass(frozen=True, slots=True)
class Difference:
    """`counter` (used, reserved or subtree) of `resource` at a node is `stored`; its claims add up to `should_be`."""

    node_id: str
    node: str
    resource: str
    counter: str
    stored: int
    should_be: int


_AT = (limits.c.node_id == bindparam("at_node"), limits.c.resource == bindparam("of_resource"))
_SET = {counter: update(limits).where(*_AT).values({counter: bindparam("to")}) for counter in COUNTERS}
_NOTED = select(limits.c.node_id, limits.c.resource, limits.c.in_debt, limits.c.parent_id)


def differences(tx: Connection) -> list[Difference]:
    """Every counter that is not what the claims add up to, top of the tree first."""
    return _differences(load.whole(tx).tree)


def repair(tx: Connection, actor: Actor, now: float) -> list[Difference]:
    """Sets them right, with an audit entry for each node; then gives what has come free to those who wait for it."""
    changes.note_everything(tx)  # what others have in memory may be wrong where the database is right
    found = differences(tx)
    for difference in found:
        _set(tx, difference)
    for node_id in dict.fromkeys(d.node_id for d in found):
        of_node = [d for d in found if d.node_id == node_id]
        before = {f"{d.counter}.{d.resource}": d.stored for d in of_node}
        after = {f"{d.counter}.{d.resource}": d.should_be for d in of_node}
        audit.append(tx, Entry(actor, node_id, REPAIR, before, after, now))
    books = resident.books(tx)
    wrong = [node_id for node_id, _ in _wrong_notes(tx, books.tree)]
    if not found and not wrong:
        return []
    books.tree.dirty_nodes.update(wrong)
    settle(books.tree, now)
    write(tx, books, now)
    return found


def verify(tx: Connection) -> list[str]:
    """Whatever does not add up, in words; empty: all is well."""
    if wrong := damaged(tx):
        return wrong
    tree = load.whole(tx).tree
    said = (
        "its parent, or whether it holds more than it may, is noted wrongly; `jeroboam quota verify --repair` notes it"
    )
    notes = [f"node {node_id}, {resource}: {said}" for node_id, resource in _wrong_notes(tx, tree)]
    return [*invariants.check(tree), *notes, *strays(tx)]


def _wrong_notes(tx: Connection, tree: Tree) -> list[tuple[str, str]]:
    """(node id, resource) where `in_debt` or `parent_id` is not what the tree says."""
    noted = tx.execute(_NOTED).all()
    return [(ident, resource) for ident, resource, *notes in noted if notes != _notes(tree.nodes[ident], resource)]


def _notes(node: Node, resource: str) -> list[object]:
    return [debt(node, resource) > 0, node.parent_id]


def _differences(tree: Tree) -> list[Difference]:
    right = invariants.recompute(tree)
    return [
        Difference(node.id, node.name, resource, counter, stored.get(resource, 0), should.get(resource, 0))
        for node in tree.root.walk()
        for counter in COUNTERS
        for stored, should in [(getattr(node, counter), right[node.id][counter])]
        for resource in sorted(stored.keys() | should.keys())
        if stored.get(resource, 0) != should.get(resource, 0)
    ]


def _set(tx: Connection, difference: Difference) -> None:
    """A node that nobody has set a limit at may have no row yet."""
    where = {"at_node": difference.node_id, "of_resource": difference.resource}
    if not tx.execute(_SET[difference.counter], {**where, "to": difference.should_be}).rowcount:
        row = {"node_id": difference.node_id, "resource": difference.resource, "by_capacity": False}
        counters = {**dict.fromkeys(COUNTERS, 0), difference.counter: difference.should_be}
        tx.execute(insert(limits), {**row, **counters})
