"""What the command line is like before anything runs: help, versions, bad settings, speed of its start."""

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.cli.conftest import Command

COMMANDS = ("up", "down", "status", "api", "conductor", "doctor", "backup", "restore", "version", "quota")
HEAVY = {
    "fastapi",
    "sqlalchemy",
    "keystoneauth1",
    "docker",
    "keystone",
    "openstack",
    "uvicorn",
    "oslo_policy",
    "pydantic",
}


@pytest.fixture
def plain(tmp_path: Path) -> Command:
    return Command(tmp_path / "data")


def test_help_lists_every_command(plain: Command) -> None:
    said = subprocess.run([sys.executable, "-m", "jeroboam.cli", "--help"], capture_output=True, text=True, check=True)
    assert [name for name in COMMANDS if f" {name} " not in said.stdout] == []
    assert "jeroboam up --detach" in said.stdout


@pytest.mark.parametrize("command", [("copy", "--to=sqlite:////tmp/never-made.sqlite"), ("forget-engine",)])
def test_no_database_is_made_to_be_worked_on(command: tuple[str, ...], tmp_path: Path) -> None:
    line = [sys.executable, "-m", "jeroboam.cli", "db", *command, f"--data={tmp_path}"]
    said = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (said.returncode, f"there is no database {tmp_path}/jeroboam.sqlite" in said.stderr) == (1, True)
    assert list(tmp_path.iterdir()) == []


def test_the_version_in_a_line() -> None:
    line = [sys.executable, "-m", "jeroboam.cli", "--version"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert said == f"jeroboam {version('jeroboam')}\n"


@pytest.mark.parametrize("name", [*COMMANDS, "db copy", "quota simulate", "quota verify"])
def test_each_command_explains_itself_and_cuts_nothing_off(name: str) -> None:
    line = [sys.executable, "-m", "jeroboam.cli", *name.split(), "--help"]
    wide = {**os.environ, "COLUMNS": "80"}
    said = subprocess.run(line, capture_output=True, text=True, check=True, env=wide).stdout
    assert len(said.splitlines()) > 5
    assert "…" not in said


def test_what_holds_where_nothing_is_said_is_in_the_help() -> None:
    line = [sys.executable, "-m", "jeroboam.cli", "up", "--help"]
    wide = {**os.environ, "COLUMNS": "200"}
    said = subprocess.run(line, capture_output=True, text=True, check=True, env=wide).stdout
    assert [
        text for text in ("[default: 9517]", "[default: 9516]", "postgresql://user@host/name,") if text not in said
    ] == []


@pytest.mark.parametrize("name", ["simulate", "verify"])
def test_each_command_on_the_quota_explains_itself_by_example(name: str) -> None:
    line = [sys.executable, "-m", "jeroboam.cli", "quota", name, "--help"]
    said = subprocess.run(line, capture_output=True, text=True, check=True).stdout
    assert f"jeroboam quota {name}" in said
    assert "Exit status: 0" in said


def test_help_loads_nothing_heavy() -> None:
    code = "import sys, jeroboam.cli.main; print(*sorted({name.partition('.')[0] for name in sys.modules}))"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & HEAVY == set()


def test_the_server_loads_no_client_and_no_keystone() -> None:
    code = "import sys, jeroboam.cli.wiring, jeroboam.cli.up; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = set(
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    )
    assert loaded & {"openstack", "keystone", "openstackclient", "zunclient", "keystoneclient"} == set()


def test_version_for_programs(plain: Command) -> None:
    said = subprocess.run(
        [sys.executable, "-m", "jeroboam.cli", "version", "-f", "json"], capture_output=True, text=True, check=True
    )
    assert {row["part"] for row in json.loads(said.stdout)} >= {"jeroboam", "python", "keystone"}


@pytest.mark.parametrize(
    ("toml", "because"),
    [
        ('[api]\nhost = "192.0.2.1"\n', "without TLS"),
        ('[api]\ntls_cert = "x.pem"\n', "go together"),
        ('log_level = "loud"\n', "log_level"),
        ("[network]\nprefix = 31\n", "network.prefix"),
    ],
)
def test_bad_settings_are_one_sentence(plain: Command, toml: str, because: str) -> None:
    plain.data.mkdir()
    (plain.data / "jeroboam.toml").write_text(toml)
    said = plain.run("up")
    assert said.returncode == 2
    assert because in said.stderr
    assert "Traceback" not in said.stderr


def test_a_settings_file_that_is_no_toml(plain: Command) -> None:
    plain.data.mkdir()
    (plain.data / "jeroboam.toml").write_text("[api\n")
    said = plain.run("up")
    assert said.returncode == 1
    assert "jeroboam.toml" in said.stderr
    assert "Traceback" not in said.stderr


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    said = Command(tmp_path / "file" / "data").run("up")
    assert said.returncode == 1
    assert "cannot" in said.stderr
    assert "Traceback" not in said.stderr
