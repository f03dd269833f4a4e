"""`jeroboam up --database` on PostgreSQL, and `jeroboam db copy` to it."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from sqlalchemy import URL

from jeroboam.store import registries as stored
from jeroboam.store.database import Database
from tests import postgres
from tests.cli.conftest import Command
from tests.cli.test_up import token_of

pytestmark = pytest.mark.keystone


@pytest.fixture
def empty(postgres_server: URL) -> Iterator[str]:
    """A database as `createdb` makes it."""
    with postgres.a_database(postgres_server) as url:
        yield url


def create(command: Command, token: str, name: str) -> None:
    """Something that needs no engine: credentials."""
    body = {"registry": {"name": name, "domain": "registry.example", "username": "me", "password": "secret"}}
    answer = requests.post(registries(command), json=body, headers={"X-Auth-Token": token}, timeout=30)
    assert answer.ok, answer.text


def names(command: Command, token: str) -> list[str]:
    answer = requests.get(registries(command), headers={"X-Auth-Token": token}, timeout=30)
    return sorted(registry["name"] for registry in answer.json()["registries"])


def registries(command: Command) -> str:
    return f"http://127.0.0.1:{command.port}/container/v1/registries"


def test_everything_is_remembered_there_and_found_again(command: Command, empty: str) -> None:
    started = command.up("--detach", f"--database={empty}")
    assert started.returncode == 0, started.stderr
    assert not (command.data / "jeroboam.sqlite").exists()
    token = token_of(command, "team1")
    create(command, token, "web")
    server = command.family()[0]
    assert empty not in " ".join(server.cmdline())  # it may hold a password
    os.kill(server.pid, 9)
    server.wait(10)
    assert command.up("--detach", f"--database={empty}").returncode == 0
    assert names(command, token) == ["web"]
    assert command.run("down").returncode == 0


def test_a_copy_goes_on_where_the_original_ended(command: Command, empty: str) -> None:
    assert command.up("--detach").returncode == 0
    token = token_of(command, "team1")
    create(command, token, "web")
    refused = command.run("db copy", f"--to={empty}")
    assert (refused.returncode, f"{command.data}" in refused.stderr) == (1, True)
    assert command.run("down").returncode == 0
    copied = command.run("db copy", f"--to={empty}")
    assert copied.returncode == 0, copied.stderr
    assert "registries: 1 row\n" in copied.stdout + copied.stderr
    assert f"from sqlite:///{command.data}/jeroboam.sqlite to postgresql" in copied.stdout
    assert "Database(" not in copied.stdout
    assert ("hidden" in copied.stdout) is ("***" in copied.stdout)
    _take_the_advice(command.data, copied.stdout)
    assert command.up("--detach").returncode == 0
    assert names(command, token) == ["web"]
    create(command, token, "db")
    assert command.run("down").returncode == 0
    database = Database(empty)
    with database.read() as tx:
        assert {row.name for row in stored.listing(tx, None)} == {"web", "db"}
    database.close()
    again = command.run("db copy", f"--to={empty}")
    assert (again.returncode, "to itself" in again.stderr) == (1, True)


def _take_the_advice(data: Path, said: str) -> None:
    line = next(line.strip() for line in said.splitlines() if line.strip().startswith("database = "))
    settings = data / "jeroboam.toml"
    settings.write_text(line + "\n" + (settings.read_text() if settings.exists() else ""))


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql://nobody@127.0.0.1:1/none", "127.0.0.1"),
        ("mysql://localhost/x", "postgresql://user@host/name"),
        ("nonsense", "postgresql://user@host/name"),
    ],
)
def test_a_database_that_cannot_be_used_is_a_sentence(command: Command, url: str, said: str) -> None:
    refused = command.up(f"--database={url}")
    assert (refused.returncode, refused.stderr.count("Traceback")) == (1, 0)
    assert said in refused.stderr
