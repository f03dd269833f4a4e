"""A whole tree of limits in one document: what would change, or all of it or nothing."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from fractions import Fraction
from typing import Annotated, Any

from fastapi import Body, Query, Response
from sqlalchemy import Connection

from jeroboam.api.context import Context, Ctx
from jeroboam.api.quota import documents, places, schema
from jeroboam.api.quota.places import Place
from jeroboam.api.respond import json
from jeroboam.api.routing import Routes
from jeroboam.model.errors import Forbidden, Malformed
from jeroboam.quota.apply import Change
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ROOT
from jeroboam.store import ledger
from jeroboam.store.ledger import Path

routes = Routes("/quota/v1", "quota")

_FIELDS = {"hard_limit": "hard", "lend_limit": "lend", "borrow_limit": "borrow"}


@routes.route(
    "POST",
    "/apply",
    rule="quota:get",
    answers={200: documents.ChangesDocument},
    errors=(404, 409, 413),
    target="handler",
)
def apply_document(
    ctx: Ctx, query: Annotated[schema.ApplyQuery, Query()], body: Annotated[schema.ApplyBody, Body()]
) -> Response:
    """Every node that it changes must be the caller's to set; in an order that works, all or nothing."""
    place = places.locate(ctx, _top(body.document))
    _check_once(body.document)
    if "children" in body.document and not places.manages(ctx, place):
        raise Forbidden(f"cannot apply a tree below {place.name}: only those who manage it see what is there")
    unmade = _unmade(ctx, place, body.document)
    planned = _looked(ctx, place, body, unmade) if query.dry_run else _applied(ctx, place, body, unmade)
    with ctx.services.database.read() as tx:
        names = ledger.names(tx, {change.node_id for change in planned})
    new = {ident: name for path in unmade for ident, name, _ in path}
    return json({"dry_run": query.dry_run, "changes": _shown(planned, new | names)})


def _looked(ctx: Context, place: Place, body: schema.ApplyBody, unmade: Sequence[Path]) -> list[Change]:
    """What would change. With paths that are not made the whole tree is read for it, which no writer waits for."""
    database = ctx.services.database
    with database.read() if unmade else database.write() as tx, places.worded(ctx, tx, place):
        document = _from_the_cloud(place, body.document)
        planned = ledger.plan(tx, document, ctx.now, force=body.force, unmade=unmade)
        _check(ctx, tx, planned, body.force, unmade)
    return planned


def _applied(ctx: Context, place: Place, body: schema.ApplyBody, unmade: Sequence[Path]) -> list[Change]:
    if unmade and not _looked(ctx, place, body, unmade):
        return []  # what changes nothing makes no node either
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        for path in unmade:
            ledger.ensure_path(tx, path)
        document = _from_the_cloud(place, body.document)
        planned = ledger.plan(tx, document, ctx.now, force=body.force)
        _check(ctx, tx, planned, body.force)
        return ledger.apply(tx, places.actor(ctx), document, ctx.now, force=body.force)


def _top(document: Mapping[str, Any]) -> str:
    top = document.get("id", document.get("name"))
    if not isinstance(top, str) or not top:
        raise Malformed("cannot apply the document: its top has neither an id nor a name; write `name: <project>`")
    return top


def _check_once(node: Mapping[str, Any]) -> None:
    """Raises Malformed where two siblings are the same: the later would win, and nobody hear of it."""
    children = node.get("children")
    seen = set()
    for child in children if isinstance(children, list) else ():
        if isinstance(child, Mapping):
            word = "id" if "id" in child else "name"
            called = child.get(word)  # whoever has neither is told so elsewhere
            if isinstance(called, str) and (word, called) in seen:
                raise Malformed(f"cannot apply the document: {called[:80]!r} stands twice below one node; give it once")
            seen.add((word, str(called)))
            _check_once(child)


def _unmade(ctx: Context, place: Place, document: Mapping[str, Any]) -> list[Path]:
    """The paths to those of the document that nobody has used yet: they are named by their ids. Raises NotFound."""
    ids = dict.fromkeys(_ids(document))
    with ctx.services.database.read() as tx:
        known = ledger.names(tx, ids)
    found = [place, *(places.locate(ctx, ident) for ident in ids if ident not in known)]
    return [one.unmade for one in found if one.unmade and place.id in (one.id, *one.ancestors)]


def _ids(node: Mapping[str, Any]) -> Iterator[str]:
    """Of all that is below it."""
    children = node.get("children")
    for child in children if isinstance(children, list) else ():
        if isinstance(child, Mapping):
            if isinstance(child.get("id"), str):
                yield child["id"]
            yield from _ids(child)


def _from_the_cloud(place: Place, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the engine takes it: from the cloud down, nodes above the top named and left as they are."""
    if place.id == ROOT:
        return dict(document)
    wrapped: dict[str, Any] = {**document, "id": place.id}
    for ancestor in place.ancestors:
        wrapped = {"id": ancestor, "children": [wrapped]}
    return wrapped


def _check(ctx: Context, tx: Connection, planned: Iterable[Change], force: bool, unmade: Sequence[Path] = ()) -> None:
    """Raises Forbidden where one of the nodes is not the caller's to set."""
    new = {path[n][0]: [*(ident for ident, _, _ in path[n + 1 :]), ROOT] for path in unmade for n in range(len(path))}
    for node_id in dict.fromkeys(change.node_id for change in planned):
        above = new.get(node_id) or ledger.ancestors(tx, node_id)
        ctx.check(node_id, above, rule="quota:set")
        if force:
            ctx.check(node_id, above, rule="quota:force")


def _shown(planned: Iterable[Change], names: Mapping[str, str]) -> list[dict[str, Any]]:
    """One entry for each node, in the order of the document."""
    found: dict[str, dict[str, Any]] = {}
    for change in planned:
        entry = found.setdefault(
            change.node_id,
            {"node": change.node_id, "node_name": names.get(change.node_id, ""), "before": {}, "after": {}},
        )
        _put(entry["before"], change.what, change.resource, change.before)
        _put(entry["after"], change.what, change.resource, change.after)
    return list(found.values())


def _put(side: dict[str, Any], what: str, resource: str | None, value: Any) -> None:
    """In the keys of the audit: `limits.vcpus`, `policy.reclaim`, `child_defaults.memory`, `weight`."""
    match value:
        case Policy():
            side |= {f"policy.{key}": rule for key, rule in asdict(value).items() if rule is not None}
        case dict():
            side |= {f"child_defaults.{name}": asdict(limit) for name, limit in value.items()}
        case Fraction():
            side[what] = str(value)
        case _ if what in _FIELDS:
            side.setdefault(f"limits.{resource}", {})[_FIELDS[what]] = value
