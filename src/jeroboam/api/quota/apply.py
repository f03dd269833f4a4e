"""A whole tree of limits in one document: what would change, or all of it or nothing."""

from collections.abc import Iterable, Mapping
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
    actor = places.actor(ctx)
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        document = _from_the_cloud(tx, place, body.document)
        planned = ledger.apply(tx, actor, document, ctx.now, dry_run=True, force=body.force)
        _check(ctx, tx, planned, body.force)
        if not query.dry_run:
            ledger.apply(tx, actor, document, ctx.now, force=body.force)
        names = ledger.names(tx, {change.node_id for change in planned})
    return json({"dry_run": query.dry_run, "changes": _shown(planned, names)})


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


def _from_the_cloud(tx: Connection, place: Place, document: Mapping[str, Any]) -> dict[str, Any]:
    """The document as the engine takes it: from the cloud down, nodes above the top named and left as they are."""
    if place.id == ROOT:
        return dict(document)
    wrapped: dict[str, Any] = {**document, "id": place.id}
    for ancestor in ledger.ancestors(tx, place.id):
        wrapped = {"id": ancestor, "children": [wrapped]}
    return wrapped


def _check(ctx: Context, tx: Connection, planned: Iterable[Change], force: bool) -> None:
    """Raises Forbidden where one of the nodes is not the caller's to set."""
    for node_id in dict.fromkeys(change.node_id for change in planned):
        above = ledger.ancestors(tx, node_id)
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
