"""Reservations: capacity that a node holds idle for later."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Body, Path, Response

from jeroboam.api.context import Context, Ctx
from jeroboam.api.quota import documents, places, refusal, schema
from jeroboam.api.quota.places import Place
from jeroboam.api.quota.routes import NodeIdent
from jeroboam.api.respond import iso, json, nothing
from jeroboam.api.routing import Routes
from jeroboam.model.errors import Malformed, NotFound
from jeroboam.store import ledger

routes = Routes("/quota/v1", "quota")

LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
"""Later ones have no date in every zone."""
ReservationId = Annotated[str, Path(max_length=64)]


@routes.route(
    "GET",
    "/nodes/{ident}/reservations",
    rule="quota:get",
    answers={200: documents.ReservationsDocument},
    errors=(404, 409),
    target="handler",
)
def list_reservations(ctx: Ctx, ident: NodeIdent) -> Response:
    place = places.locate(ctx, ident)
    with ctx.services.database.read() as tx:
        return json({"reservations": [_shown(r, place) for r in ledger.reservations(tx, place.id)]})


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
    until = _until(ctx, body.until)
    reservation_id = body.id or str(uuid.uuid4())
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        decided = ledger.reserve(tx, places.actor(ctx), place.id, reservation_id, dict(body.amounts), until, ctx.now)
        if decided.outcome == "refused":
            raise refusal.problem(ctx, tx, f"cannot reserve for {place.name}", decided, place.id)
        made = _shown(ledger.reservation(tx, reservation_id), place)
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
    ctx: Ctx, ident: NodeIdent, reservation_id: ReservationId, body: Annotated[schema.ExtendBody, Body()]
) -> Response:
    place = places.locate(ctx, ident)
    _check_known(ctx, place, reservation_id)
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        ledger.extend_reservation(tx, places.actor(ctx), reservation_id, _until(ctx, body.until), ctx.now)
        extended = _shown(ledger.reservation(tx, reservation_id), place)
    return json(extended)


@routes.route(
    "DELETE",
    "/nodes/{ident}/reservations/{reservation_id}",
    rule="quota:reserve",
    answers={204: None},
    errors=(404, 409),
    target="handler",
)
def release_reservation(ctx: Ctx, ident: NodeIdent, reservation_id: ReservationId) -> Response:
    """What was drawn from it stays as ordinary use."""
    place = places.locate(ctx, ident)
    _check_known(ctx, place, reservation_id)
    with ctx.services.database.write() as tx, places.worded(ctx, tx, place):
        ledger.release_reservation(tx, places.actor(ctx), reservation_id, ctx.now)
    return nothing()


def _check_known(ctx: Context, place: Place, reservation_id: str) -> None:
    with ctx.services.database.read() as tx:
        if any(found.id == reservation_id for found in ledger.reservations(tx, place.id)):
            return
    raise NotFound(f"cannot find reservation {reservation_id[:64]!r} of {place.name}; list them to see what there is")


def _shown(reservation: ledger.ReservationView, place: Place) -> dict[str, Any]:
    return {
        "id": reservation.id,
        "node": place.id,
        "node_name": place.name,
        "amounts": dict(reservation.amounts),
        "until": None if reservation.until is None else iso(reservation.until),
        "pending": reservation.pending,
    }


def _until(ctx: Context, text: str | None) -> float | None:
    if text is None:
        return None
    try:
        at = datetime.fromisoformat(text)
        until = (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise Malformed(f"cannot read {text!r} as a time: write ISO 8601, as 2026-12-31T12:00:00Z") from None
    if until <= ctx.now:
        raise Malformed(f"cannot reserve until {text}: that is past; name a time to come")
    if until >= LATEST:
        raise Malformed(f"cannot reserve until {text}: the calendar ends there; leave `until` out for no end")
    return until
