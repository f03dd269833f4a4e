"""`jeroboam doctor` finds what is wrong, says how to mend it, and changes nothing."""

import json
import socket
from pathlib import Path

import pytest

from jeroboam.cli.checks import host_routes
from tests import engine as engines
from tests.cli.conftest import Command


def examine(command: Command, *more: str) -> tuple[int, dict[str, dict[str, str]]]:
    said = command.run("doctor", *command.addresses, "-f", "json", *more)
    return said.returncode, {row["check"]: row for row in json.loads(said.stdout)}


@pytest.mark.engine
def test_all_is_well(command: Command, engine: engines.Engine) -> None:
    command.engine = engine.url
    (command.data / "jeroboam.toml").write_text('[network]\nrange = "10.219.240.0/20"\n')
    status, found = examine(command)
    assert {name: row["found"] for name, row in found.items() if row["result"] == "failed"} == {}
    assert status == 0
    assert "API 1." in found["engine"]["found"]
    assert found["limits"]["result"] == "ok"


def test_no_engine(command: Command) -> None:
    status, found = examine(command)
    assert status == 1
    assert found["engine"]["result"] == "failed"
    assert "apt-get install docker.io" in found["engine"]["mend"]
    assert "No such file" in found["engine"]["found"]


def test_a_folder_that_others_may_read(command: Command) -> None:
    command.data.chmod(0o755)
    assert examine(command)[1]["data folder"]["mend"] == f"chmod 700 {command.data}"
    command.data.chmod(0o700)
    clouds = command.data / "clouds.yaml"
    clouds.chmod(0o644)
    assert examine(command)[1]["data folder"]["mend"] == f"chmod 600 {clouds}"
    assert clouds.stat().st_mode & 0o777 == 0o644


def test_a_damaged_database(command: Command) -> None:
    database = command.data / "keystone" / "keystone.sqlite"
    whole = database.read_bytes()
    database.write_bytes(whole[:8192] + b"\xff" * 8192 + whole[16384:])
    row = examine(command)[1]["keystone database"]
    assert row["result"] == "failed"
    assert "restore" in row["mend"]


def test_a_taken_port(command: Command) -> None:
    with socket.create_server(("127.0.0.1", command.port)):
        row = examine(command)[1]["api port"]
    assert (row["result"], "--port" in row["mend"]) == ("failed", True)


@pytest.mark.engine
def test_networks_that_the_host_uses_already(command: Command, engine: engines.Engine) -> None:
    routes = host_routes()
    if not routes:
        pytest.skip("this machine has no network besides loopback")
    command.engine = engine.url
    (command.data / "jeroboam.toml").write_text(f'[network]\nrange = "{routes[0][1]}"\nprefix = 29\n')
    row = examine(command)[1]["networks"]
    assert row["result"] == "failed"
    assert str(routes[0][1]) in row["found"]


def test_a_new_folder_is_no_fault(tmp_path: Path) -> None:
    found = examine(Command(tmp_path / "new"))[1]
    assert found["data folder"]["result"] == "ok"
    assert not (tmp_path / "new").exists()


def test_for_people(command: Command) -> None:
    said = command.run("doctor", *command.addresses)
    assert said.stdout.splitlines()[0].split() == ["check", "result", "found", "mend"]
    wrong = command.run("doctor", "-f", "yaml")
    assert (wrong.returncode, "cannot print as 'yaml'" in wrong.stderr) == (2, True)
