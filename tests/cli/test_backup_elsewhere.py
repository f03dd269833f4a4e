"""What the settings put elsewhere is in the backup too, and what cannot be in it is told, by doctor as well."""

import io
import json
import sqlite3
import tarfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from jeroboam.cli.backup import MANIFEST, backup
from jeroboam.cli.checks import databases
from jeroboam.cli.db import say_if_not_written
from jeroboam.cli.errors import Refused
from jeroboam.cli.main import app
from jeroboam.cli.progress import Progress
from jeroboam.cli.restore import restore
from jeroboam.settings import FILE, Settings, load

POSTGRES = "postgresql://jeroboam:hunter2@db.example/jeroboam"


def filled(file: Path) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(file) as connection:
        connection.execute("CREATE TABLE t (x)")
        connection.execute("INSERT INTO t VALUES ('kept')")
    return file


def members(archive: Path) -> set[str]:
    with tarfile.open(archive) as found:
        return set(found.getnames())


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    (folder / "secrets.key").write_text("key")
    return folder


def elsewhere(data: Path) -> Settings:
    database = filled(data.parent / "fast disk" / "main.sqlite")
    policy = data.parent / "etc" / "rules.yaml"
    policy.parent.mkdir()
    policy.write_text("{}\n")
    return load(data, database=f"sqlite:///{database}", policy_file=policy)


def test_what_lies_elsewhere_is_in_it_and_comes_back(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings, archive, target = elsewhere(data), data.parent / "b.tar.gz", data.parent / "target"
    backup(settings, archive)
    assert members(archive) == {"jeroboam.sqlite", "policy.yaml", "secrets.key", MANIFEST}
    target.mkdir()
    capsys.readouterr()
    restore(target, archive, False)
    with sqlite3.connect(target / "jeroboam.sqlite") as connection:
        assert connection.execute("SELECT x FROM t").fetchall() == [("kept",)]
    said = capsys.readouterr()
    for place in ("main.sqlite", "rules.yaml"):
        assert place in said.out + said.err


def test_a_database_of_a_server_is_not_in_it_and_that_is_said(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    archive = data.parent / "b.tar.gz"
    filled(data / "jeroboam.sqlite")  # of earlier, and of no use any more
    backup(load(data, database=POSTGRES), archive)
    assert members(archive) == {"secrets.key", MANIFEST}
    said = capsys.readouterr()
    assert "pg_dump" in said.out + said.err
    assert "hunter2" not in said.out + said.err
    with tarfile.open(archive) as found:
        manifest = found.extractfile(MANIFEST)
        assert manifest is not None
        assert "hunter2" not in json.dumps(json.load(manifest))
    target = data.parent / "target"
    target.mkdir()
    restore(target, archive, False)
    said = capsys.readouterr()
    assert "not in it" in said.out + said.err


def test_a_database_that_should_be_there_and_is_not_is_no_backup(data: Path) -> None:
    gone = data.parent / "gone.sqlite"
    filled(data / "keystone" / "keystone.sqlite")
    with pytest.raises(Refused, match="cannot back up"):
        backup(load(data, database=f"sqlite:///{gone}"), data.parent / "b.tar.gz")
    assert not (data.parent / "b.tar.gz").exists()


@pytest.mark.parametrize(("damaged", "result"), [(False, "ok"), (True, "failed")])
def test_doctor_looks_into_the_database_that_is_used(data: Path, damaged: bool, result: str) -> None:
    settings = elsewhere(data)
    file = settings.database_file
    assert file is not None
    if damaged:
        file.write_bytes(b"no database at all" * 100)
    assert [(c.check, str(c.result), str(file) in c.found) for c in databases(settings)] == [("database", result, True)]


def test_doctor_leaves_a_servers_database_to_its_server(data: Path) -> None:
    found = list(databases(load(data, database=POSTGRES)))
    assert [(c.check, str(c.result)) for c in found] == [("database", "ok")]
    assert "hunter2" not in found[0].found


def test_a_database_of_the_command_line_is_the_one_that_is_backed_up(data: Path) -> None:
    old, archive = filled(data / "jeroboam.sqlite"), data.parent / "b.tar.gz"
    command = ["backup", str(archive), f"--data={data}", f"--database={POSTGRES}"]
    told = CliRunner().invoke(app, command)
    assert (told.exit_code, "pg_dump" in told.output, old.name in members(archive)) == (0, True, False)


@pytest.mark.parametrize(
    ("written", "given", "says"),
    [
        (None, None, False),
        (None, POSTGRES, True),
        ("postgresql://other.example/x", POSTGRES, True),
        (POSTGRES, POSTGRES, False),
        (POSTGRES, None, False),
    ],
)
def test_up_says_what_to_write_so_that_all_commands_find_the_database(
    data: Path, written: str | None, given: str | None, says: bool
) -> None:
    if written:
        (data / FILE).write_text(f'database = "{written}"\n')
    said = io.StringIO()
    say_if_not_written(load(data, database=given), Progress(said))
    assert (f'database = "{POSTGRES.replace("hunter2", "***")}"' in said.getvalue()) is says
    assert (str(data / FILE) in said.getvalue()) is says


@pytest.mark.parametrize("command", ["up", "up --detach", "backup b.tar.gz", "quota verify"])
def test_a_relative_path_is_refused(data: Path, command: str) -> None:
    """In the background it would be another file."""
    told = CliRunner().invoke(app, [*command.split(), f"--data={data}", "--database=sqlite:///main.sqlite"])
    assert told.exit_code != 0
    assert "sqlite:////path/of/file" in told.output
