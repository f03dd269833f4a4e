"""Reservations: capacity that a node holds idle for later."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Body, Path, Query, Response
from sqlalchemy import Connection

from jeroboam.api.context import Context, Ctx
from jeroboam.api.quota import documents, places, refusal, schema, times
from jeroboam.api.quota.places import Place
from jeroboam.api.quota.routes import NodeIdent
from jeroboam.api.respond import iso, json, nothing
from jeroboam.api.routing import Routes
from jeroboam.model.errors import Malformed, NotFound
from jeroboam.store import ledger

routes = Routes("/quota/v1", "quota")

LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Later ones have no date in every zone."""
ReservationIdent = Annotated[str, Path(description="Id, or its name in the node", max_length=64)]


@routes.route(
    "GET",
    "/nodes/{ident}/reservations",
    rule="quota:get",
    answers={200: documents.ReservationsDocument},
    errors=(404, 409),
    target="handler",
)
def list_reservations(ctx: Ctx, ident: NodeIdent, query: Annotated[schema.BelowQuery, Query()]) -> Response:
    place = places.locate(ctx, ident)
    with ctx.services.database.read() as tx:
        found = ledger.reservations(tx, places.whose(ctx, tx, query.below, place))
        names = ledger.names(tx, {r.node_id for r in found})
    return json({"reservations": [_shown(r, names[r.node_id]) for r in found]})


@routes.route(
    "POST",
    "/nodes/{ident}/reservations",
    rule="quota:reserve",
    answers={201: documents.ReservedDocument},
    errors=(404, 409, 413),
    target="handler",
)
def make_reservation(ctx: Ctx, ident: NodeIdent, body: Annotated[schema.ReserveBody, Body()]) -> Response:
    """Out of what the node owns; units that are lent out are reclaimed as for a request."""
    place = places.locate(ctx, ident)
    if not any(body.amounts.values()):
        raise Malformed("cannot reserve nothing: give 1 or more of something")
    until = _until(ctx, body.until)
    reservation_id = body.id or str(uuid.uuid4())
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        ledger.ensure_path(tx, place.unmade)
        decided = ledger.reserve(
            tx, places.actor(ctx), place.id, reservation_id, dict(body.amounts), until, ctx.now, body.name or ""
        )
        if decided.outcome == "refused":
            raise refusal.problem(ctx, tx, f"cannot reserve for {place.name}", decided, place.id)
        made = _shown(ledger.reservation(tx, reservation_id), place.name)
    return json(
        {
            "outcome": decided.outcome,
            "deadline": None if decided.deadline is None else iso(decided.deadline),
            "reservation": made,
        },
        201,
    )


@routes.route(
    "PATCH",
    "/nodes/{ident}/reservations/{reservation_id}",
    rule="quota:reserve",
    answers={200: documents.ReservationDocument},
    errors=(404, 409, 413),
    target="handler",
)
def extend_reservation(
    ctx: Ctx, ident: NodeIdent, reservation_id: ReservationIdent, body: Annotated[schema.ExtendBody, Body()]
) -> Response:
    place = places.locate(ctx, ident)
    until = _until(ctx, body.until)
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        found = _find(tx, place, reservation_id)
        ledger.extend_reservation(tx, places.actor(ctx), found.id, until, ctx.now)
        return json(_shown(_find(tx, place, found.id), place.name))


@routes.route(
    "DELETE",
    "/nodes/{ident}/reservations/{reservation_id}",
    rule="quota:reserve",
    answers={204: None},
    errors=(404, 409),
    target="handler",
)
def release_reservation(ctx: Ctx, ident: NodeIdent, reservation_id: ReservationIdent) -> Response:
    """What was drawn from it stays as ordinary use."""
    place = places.locate(ctx, ident)
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        found = _find(tx, place, reservation_id)
        ledger.release_reservation(tx, places.actor(ctx), found.id, ctx.now)
    return nothing()


def _find(tx: Connection, place: Place, ident: str) -> ledger.ReservationView:
    found = ledger.find_reservation(tx, place.id, ident)
    if found is None:
        raise NotFound(f"cannot find reservation {ident[:64]!r} of {place.name}; list them to see what there is")
    return found


def _shown(reservation: ledger.ReservationView, node_name: str) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "name": reservation.name,
        "node": reservation.node_id,
        "node_name": node_name,
        "amounts": dict(reservation.amounts),
        "until": None if reservation.until is None else iso(reservation.until),
        "pending": reservation.pending,
    }


def _until(ctx: Context, text: str | None) -> float | None:
    if text is None:
        return None
    until = times.parse(text)
    if until <= ctx.now:
        raise Malformed(f"cannot reserve until {text}: that is past; name a time to come")
    if until >= LATEST:
        raise Malformed(f"cannot reserve until {text}: the calendar ends there; leave `until` out for no end")
    return until
