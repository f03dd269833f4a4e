"""A PostgreSQL for the tests: the one that JEROBOAM_TEST_POSTGRES names, or one of our own in a folder, on a socket.

Each test has a database of its own, copied from a template that is migrated once.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import psycopg
from sqlalchemy import URL, make_url

from tests.engine import alive, alone, wait_until

GIVEN = "JEROBOAM_TEST_POSTGRES"
FOLDER = "JEROBOAM_TEST_POSTGRES_FOLDER"
TEMPLATE = "jeroboam_template"
"""A database with an empty store in it."""
_SETTINGS = {
    "listen_addresses": "",
    "max_connections": "100",
    "shared_buffers": "32MB",
    "fsync": "off",  # no test cuts the power of this one
    "full_page_writes": "off",
    "autovacuum": "off",
}


class NoPostgres(Exception):
    """There is none to test with; the message says how to get one."""


def obtain(folder: Path) -> URL:
    """The server of this test run, as the URL of its database `postgres`; the first who asks starts it."""
    if given := os.environ.get(GIVEN):
        return make_url(given)
    with alone(folder):
        if not (folder / "data" / "postmaster.pid").exists():
            start(folder)
    return url_of(folder)


def url_of(folder: Path) -> URL:
    return URL.create("postgresql", username=_owner().pw_name, database="postgres", query={"host": str(folder)})


def start(folder: Path, **settings: str) -> None:
    """Starts a server on `folder` and waits until it answers; made first if it is new. Raises NoPostgres."""
    owner, data = _owner(), folder / "data"
    folder.mkdir(mode=0o755, exist_ok=True)
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    if not data.exists():
        made = [_binary("initdb"), "-D", str(data), "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8"]
        subprocess.run([*_as(owner), *made], check=True, capture_output=True)
    options = [part for key, value in {**_SETTINGS, **settings}.items() for part in ("-c", f"{key}={value}")]
    with (folder / "log").open("ab") as log:
        command = [*_as(owner), _binary("postgres"), "-D", str(data), "-k", str(folder), *options]
        subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, cwd="/")
    wait_until(lambda: _answers(folder), "PostgreSQL answers", 30, 0.05)


def stop(folder: Path, how: signal.Signals = signal.SIGINT) -> None:
    """SIGINT: everybody is cut off, and all is written; SIGQUIT: as in a crash."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        pid = int((folder / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(pid, how)
        wait_until(lambda: not alive(pid), "PostgreSQL has ended", 30, 0.02)
    (folder / "data" / "postmaster.pid").unlink(missing_ok=True)


def end(folder: Path) -> None:
    """Stops what `obtain` started, if it did, and removes all that it had."""
    if folder.exists():
        stop(folder, signal.SIGQUIT)
        shutil.rmtree(folder)


@contextlib.contextmanager
def a_database(server: URL, template: str | None = None) -> Iterator[str]:
    """The URL of a new database; dropped afterwards, whoever is still connected."""
    name = f"t{uuid.uuid4().hex[:12]}"
    make(server, name, template)
    try:
        yield server.set(database=name).render_as_string(hide_password=False)
    finally:
        _run(server, f'DROP DATABASE "{name}" WITH (FORCE)')


def make(server: URL, name: str, template: str | None = None) -> None:
    _run(server, f'CREATE DATABASE "{name}" TEMPLATE "{template or "template1"}"')


def exists(server: URL, name: str) -> bool:
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        return connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone() is not None


def _run(server: URL, statement: str) -> None:
    with psycopg.connect(server.render_as_string(hide_password=False), autocommit=True) as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def _owner() -> pwd.struct_passwd:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return pwd.getpwuid(os.geteuid())
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise NoPostgres("no user to run PostgreSQL as: apt-get install postgresql")


def _as(owner: pwd.struct_passwd) -> list[str]:
    if os.geteuid() != 0:
        return []
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _binary(name: str) -> str:
    for folder in (*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True),):
        if (folder / name).exists():
            return str(folder / name)
    found = shutil.which(name)
    if found is None:
        raise NoPostgres(
            f"no PostgreSQL to test with ({name} missing): as root, apt-get install postgresql; or set "
            f"{GIVEN}=postgresql://user@host/postgres to use one that runs, as a user who may create databases"
        )
    return found


def _answers(folder: Path) -> bool:
    try:
        psycopg.connect(url_of(folder).render_as_string(hide_password=False), connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
