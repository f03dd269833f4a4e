"""Terminals over websockets, as Zun's client speaks them: raw bytes both ways, binary or base64 frames."""

import base64
import binascii
from collections import Counter
from functools import partial
from urllib.parse import urlsplit

import anyio
import structlog
from anyio import CapacityLimiter, to_thread
from starlette.concurrency import run_in_threadpool
from starlette.websockets import WebSocket, WebSocketDisconnect

from jeroboam.api import metrics, versions
from jeroboam.api.containers import lookup
from jeroboam.api.containers.view import ContainerObject
from jeroboam.api.context import Context, again, authenticate
from jeroboam.api.services import Services
from jeroboam.api.tickets import Ticket, Tickets
from jeroboam.backends.base import Stream
from jeroboam.backends.errors import BackendError
from jeroboam.model.errors import Problem, Unauthenticated
from jeroboam.model.names import container_name

log = structlog.get_logger("jeroboam.streams")

PATH = "/container/v1/websocket"
CONNECTIONS = 100
"""At once, in this process: each holds a thread that waits for the engine, and one more while it sends."""
PER_PROJECT = 20
CHUNK = 32768
CHECK_SECONDS = 15.0
"""How often an open terminal is asked whether it may go on."""
RULE = "container:exec"
POLICY_VIOLATION = 1008
TRY_LATER = 1013


def url(services: Services, ticket: str) -> str:
    base = services.settings.public_url
    return f"{base.replace('http', 'ws', 1)}{PATH}?token={ticket}"


class Terminals:
    """`serve` is the endpoint of PATH: what a ticket names is connected to whoever shows it."""

    def __init__(self, services: Services, tickets: Tickets) -> None:
        self._services = services
        self._tickets = tickets
        self._limiter = CapacityLimiter(2 * CONNECTIONS)
        self._open: Counter[str] = Counter()

    async def serve(self, websocket: WebSocket) -> None:
        try:
            self._check_origin(websocket)
            ticket = self._tickets.redeem(websocket.query_params.get("token", ""), self._services.clock())
            ctx, obj = await self._enter(ticket)
        except Problem as refused:
            await websocket.close(POLICY_VIOLATION, str(refused)[:120])
            return
        if self._open.total() >= CONNECTIONS or self._open[obj.project_id] >= PER_PROJECT:
            await websocket.close(TRY_LATER, "too many terminals are open: try again later")
            return
        # Counted before the engine is asked: many that come at once must not all find room.
        self._open[obj.project_id] += 1
        metrics.STREAMS.labels("terminal").inc()
        try:
            await self._serve(websocket, ticket, ctx, obj)
        finally:
            metrics.STREAMS.labels("terminal").dec()
            self._open[obj.project_id] -= 1
            if not self._open[obj.project_id]:
                del self._open[obj.project_id]

    async def _serve(self, websocket: WebSocket, ticket: Ticket, ctx: Context, obj: ContainerObject) -> None:
        try:
            # Not in the threads of all requests: an engine that hangs would keep those.
            stream = await to_thread.run_sync(self._connect, ticket, obj, limiter=self._limiter)
        except BackendError as refused:
            await websocket.close(POLICY_VIOLATION, str(refused)[:120])
            return
        await self._bridge(websocket, stream, ctx, obj)

    def _check_origin(self, websocket: WebSocket) -> None:
        """A page of another site cannot connect in its visitor's name."""
        origin = websocket.headers.get("origin")
        if origin is None:
            return
        allowed = {urlsplit(self._services.settings.public_url).netloc, websocket.headers.get("host", "")}
        if urlsplit(origin).netloc not in allowed:
            raise Unauthenticated("cannot connect: this page is of another site")

    async def _enter(self, ticket: Ticket) -> tuple[Context, ContainerObject]:
        """The request that the ticket was issued for, as if it came now. Raises as that one would."""
        caller = await authenticate(self._services, ticket.token)
        now = self._services.clock()
        ctx = Context(self._services, caller, RULE, f"ticket-{ticket.nonce}", versions.MAX, now, ticket.token)
        return ctx, await run_in_threadpool(self._find, ctx, ticket.object_id)

    def _find(self, ctx: Context, object_id: str) -> ContainerObject:
        with self._services.database.read() as tx:
            return lookup.find(ctx, tx, object_id)

    def _connect(self, ticket: Ticket, obj: ContainerObject) -> Stream:
        backend = self._services.backend
        if ticket.exec_id is not None:
            return backend.exec_attach(ticket.exec_id)
        return backend.attach(container_name(self._services.database.installation, obj.id))

    async def _bridge(self, websocket: WebSocket, stream: Stream, ctx: Context, obj: ContainerObject) -> None:
        offered = websocket.scope.get("subprotocols", [])
        chosen = next((name for name in ("binary", "base64") if name in offered), None)
        await websocket.accept(subprotocol=chosen)
        as_text = chosen == "base64"
        try:
            async with anyio.create_task_group() as both:
                both.start_soon(self._outwards, websocket, stream, as_text, both.cancel_scope)
                both.start_soon(self._guard, websocket, ctx, obj.id, both.cancel_scope)
                await self._inwards(websocket, stream, as_text)
                both.cancel_scope.cancel()
        finally:
            # Closing is what ends the thread that still waits in recv.
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(stream.close)

    async def _guard(self, websocket: WebSocket, ctx: Context, object_id: str, scope: anyio.CancelScope) -> None:
        """Ends the terminal with the token, and soon after either it or the right to the container is taken back."""
        while True:
            left = ctx.caller.expires_at - self._services.clock()
            await anyio.sleep(max(0.0, min(CHECK_SECONDS, left)))
            try:
                ctx = await again(ctx)
                await run_in_threadpool(self._find, ctx, object_id)
            except Problem as refused:
                with anyio.CancelScope(shield=True), anyio.move_on_after(5):
                    await _close(websocket, POLICY_VIOLATION, str(refused)[:120])
                scope.cancel()
                return

    async def _outwards(self, websocket: WebSocket, stream: Stream, as_text: bool, scope: anyio.CancelScope) -> None:
        rest = b""
        try:
            while True:
                data = await to_thread.run_sync(
                    partial(stream.recv, CHUNK), limiter=self._limiter, abandon_on_cancel=True
                )
                if not data:
                    break
                data, rest = whole_characters(rest + data)
                if data:
                    await _send(websocket, data, as_text)
            if rest:
                await _send(websocket, rest, as_text)
        except (BackendError, OSError, WebSocketDisconnect, RuntimeError) as ended:
            log.info("terminal_ended", reason=str(ended))
        with anyio.CancelScope(shield=True), anyio.move_on_after(5):
            await _close(websocket)
        scope.cancel()

    async def _inwards(self, websocket: WebSocket, stream: Stream, as_text: bool) -> None:
        while True:
            message = await websocket.receive()
            if message["type"] == "websocket.disconnect":
                return
            data = message.get("bytes")
            if data is None:
                data = _decoded(message.get("text") or "", as_text)
            if data:
                try:
                    await to_thread.run_sync(stream.send, data, limiter=self._limiter, abandon_on_cancel=True)
                except (BackendError, OSError):
                    return


def whole_characters(data: bytes) -> tuple[bytes, bytes]:
    """`data` up to its last whole UTF-8 character, and the rest: Zun's client decodes frame by frame."""
    for back in range(1, min(3, len(data)) + 1):
        byte = data[-back]
        if byte & 0xC0 == 0x80:
            continue
        needed = 2 if byte & 0xE0 == 0xC0 else 3 if byte & 0xF0 == 0xE0 else 4 if byte & 0xF8 == 0xF0 else 1
        return (data[:-back], data[-back:]) if needed > back else (data, b"")
    return data, b""


async def _send(websocket: WebSocket, data: bytes, as_text: bool) -> None:
    if as_text:
        await websocket.send_text(base64.b64encode(data).decode())
    else:
        await websocket.send_bytes(data)


async def _close(websocket: WebSocket, code: int = 1000, reason: str = "") -> None:
    try:
        await websocket.close(code, reason)
    except RuntimeError:
        return  # the other end was faster


def _decoded(text: str, as_base64: bool) -> bytes:
    if not as_base64:
        return text.encode("utf-8", "replace")
    try:
        return base64.b64decode(text)
    except (binascii.Error, ValueError):
        return b""
