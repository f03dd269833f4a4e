"""Which node of the tree a caller means, where it hangs, and whether it is theirs to see."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, select

from jeroboam.api.context import Context
from jeroboam.api.quota import refusal
from jeroboam.identity import projects as identity
from jeroboam.model.errors import Conflict, NotFound, Problem
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ROOT, Tree
from jeroboam.store import ledger
from jeroboam.store.audit import Actor
from jeroboam.store.ledger import load
from jeroboam.store.ledger_schema import nodes

SELF = "self"
_DOMAIN_READS = {"quota:get": "reader", "quota:claims": "reader", "audit:list": "manager"}
"""What a token that is scoped to a domain may read of the domain's own node, and with which role."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node and the ids of what is above it, from its parent up to the cloud."""

    id: str
    name: str
    kind: str
    ancestors: tuple[str, ...]
    unmade: ledger.Path = ()
    """Its path, while the tree does not have it: nobody has used the project yet."""


def locate(ctx: Context, ident: str) -> Place:
    """By id, by a name that is unique below the caller's node, or `self`. The route's rule is checked.

    Nothing is made: another node would change what its siblings deserve. What changes it makes it first, in the same
    transaction (ledger.ensure_path), so that a change that is refused leaves none. Raises NotFound (also where it may
    not be seen), Forbidden, Conflict.
    """
    wanted = (ctx.caller.scope_id or ROOT) if ident == SELF else ident
    database = ctx.services.database
    with database.read() as tx:
        place = known(tx, wanted) or _named(ctx, tx, wanted)
    if place is not None:
        _check(ctx, place, ident)
        return place
    path = [(p.id, p.name, p.kind) for p in _path(ctx, wanted, ident)]
    place = Place(*path[0], (*(row[0] for row in path[1:]), ROOT), path)
    _check(ctx, place, ident)
    return place


def known(tx: Connection, node_id: str) -> Place | None:
    """A node of the ledger, by id."""
    try:
        row = ledger.node(tx, node_id)
    except NotFound:
        return None
    return Place(row.id, row.name, row.kind, tuple(ledger.ancestors(tx, node_id)))


def visible(ctx: Context, place: Place) -> bool:
    """Its own node, or one below where the caller manages or reads the system."""
    own = place.id == ctx.caller.scope_id and "reader" in ctx.caller.roles
    return own or ctx.allows("quota:get", place.id, place.ancestors)


def manages(ctx: Context, place: Place) -> bool:
    """Whether what is below the node may be shown by name."""
    return ctx.allows("quota:get", "-", (place.id, *place.ancestors))


def whose(ctx: Context, tx: Connection, below: bool, place: Place) -> Collection[str]:
    """The node, and with `below` those below it. Raises Forbidden where these are not the caller's to see."""
    if not below:
        return [place.id]
    if not manages(ctx, place):
        ctx.check_below(place.id, place.ancestors)
    return ledger.below(tx, place.id)


def name_of(ctx: Context, tx: Connection, node_id: str) -> str | None:
    """A node's name, for who may see it; None for everybody else."""
    place = known(tx, node_id)
    return place.name if place is not None and visible(ctx, place) else None


def visible_names(ctx: Context, tx: Connection, place: Place) -> dict[str, str]:
    """Of whom this caller may hear by name: the node, what is above it, and below for those who manage it."""
    ids = [place.id, *place.ancestors]
    if manages(ctx, place):
        ids += ledger.below(tx, place.id)
    scope = ctx.caller.scope_id
    if ctx.caller.system:
        ids += ledger.below(tx, ROOT)
    elif scope is not None and scope in place.ancestors:
        ids += ledger.below(tx, scope)
    return ledger.names(tx, ids)


def actor(ctx: Context) -> Actor:
    return Actor(ctx.caller.user_id, ctx.caller.user_name, ctx.caller.scope_id, ctx.request_id)


@contextmanager
def worded(ctx: Context, tx: Connection, place: Place) -> Iterator[None]:
    """A refusal of the tree, in names that this caller may know instead of ids."""
    try:
        yield
    except QuotaConflict as refused:
        raise refusal.conflict(ctx, path(tx, place, refused.reason.about), refused, place.id) from refused


def path(tx: Connection, place: Place, also: str | None = None) -> Tree:
    """The node, perhaps another one, and what is above them alone, to name them."""
    tree = load.path(tx, [place.id, *place.ancestors, *([also] if also else ())])
    ledger.add_path(tree, place.unmade)
    return tree


def _named(ctx: Context, tx: Connection, name: str) -> Place | None:
    scope = ROOT if ctx.caller.system else ctx.caller.scope_id
    if scope is None:
        return None
    rows = tx.execute(select(nodes.c.id).where(nodes.c.name == name)).scalars().all()
    mine = set(ledger.below(tx, scope)) if rows else set()
    found = [node_id for node_id in rows if node_id in mine]
    if len(found) > 1:
        raise Conflict(f"cannot tell which node is meant: several are named {name[:80]!r}; use the id")
    return known(tx, found[0]) if found else None


def _path(ctx: Context, wanted: str, ident: str) -> Sequence[identity.Place]:
    try:
        return ctx.services.projects.path(wanted)
    except NotFound:
        raise missing(ident) from None


def _check(ctx: Context, place: Place, ident: str) -> None:
    if not visible(ctx, place):
        raise missing(ident)
    in_domain = ctx.caller.project_id is None and place.id == ctx.caller.scope_id
    if in_domain and _DOMAIN_READS.get(ctx.rule) in ctx.caller.roles:
        return
    ctx.check(place.id, place.ancestors)


def missing(ident: str) -> Problem:
    return NotFound(f"cannot find a node {ident[:80]!r} of the quota tree; `self` is your own", node=ident[:80])
