"""`jeroboam quota verify` on the database of a data folder."""

import json
import shutil
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result

from jeroboam.cli.main import app
from jeroboam.quota.decision import Request
from jeroboam.store import audit, ledger
from jeroboam.store.database import Database
from tests.store.cloud import a_cloud


@pytest.fixture
def data(tmp_path: Path) -> Path:
    database = Database(f"sqlite:///{tmp_path}/jeroboam.sqlite")
    database.migrate()
    with database.write() as tx:
        a_cloud(tx)
        for ident in ("a", "b", "c"):
            ledger.admit(tx, Request(ident, "team1", {"containers": 1}), "", 1.0)
    database.close()
    return tmp_path


def verify(data: Path, *options: str) -> Result:
    return CliRunner().invoke(app, ["quota", "verify", f"--data={data}", *options])


def execute(data: Path, statement: str) -> None:
    database = Database(f"sqlite:///{data}/jeroboam.sqlite")
    with database.write() as tx:
        tx.execute(text(statement))
    database.close()


WELL = "all is well: every counter is what the claims add up to\n"


def test_all_is_well(data: Path) -> None:
    for done in (verify(data), verify(data, "--repair")):
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", WELL)
    assert verify(data, "-f", "json").stdout == "[]\n"


def test_a_difference_is_shown_and_stays_until_it_is_repaired(data: Path) -> None:
    execute(data, "UPDATE quota_limits SET used = 5 WHERE node_id = 'team1'")
    for _ in range(2):
        told = verify(data)
        assert told.exit_code == 1
        assert [line.split() for line in told.stdout.splitlines()] == [
            ["node", "resource", "counter", "stored", "should", "be"],
            ["team1", "containers", "used", "5", "3"],
        ]
    row = {"node": "team1", "node_id": "team1", "resource": "containers", "counter": "used"}
    assert json.loads(verify(data, "-f", "json").stdout) == [{**row, "stored": 5, "should_be": 3}]
    mended = verify(data, "--repair")
    assert (mended.exit_code, "team1" in mended.stdout, "repaired 1 counter;" in mended.stderr) == (0, True, True)
    assert (verify(data).exit_code, verify(data).output) == (0, WELL)
    database = Database(f"sqlite:///{data}/jeroboam.sqlite")
    with database.read() as tx:
        entry = audit.listing(tx, None)[0]
    database.close()
    assert (entry.action, entry.before, entry.after) == ("repair", {"used.containers": 5}, {"used.containers": 3})
    assert (entry.actor.user_name, entry.node_id) == ("jeroboam quota verify", "team1")


def test_what_no_repair_mends_is_said(data: Path) -> None:
    execute(data, "UPDATE quota_claims SET object_id = 'lost' WHERE id = (SELECT min(id) FROM quota_claims)")
    told = verify(data, "--repair")
    assert (told.exit_code, told.stdout) == (1, "")
    assert "its object does not exist" in told.stderr


def test_a_folder_without_a_database(tmp_path: Path) -> None:
    told = verify(tmp_path)
    assert (told.exit_code, told.stdout) == (1, "")
    assert f"there is no database in {tmp_path}; give the folder with --data" in told.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_database_that_lies_elsewhere_is_looked_at_and_no_other(data: Path, tmp_path: Path) -> None:
    """As after `jeroboam up --database`: what the folder holds is of earlier."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for file in data.glob("jeroboam.sqlite*"):
        shutil.copy(file, elsewhere)
    execute(elsewhere, "UPDATE quota_limits SET used = 5 WHERE node_id = 'team1'")
    option = f"--database=sqlite:///{elsewhere}/jeroboam.sqlite"
    assert (verify(data).exit_code, verify(data, option).exit_code) == (0, 1)
    assert verify(data, option, "--repair").exit_code == 0
    assert verify(data, option).exit_code == 0
