"""What goes straight to the engine and comes straight back: logs, processes, figures, signals, commands, files."""

import base64
import binascii
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from starlette.concurrency import run_in_threadpool

from jeroboam.api.containers import build, create
from jeroboam.api.containers.reach import Reached
from jeroboam.api.containers.schema import LogsQuery
from jeroboam.api.context import Context
from jeroboam.api.engine import Engine
from jeroboam.model.errors import Malformed, NotFound
from jeroboam.model.events import EventType

LOG_LIMIT = 4 << 20
"""Bytes of one answer with logs: the newest are kept."""
EXEC_SECONDS = 120.0
ARCHIVE_IS_BASE64 = 25
_EPOCH = re.compile(r"[0-9]{1,10}(\.[0-9]{1,9})?", re.ASCII)


async def logs(ctx: Context, engine: Engine, reached: Reached, query: LogsQuery) -> str:
    if not query.stdout and not query.stderr:
        raise Malformed("cannot read the logs of neither stream: ask for stdout, stderr or both")
    tail = None if query.tail == "all" else int(query.tail)
    since = None if query.since is None or query.since == "None" else moment(query.since)

    def read() -> bytes:
        return _newest(
            ctx.services.backend.logs(
                reached.name,
                stdout=query.stdout,
                stderr=query.stderr,
                timestamps=query.timestamps,
                tail=tail,
                since=since,
            )
        )

    return (await engine.call(reached.target, read)).decode("utf-8", "replace")


def moment(text: str) -> float:
    """Seconds since the epoch in `text`: a number, or a date and time (UTC unless it says otherwise)."""
    if _EPOCH.fullmatch(text):
        return float(text)
    try:
        at = datetime.fromisoformat(text.strip().replace(",", "."))
    except ValueError:
        raise Malformed(
            f"cannot read {text[:40]!r} as a time: write seconds since the epoch, or 2026-11-30 12:00:00"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()


def _newest(chunks: Iterator[bytes]) -> bytes:
    kept = bytearray()
    cut = False
    for chunk in chunks:
        kept += chunk
        if len(kept) > 2 * LOG_LIMIT:
            del kept[:-LOG_LIMIT]
            cut = True
    if len(kept) <= LOG_LIMIT and not cut:
        return bytes(kept)
    _, _, whole_lines = bytes(kept[-LOG_LIMIT:]).partition(b"\n")
    return b"[older lines are left out: ask for fewer with tail or since]\n" + whole_lines


async def execute(ctx: Context, engine: Engine, reached: Reached, command: str) -> dict[str, Any]:
    """Runs to its end, EXEC_SECONDS at most."""
    words = words_of(command)
    result = await engine.call(reached.target, ctx.services.backend.exec_run, reached.name, words, EXEC_SECONDS)
    await record(ctx, reached, "execute")
    return {
        "output": result.output.decode("utf-8", "replace"),
        "exit_code": result.exit_code,
        "exec_id": None,
        "token": None,
        "proxy_url": None,
    }


def words_of(command: str) -> tuple[str, ...]:
    words = build.split(command)
    if not words:
        raise Malformed("cannot execute an empty command: name a program")
    return words


async def resize_exec(ctx: Context, engine: Engine, reached: Reached, exec_id: str, width: int, height: int) -> None:
    backend = ctx.services.backend
    owner = await engine.call(reached.target, backend.exec_container, exec_id)
    if owner != reached.obj.status.backend_id:
        raise NotFound(f"cannot resize the terminal of command {exec_id[:12]}: the container runs no such command")
    await engine.call(reached.target, backend.exec_resize, exec_id, width, height)


async def kill(ctx: Context, engine: Engine, reached: Reached, signal: str) -> None:
    await engine.call(reached.target, ctx.services.backend.kill, reached.name, signal)
    await record(ctx, reached, "kill")


async def get_archive(ctx: Context, engine: Engine, reached: Reached, path: str) -> dict[str, Any]:
    limit = ctx.services.settings.containers.archive_max_mib << 20
    archive = await engine.call(reached.target, ctx.services.backend.get_archive, reached.name, path, limit)
    return {"data": _written(archive.data, ctx.version), "stat": dict(archive.stat)}


def _written(data: bytes, version: int) -> str:
    if version >= ARCHIVE_IS_BASE64:
        return base64.b64encode(data).decode()
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise Malformed(
            f"cannot send this archive as text: it holds other bytes; ask with version 1.{ARCHIVE_IS_BASE64} or later"
        ) from None


async def put_archive(ctx: Context, engine: Engine, reached: Reached, path: str, data: str) -> None:
    archive = _read(data, ctx.version)
    limit = ctx.services.settings.containers.archive_max_mib << 20
    if len(archive) > limit:
        raise Malformed(f"cannot put an archive of {len(archive)} bytes: {limit} at most")
    await engine.call(reached.target, ctx.services.backend.put_archive, reached.name, path, archive)
    await record(ctx, reached, "put_archive")


def _read(data: str, version: int) -> bytes:
    if version < ARCHIVE_IS_BASE64:
        return data.encode()
    try:
        return base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        raise Malformed("cannot read the archive: its data must be a tar in base64") from None


async def record(ctx: Context, reached: Reached, action: str) -> None:
    """Who did it and when, for the container's list of actions."""

    def write() -> None:
        with ctx.services.database.write() as tx:
            message = f"{action.capitalize()} was done for container {reached.obj.name}."
            create.tell(ctx, tx, reached.obj, EventType.ACTION, action, message)

    await run_in_threadpool(write)
