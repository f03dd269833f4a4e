"""`jeroboam backup`: one archive with all that cannot be made again, consistent while everything runs."""

import contextlib
import hashlib
import io
import json
import os
import sqlite3
import tarfile
import tempfile
import time
from importlib.metadata import version
from pathlib import Path

from jeroboam.cli.errors import Refused
from jeroboam.cli.progress import Progress
from jeroboam.settings import FILE as SETTINGS_FILE
from jeroboam.settings import POLICY, Settings

MANIFEST = "manifest.json"
FORMAT = 1
MAIN, KEYSTONE = DATABASES = ("jeroboam.sqlite", "keystone/keystone.sqlite")
FILES = (
    SETTINGS_FILE,
    POLICY,
    "clouds.yaml",
    "secrets.key",
    "keystone/keystone.conf",
    "keystone/passwords.json",
    "keystone/prepared.json",
    "keystone/service.password",
)
KEY_FOLDERS = ("keystone/fernet-keys", "keystone/credential-keys", "keystone/receipt-keys")


def backup(settings: Settings, file: Path) -> None:
    """Writes `file`, 0600, whole or not at all. Raises Refused."""
    progress = Progress()
    data = settings.data
    if not any(place.exists() for place in _databases(settings).values()) and settings.database_file is not None:
        raise Refused(f"cannot back up {data}: there is no data in it; give the folder with --data")
    if settings.database and settings.database_file is not None and not settings.database_file.exists():
        raise Refused(f"cannot back up {settings.database_file}: it is not there; correct `database` in the settings")
    if file.exists():
        raise Refused(f"cannot write {file}: it exists; give another name, or remove it first")
    try:
        scratch = tempfile.NamedTemporaryFile(dir=file.absolute().parent, prefix=f".{file.name}.", delete=False)  # noqa: SIM115
    except OSError as error:
        raise Refused(f"cannot write {file}: {error.strerror}; give another place") from None
    try:
        with scratch, tarfile.open(fileobj=scratch, mode="w:gz") as archive:
            _fill(archive, settings, progress)
        with open(scratch.name, "rb") as written:  # noqa: PTH123 - a file object to sync
            os.fsync(written.fileno())
        os.link(scratch.name, file)  # unlike a rename it never replaces what somebody made meanwhile
    except FileExistsError:
        raise Refused(f"cannot write {file}: it was made by somebody else just now; give another name") from None
    finally:
        Path(scratch.name).unlink(missing_ok=True)
    if settings.database_file is None:
        progress(f"{settings.database_shown} is not in it: back it up with pg_dump, at about the same time")
    progress(f"{file}: {file.stat().st_size >> 10} KiB; it holds every secret, keep it safe")


def _databases(settings: Settings) -> dict[str, Path]:
    """Where each lies, by its name in the archive. One that a server keeps is not among them."""
    main = {} if settings.database_file is None else {MAIN: settings.database_file}
    return {**main, KEYSTONE: settings.data / KEYSTONE}


def _fill(archive: tarfile.TarFile, settings: Settings, progress: Progress) -> None:
    digests = {}
    for name, place in _databases(settings).items():
        if place.exists():
            progress(f"copying {name}")
            digests[name] = _add(archive, name, _snapshot(place))
    for name, place in _present(settings).items():
        digests[name] = _add(archive, name, place.read_bytes())
    made = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    manifest = {
        "format": FORMAT,
        "jeroboam": version("jeroboam"),
        "made": made,
        "sha256": digests,
        "elsewhere": _elsewhere(settings),
    }
    _add(archive, MANIFEST, json.dumps(manifest, indent=1).encode())


def _elsewhere(settings: Settings) -> dict[str, str]:
    """What the settings keep outside of the data folder, and where: for whoever restores it."""
    places = {MAIN: settings.database and settings.database_shown, POLICY: settings.policy_file}
    return {name: str(place) for name, place in places.items() if place}


def _present(settings: Settings) -> dict[str, Path]:
    data = settings.data
    keys = [f"{folder}/{key.name}" for folder in KEY_FOLDERS for key in sorted((data / folder).glob("*"))]
    places = {name: data / name for name in (*FILES, *keys)} | ({POLICY: settings.policy} if settings.policy else {})
    return {name: place for name, place in places.items() if place.is_file()}


def _snapshot(file: Path) -> bytes:
    """The database as of one moment, by SQLite's online backup: writers go on meanwhile."""
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=".backup-") as folder:
        copy = Path(folder) / "copy"
        with (
            contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")
        return copy.read_bytes()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> str:
    member = tarfile.TarInfo(name)
    member.size, member.mode, member.mtime = len(content), 0o600, int(time.time())
    archive.addfile(member, io.BytesIO(content))
    return hashlib.sha256(content).hexdigest()
