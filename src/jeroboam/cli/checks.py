"""What `jeroboam doctor` looks at. Each check answers with what it found and, where that is bad, how to mend it."""

import contextlib
import os
import shutil
import socket
import sqlite3
import stat
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network
from pathlib import Path

from jeroboam.cli import process
from jeroboam.cli.status import api_answers
from jeroboam.identity.embedded.layout import Layout
from jeroboam.identity.embedded.supervisor import answers
from jeroboam.settings import Settings

MIN_FREE, LOW_FREE = 200 << 20, 2 << 30
"""Bytes of free disk: below the first nothing works for long, below the second it is worth a word."""
CAP_SYS_RESOURCE = 24
MIN_SQLITE = (3, 35, 0)


class Result(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Check:
    check: str
    result: Result
    found: str
    mend: str = ""


def ok(check: str, found: str) -> Check:
    return Check(check, Result.OK, found)


def warning(check: str, found: str, mend: str) -> Check:
    return Check(check, Result.WARNING, found, mend)


def failed(check: str, found: str, mend: str) -> Check:
    return Check(check, Result.FAILED, found, mend)


def all_checks(settings: Settings, engine_given: bool) -> Iterator[Check]:
    """In the order in which a newcomer meets them. The engine is that of a running server, unless one is given."""
    from jeroboam.cli.checks_engine import engine_checks
    from jeroboam.cli.engine_tls import engine_tls

    running = process.find_running(settings.data)
    engine = running.engine if running and not engine_given else settings.engine.url
    yield python()
    yield folder(settings.data)
    yield from databases(settings)
    yield disk("disk", settings.data)
    yield capabilities()
    yield from engine_checks(engine, engine_tls(settings.engine), settings.network.range)
    if running is None:
        yield port("api port", settings.api.host, settings.api.port, "--port")
        if settings.identity.auth_url is None:
            yield port("keystone port", settings.api.host, settings.identity.keystone_port, "--keystone-port")
        yield ok("jeroboam", "not running; start it with `jeroboam up`")
    else:
        yield _health("jeroboam", running.url, api_answers(running.url), running.log)
    if running is not None or settings.identity.auth_url:
        where = running.identity_url if running else settings.identity_url
        yield _health("keystone", where, answers(where, 5.0), running.log if running else None)


def python() -> Check:
    found = f"{'.'.join(str(part) for part in sys.version_info[:3])}, SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < MIN_SQLITE:
        return failed("python", found, "use a Python with SQLite 3.35 or newer: older ones lack RETURNING")
    return ok("python", found)


def folder(data: Path) -> Check:
    """Whether we may write there and nobody else may read."""
    if not data.exists():
        above = next(parent for parent in data.parents if parent.exists())
        if os.access(above, os.W_OK):
            return ok("data folder", f"{data} will be made")
        return failed("data folder", f"{above} is not writable", "give another folder with --data")
    mode = stat.S_IMODE(data.stat().st_mode)
    if not os.access(data, os.W_OK):
        return failed(
            "data folder", f"{data} is not writable", f"chown -R {os.getuid()} {data}, or give another --data"
        )
    if mode & 0o077:
        return failed("data folder", f"others may enter {data} (mode {mode:03o}): it holds keys", f"chmod 700 {data}")
    exposed = [name for name in _secrets(data) if stat.S_IMODE(name.stat().st_mode) & 0o077]
    if exposed:
        return failed("data folder", f"others may read {exposed[0]}", f"chmod 600 {exposed[0]}")
    return ok("data folder", str(data))


def _secrets(data: Path) -> list[Path]:
    layout = Layout(data)
    named = [layout.clouds, layout.passwords, layout.service_password, layout.database, data / "secrets.key"]
    return [file for file in [*named, *data.glob("*.sqlite")] if file.exists()]


def databases(settings: Settings) -> Iterator[Check]:
    """SQLite's own check of both files; says nothing of what is not there yet."""
    if settings.database_file is None:
        yield ok("database", f"{settings.database_shown} is looked after by its server")
    for name, file in (
        ("database", settings.database_file),
        ("keystone database", Layout(settings.data).database),
    ):
        if file is None or not file.exists():
            continue
        try:
            with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=10)) as connection:
                said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        except sqlite3.Error as error:
            said = str(error)
        if said == "ok":
            yield ok(name, f"{file} is whole")
        else:
            yield failed(name, f"{file}: {said}", "stop, and `jeroboam restore` the last backup")


def disk(check: str, place: Path) -> Check:
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    found = f"{free >> 20} MiB free at {place}"
    if free < MIN_FREE:
        return failed(check, found, "make room: databases stop when the disk is full")
    if free < LOW_FREE:
        return warning(check, found, "make room for images and logs")
    return ok(check, found)


def capabilities() -> Check:
    """Without CAP_SYS_RESOURCE Docker cannot start privileged containers; we never need it, some of them may."""
    effective = next(
        (
            int(line.split()[1], 16)
            for line in Path("/proc/self/status").read_text().splitlines()
            if line.startswith("CapEff")
        ),
        0,
    )
    if os.geteuid() == 0 and not effective >> CAP_SYS_RESOURCE & 1:
        return warning(
            "capabilities",
            "root without CAP_SYS_RESOURCE",
            "nothing to mend for us; an engine started here cannot run privileged containers",
        )
    return ok("capabilities", "nothing special is needed")


def port(check: str, host: str, number: int, option: str) -> Check:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, number))
        except OSError as error:
            return failed(
                check, f"{host}:{number}: {error.strerror}", f"give another with {option}, or end what listens"
            )
    return ok(check, f"{host}:{number} is free")


def host_routes() -> list[tuple[str, IPv4Network]]:
    """Interfaces and the networks that they lead to, the default route left out."""
    routes = []
    with contextlib.suppress(OSError):
        for line in Path("/proc/net/route").read_text().splitlines()[1:]:
            fields = line.split()
            address, mask = (int.from_bytes(bytes.fromhex(fields[place])[::-1]) for place in (1, 7))
            if mask:
                routes.append((fields[0], IPv4Network((address, mask.bit_count()))))
    return routes


def _health(check: str, url: str, healthy: bool, log: str | None) -> Check:
    if healthy:
        return ok(check, f"{url} answers")
    return failed(
        check, f"{url} does not answer", f"look into {log}" if log else "look at what it writes to its terminal"
    )
