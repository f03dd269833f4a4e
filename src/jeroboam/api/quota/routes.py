"""The routes of the quota tree: nodes as they stand, what would happen, who holds and who gives."""

from typing import Annotated

from fastapi import Body, Path, Query, Response

from jeroboam.api.context import Context, Ctx
from jeroboam.api.quota import claims, documents, places, schema, view
from jeroboam.api.quota.places import Place
from jeroboam.api.quota.view import Names
from jeroboam.api.respond import json
from jeroboam.api.routing import Routes
from jeroboam.quota.decision import Request
from jeroboam.store import audit, ledger

routes = Routes("/quota/v1", "quota")

NodeIdent = Annotated[str, Path(description="Id, a name that is unique below yours, or `self`", max_length=255)]


@routes.route(
    "GET",
    "/nodes/{ident}",
    rule="quota:get",
    answers={200: documents.NodeDocument},
    errors=(404, 409),
    target="handler",
)
def show_node(ctx: Ctx, ident: NodeIdent) -> Response:
    return _node(ctx, places.locate(ctx, ident))


def _node(ctx: Context, place: Place) -> Response:
    with ctx.services.database.quota() as books, ledger.shown_with(books.tree, place.unmade):
        return json(view.node(books.tree, place))


@routes.route(
    "GET", "/tree", rule="quota:get", answers={200: documents.TreeDocument}, errors=(404, 409), target="handler"
)
def show_tree(ctx: Ctx, query: Annotated[schema.TreeQuery, Query()]) -> Response:
    place = places.locate(ctx, query.root)
    with ctx.services.database.read() as tx:  # all of it is loaded, and nobody waits while it is drawn
        tree = ledger.tree(tx)
        ledger.add_path(tree, place.unmade)
        return json(view.subtree(ctx, tx, tree, place))


@routes.route(
    "PATCH",
    "/nodes/{ident}",
    rule="quota:set",
    answers={200: documents.NodeDocument},
    errors=(404, 409, 413),
    target="handler",
)
def update_node(ctx: Ctx, ident: NodeIdent, body: Annotated[schema.UpdateNode, Body()]) -> Response:
    place = places.locate(ctx, ident)
    if body.force:
        ctx.check(place.id, place.ancestors, rule="quota:force")
    changes = {resource: limit.change() for resource, limit in body.limits.items()}
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        ledger.ensure_path(tx, place.unmade)
        ledger.set_node(
            tx,
            places.actor(ctx),
            place.id,
            changes,
            weight=body.fraction(),
            policy=None if body.policy is None else body.policy.policy(),
            child_defaults=body.defaults(),
            force=body.force,
            now=ctx.now,
        )
    return _node(ctx, place)


@routes.route(
    "POST",
    "/dry-run",
    rule="quota:get",
    answers={200: documents.DryRunDocument},
    errors=(404, 409, 413),
    target="handler",
)
def dry_run(ctx: Ctx, body: Annotated[schema.DryRunBody, Body()]) -> Response:
    """Would this be admitted now, and if not, why not? Nothing is changed."""
    place = places.locate(ctx, body.node)
    with ctx.services.database.read() as tx:
        drawn = ledger.reservation_id(tx, place.id, body.reservation)
    request = Request(
        id="dry-run",
        node_id=place.id,
        amounts=dict(body.amounts),
        priority=body.priority,
        shortage=body.shortage,
        reservation=drawn,
        reclaimable=body.reclaimable,
    )
    with ctx.services.database.quota() as books, ledger.shown_with(books.tree, place.unmade):
        decided = ledger.dry_run(books.tree, request, ctx.now)
        return json(view.decision(ctx, books.tree, decided, place.id))


@routes.route(
    "GET", "/claims", rule="quota:claims", answers={200: documents.ClaimsDocument}, errors=(404, 409), target="handler"
)
def list_claims(ctx: Ctx, query: Annotated[schema.ClaimsQuery, Query()]) -> Response:
    place = places.locate(ctx, query.node)
    with ctx.services.database.read() as tx:
        names = Names(tx, places.visible_names(ctx, tx, place))
        found = [claims.claim(c, names) for c in ledger.claims(tx, places.whose(ctx, tx, query.below, place))]
    return json({"claims": [c for c in found if query.state in (None, c["state"])]})


@routes.route(
    "GET",
    "/reclaims",
    rule="quota:claims",
    answers={200: documents.ReclaimsDocument},
    errors=(404, 409),
    target="handler",
)
def list_reclaims(ctx: Ctx, query: Annotated[schema.NodeQuery, Query()]) -> Response:
    """In progress: those in which the node gets or gives."""
    place = places.locate(ctx, query.node)
    with ctx.services.database.read() as tx:
        names = Names(tx, places.visible_names(ctx, tx, place))
        found = ledger.reclaims(tx, places.whose(ctx, tx, query.below, place))
        return json({"reclaims": [claims.reclaim(r, names) for r in found]})


@routes.route(
    "GET", "/audit", rule="audit:list", answers={200: documents.AuditDocument}, errors=(404, 409), target="handler"
)
def list_audit(ctx: Ctx, query: Annotated[schema.AuditQuery, Query()]) -> Response:
    """Who changed which limits, from what to what, newest first."""
    place = places.locate(ctx, query.node)
    with ctx.services.database.read() as tx:
        names = Names(tx, places.visible_names(ctx, tx, place))
        rows = audit.listing(tx, places.whose(ctx, tx, query.below, place), query.limit)
    return json({"entries": [claims.entry(row, names) for row in rows]})
