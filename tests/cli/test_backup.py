"""A backup taken while everything runs, put back elsewhere, and archives that are no backups."""

import hashlib
import io
import json
import shutil
import sqlite3
import stat
import tarfile
from pathlib import Path

import pytest
import yaml

from jeroboam.cli.backup import MANIFEST
from tests.cli.conftest import Command
from tests.cli.test_up import containers, token_of

pytestmark = pytest.mark.keystone


def installation(data: Path) -> str:
    with sqlite3.connect(data / "jeroboam.sqlite") as connection:
        return str(connection.execute("SELECT * FROM installation").fetchone())


@pytest.fixture
def archive(command: Command) -> Path:
    """A backup of a data folder that has never run."""
    file = command.data.parent / "backup.tar.gz"
    assert command.run("backup", str(file)).returncode == 0
    return file


def rewrite(archive: Path, name: str, content: bytes, *, kind: bytes = tarfile.REGTYPE, listed: bool = True) -> None:
    """The same archive with `name` added or replaced, in the manifest too where `listed`."""
    members: dict[str, bytes] = {}
    with tarfile.open(archive) as old:
        for member in old:
            stream = old.extractfile(member)
            assert stream is not None
            members[member.name] = stream.read()
    members[name] = content
    if listed:
        manifest = json.loads(members[MANIFEST])
        manifest["sha256"][name] = hashlib.sha256(content).hexdigest()
        members[MANIFEST] = json.dumps(manifest).encode()
    with tarfile.open(archive, "w:gz") as new:
        for each, data in members.items():
            info = tarfile.TarInfo(each)
            info.size = len(data)
            if each == name:
                info.type = kind
                if kind != tarfile.REGTYPE:
                    info.linkname, info.size = "/etc/passwd", 0
            new.addfile(info, io.BytesIO(data))


def test_there_and_back_while_it_runs(command: Command) -> None:
    assert command.up("--detach").returncode == 0
    token = token_of(command, "team1")
    assert containers(command, token).status_code == 200
    archive = command.data.parent / "backup.tar.gz"
    taken = command.run("backup", str(archive))
    assert taken.returncode == 0, taken.stderr
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600
    refused = command.run("restore", "--force", str(archive))
    assert (refused.returncode, "jeroboam down" in refused.stderr) == (1, True)
    was = installation(command.data)
    assert command.run("down").returncode == 0
    shutil.rmtree(command.data)

    restored = command.run("restore", str(archive))
    assert restored.returncode == 0, restored.stderr
    assert "next `jeroboam up`" in restored.stdout
    assert installation(command.data) == was
    for path in command.data.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path
    assert command.up("--detach").returncode == 0
    assert containers(command, token).status_code == 200  # keys, users and projects are the same
    token_of(command, "team2")


def test_what_is_there_is_moved_aside_and_never_lost(command: Command, archive: Path) -> None:
    (command.data / "clouds.yaml").write_text("clouds: {mine: {}}\n")
    refused = command.run("restore", str(archive))
    assert (refused.returncode, "not empty" in refused.stderr) == (1, True)
    assert command.run("restore", "--force", str(archive)).returncode == 0
    aside = next(command.data.glob("replaced-*"))
    assert yaml.safe_load((aside / "clouds.yaml").read_text()) == {"clouds": {"mine": {}}}
    assert "team1" in yaml.safe_load((command.data / "clouds.yaml").read_text())["clouds"]


def test_an_existing_file_is_not_overwritten(command: Command, archive: Path) -> None:
    before = archive.read_bytes()
    again = command.run("backup", str(archive))
    assert (again.returncode, "it exists" in again.stderr) == (1, True)
    assert archive.read_bytes() == before


def test_nothing_to_back_up(command: Command, tmp_path: Path) -> None:
    empty = Command(tmp_path / "empty")
    said = empty.run("backup", str(tmp_path / "b.tar.gz"))
    assert (said.returncode, "no data" in said.stderr) == (1, True)
    assert not (tmp_path / "b.tar.gz").exists()


@pytest.mark.parametrize(
    "name",
    ["../outside", "/tmp/outside", "keystone/../../outside", "keystone/fernet-keys/../../../x", "run/up.json", "a.sh"],
)
def test_members_that_do_not_belong_there_are_refused(command: Command, archive: Path, name: str) -> None:
    rewrite(archive, name, b"x")
    _is_refused(command, archive, "does not belong")


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE])
def test_members_that_are_no_files_are_refused(command: Command, archive: Path, kind: bytes) -> None:
    rewrite(archive, "clouds.yaml", b"", kind=kind)
    _is_refused(command, archive, "does not belong")


def test_a_changed_member_is_noticed(command: Command, archive: Path) -> None:
    rewrite(archive, "clouds.yaml", b"clouds: {}\n", listed=False)
    _is_refused(command, archive, "damaged")


def test_a_damaged_database_is_noticed(command: Command, archive: Path) -> None:
    rewrite(archive, "keystone/keystone.sqlite", b"SQLite format 3\0 and nothing behind it")
    _is_refused(command, archive, "damaged")


@pytest.mark.parametrize("content", [b"", b"no archive", b"\x1f\x8b\x08\x00 cut"])
def test_what_is_no_archive(command: Command, archive: Path, content: bytes) -> None:
    archive.write_bytes(content)
    _is_refused(command, archive, "cannot read")


def _is_refused(command: Command, archive: Path, because: str) -> None:
    target = Command(command.data.parent / "target")
    refused = target.run("restore", str(archive))
    assert refused.returncode == 1
    assert because in refused.stderr
    assert {path.name for path in target.data.iterdir()} == {"run"}
    assert not (command.data.parent / "outside").exists()
    assert not Path("/tmp/outside").exists()
