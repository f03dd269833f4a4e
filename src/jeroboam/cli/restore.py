"""`jeroboam restore`: puts back what `jeroboam backup` wrote. Nothing in the archive is used before it is checked."""

import contextlib
import hashlib
import json
import re
import sqlite3
import tarfile
import tempfile
import time
from pathlib import Path
from typing import Any

from jeroboam.cli import process
from jeroboam.cli.backup import DATABASES, FILES, FORMAT, KEY_FOLDERS, MANIFEST
from jeroboam.cli.errors import Refused
from jeroboam.cli.progress import Progress
from jeroboam.files import private_folder, write_private_bytes

MAX_MEMBER = 8 << 30
MAX_MEMBERS = 256
_KEY = re.compile(rf"(?:{'|'.join(KEY_FOLDERS)})/\d{{1,6}}", re.ASCII)
KEPT_ASIDE = ("log", "run")
"""What of a data folder is neither backed up nor in the way of a restore."""


def restore(data: Path, file: Path, force: bool) -> None:
    """Fills `data` from `file`. Raises Refused: `data` in use or not empty (without `force`), `file` no backup."""
    progress = Progress()
    with process.nobody_else(data):
        there = [item for item in data.iterdir() if item.name not in KEPT_ASIDE]
        if there and not force:
            raise Refused(f"cannot restore into {data}: it is not empty; give an empty --data, or --force")
        with tempfile.TemporaryDirectory(dir=data, prefix=".restore-") as scratch:
            manifest = _unpack(file, Path(scratch))
            _check_databases(Path(scratch))
            progress(f"{file} is a backup of {manifest['made']} by Jeroboam {manifest['jeroboam']}, and whole")
            if there:
                aside = data / time.strftime("replaced-%Y%m%dT%H%M%SZ", time.gmtime())
                private_folder(aside)
                for item in there:
                    item.rename(aside / item.name)
                progress(f"what was here lies in {aside.name}/ now; remove it when nobody needs it")
            for item in list(Path(scratch).iterdir()):
                item.rename(data / item.name)
    for name, place in dict(manifest.get("elsewhere") or {}).items():
        where = f"it is {data / name} now" if (data / name).exists() else "it is not in it"
        progress(f"{name} was at {place}: {where}; put it back there, or change the settings")
    progress(f"restored into {data}. The next `jeroboam up`")
    progress.plain("          - makes containers again that are in the backup but no longer on the engine,")
    progress.plain("          - removes containers of ours that are on the engine but not in the backup,")
    progress.plain("            with their own volumes, after conductor.orphan_grace (docs/operations.md),")
    progress.plain("          - brings the service catalogue and clouds.yaml to its addresses.")


def _unpack(file: Path, target: Path) -> dict[str, Any]:
    """Writes the members below `target` and returns the manifest."""
    digests: dict[str, str] = {}
    manifest: dict[str, Any] | None = None
    try:
        with tarfile.open(file, mode="r:gz") as archive:
            for number, member in enumerate(archive):
                if number >= MAX_MEMBERS or member.size > MAX_MEMBER:
                    raise Refused(f"cannot restore {file}: it holds more than any backup of ours")
                content = _content(archive, member, file)
                if member.name == MANIFEST:
                    manifest = json.loads(content)
                    continue
                digests[member.name] = hashlib.sha256(content).hexdigest()
                private_folder((target / member.name).parent)
                write_private_bytes(target / member.name, content)
    except (OSError, tarfile.TarError, EOFError, ValueError) as error:
        raise Refused(f"cannot read {file}: {error}; give an archive made by `jeroboam backup`") from None
    if not isinstance(manifest, dict) or manifest.get("format") != FORMAT:
        raise Refused(
            f"cannot restore {file}: it has no manifest that this version understands; upgrade Jeroboam first"
        )
    if manifest.get("sha256") != digests:
        raise Refused(f"cannot restore {file}: it is damaged, or something was added to it; use another backup")
    return manifest


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo, file: Path) -> bytes:
    known = member.name in (*DATABASES, *FILES, MANIFEST) or _KEY.fullmatch(member.name)
    stream = archive.extractfile(member) if known and member.isreg() else None
    if stream is None:
        raise Refused(f"cannot restore {file}: {member.name[:80]!r} does not belong into a backup")
    return stream.read()


def _check_databases(folder: Path) -> None:
    for name in DATABASES:
        if not (folder / name).exists():
            continue
        with contextlib.closing(sqlite3.connect(folder / name)) as connection:
            try:
                said = connection.execute("PRAGMA quick_check(1)").fetchone()[0]
            except sqlite3.Error as error:
                said = str(error)
        if said != "ok":
            raise Refused(f"cannot restore: {name} in the backup is damaged ({said}); use another backup")
