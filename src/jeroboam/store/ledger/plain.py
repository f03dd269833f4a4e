"""Admission of what is plain: it fits, and concerns nobody else. Many such requests cost little more than one.

On PostgreSQL it is one round trip to a stored function (migrations/versions/v0008_quota_admit.sql); on SQLite the
engine decides, and each counter is written once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import compress

from sqlalchemy import Connection

from jeroboam.quota import admission
from jeroboam.quota.decision import Request
from jeroboam.quota.tree import Tree
from jeroboam.store import driver
from jeroboam.store.ledger import resident
from jeroboam.store.ledger.changes import Touched
from jeroboam.store.ledger.codecs import write_amounts


@dataclass(frozen=True, slots=True)
class Asked:
    """A request, and the object that it pays for. `request.order` is not read: the later in a list, the newer."""

    request: Request
    object_id: str

    @property
    def plain(self) -> bool:
        """Whether it may be plain: it takes from no reservation, and others may take from it."""
        request = self.request
        return request.reservation is None and request.reclaimable and all(a > 0 for a in request.amounts.values())


_ADMIT = (
    "SELECT quota_admit(%s::text[], %s::text[], %s::text[], %s::int[], %s::text[], %s::text[],"
    " %s::text[], %s::text[], %s::bigint[], %s)"
)


def admit_plain(tx: Connection, asked: Sequence[Asked], now: float) -> list[bool]:
    """Admits those that are plain, in their order. For each True: it is charged and written; False: ask `admit`.

    Works in `db.admit()` as in `db.write()`. On PostgreSQL a claim that there is already is a DBAPIError.
    """
    first = {one.request.id: place for place, one in reversed(list(enumerate(asked)))}
    places = [p for p, one in enumerate(asked) if one.plain and one.request.amounts and first[one.request.id] == p]
    if not places:
        return [False] * len(asked)
    decide = _by_function if tx.dialect.name == "postgresql" else _by_engine
    admitted = {p for p, yes in zip(places, decide(tx, [asked[p] for p in places], now), strict=True) if yes}
    return [place in admitted for place in range(len(asked))]


def _by_function(tx: Connection, asked: Sequence[Asked], now: float) -> list[bool]:
    many = [one.request for one in asked]
    parts = [(request.node_id, *part) for request in many for part in request.amounts.items()]
    part_nodes, part_resources, part_amounts = zip(*parts, strict=True)
    values = (
        _texts([request.id for request in many]),
        _texts([request.node_id for request in many]),
        _texts([one.object_id for one in asked]),
        _array(["NULL" if request.priority is None else str(request.priority) for request in many]),
        _array(["NULL" if request.shortage is None else _quoted(request.shortage) for request in many]),
        _texts([write_amounts(request.amounts) for request in many]),
        _texts(part_nodes),
        _texts(part_resources),
        _array(map(str, part_amounts)),
        now,
    )
    ((verdicts,),) = driver.rows(tx, _ADMIT, values)
    return list(verdicts)


def _array(items: Iterable[str]) -> str:
    """As PostgreSQL writes it. The driver makes the same of a list, in ten times the time."""
    return "{" + ",".join(items) + "}"


def _texts(items: Sequence[str]) -> str:
    """The same, of any texts."""
    joined = "".join(items)
    if "\\" in joined or '"' in joined:
        return _array(map(_quoted, items))
    return '{"' + '","'.join(items) + '"}'


def _quoted(one: str) -> str:
    return '"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _by_engine(tx: Connection, asked: Sequence[Asked], now: float) -> list[bool]:
    books = resident.books(tx)
    tree = books.tree
    verdicts = [admission.admit_plain(tree, one.request) for one in asked]
    if any(verdicts):
        admitted = list(compress(asked, verdicts))
        books.objects.update({one.request.id: one.object_id for one in admitted})
        _write(tx, tree, admitted, now)
    return verdicts


_COUNT = "UPDATE quota_limits SET used = ?, subtree = ? WHERE node_id = ? AND resource = ?"
_CLAIM = (
    "INSERT INTO quota_claims (id, node_id, object_id, priority, age, state, reclaimable, shortage, evictions, amounts,"
    " created_at, updated_at) VALUES (?, ?, ?, ?, ?, 'admitted', 1, ?, 0, ?, ?, ?)"
)


def _write(tx: Connection, tree: Tree, admitted: Sequence[Asked], now: float) -> None:
    """The counters that have changed, each once, and the claims."""
    resources = {resource for one in admitted for resource in one.request.amounts}
    changed = (tree.nodes[ident] for ident in tree.dirty_nodes)
    counts = [(n.used.get(r, 0), n.subtree.get(r, 0), n.id, r) for n in changed for r in resources if r in n.limits]
    rows = []
    for one in admitted:
        claim = tree.claims[one.request.id]
        paid = (claim.shortage.value, write_amounts(claim.amounts), now, now)
        rows.append((claim.id, claim.node_id, one.object_id, claim.priority, claim.order, *paid))
    driver.many(tx, _COUNT, counts)
    driver.many(tx, _CLAIM, rows)
    resident.note(tx, Touched.by(tree))
    tree.forget_changes()
