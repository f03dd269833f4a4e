"""`jeroboam quota verify` on the database of a data folder."""

import json
import shutil
from pathlib import Path

import pytest
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
        tx.exec_driver_sql(statement)
    database.close()


def well(data: Path) -> str:
    return f"all is well in sqlite:///{data}/jeroboam.sqlite: every counter is what the claims add up to\n"


def test_all_is_well(data: Path) -> None:
    for done in (verify(data), verify(data, "--repair")):
        assert (done.exit_code, done.stdout, done.stderr) == (0, "", well(data))
    assert verify(data, "-f", "json").stdout == "[]\n"


def test_a_repair_of_nothing_has_those_read_again_who_have_it_in_memory(data: Path) -> None:
    database = Database(f"sqlite:///{data}/jeroboam.sqlite")
    versions = []
    for options in ((), ("--repair",)):
        with database.read() as tx:
            versions.append(ledger.version(tx))
        assert verify(data, *options).exit_code == 0
    with database.read() as tx:
        versions.append(ledger.version(tx))
    database.close()
    assert (versions[0] == versions[1], versions[1] == versions[2]) == (True, False)


def test_a_difference_is_shown_and_stays_until_it_is_repaired(data: Path) -> None:
    execute(data, "UPDATE quota_limits SET used = 5 WHERE node_id = 'team1'")
    for _ in range(2):
        told = verify(data)
        assert told.exit_code == 1
        assert told.stderr == f"1 counter of sqlite:///{data}/jeroboam.sqlite differs; --repair sets it right\n"
        assert [line.split() for line in told.stdout.splitlines()] == [
            ["node", "resource", "counter", "stored", "should", "be"],
            ["team1", "containers", "used", "5", "3"],
        ]
    row = {"node": "team1", "node_id": "team1", "resource": "containers", "counter": "used"}
    assert json.loads(verify(data, "-f", "json").stdout) == [{**row, "stored": 5, "should_be": 3}]
    mended = verify(data, "--repair")
    assert (mended.exit_code, "team1" in mended.stdout, "repaired 1 counter;" in mended.stderr) == (0, True, True)
    assert (verify(data).exit_code, verify(data).output) == (0, well(data))
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
    assert "of project 'team1' for object lost stands for nothing: its object does not exist" in told.stderr


def test_an_object_without_its_claim_is_named_and_what_cures_it(data: Path) -> None:
    execute(
        data,
        "INSERT INTO objects (id, kind, project_id, user_id, name, generation, observed_generation, spec, status, "
        "phase, host, image, claim_id, created_at, updated_at, lease_token) VALUES ('34f4', 'container', 'team1', "
        "'u', 'web', 1, 1, '{}', '{}', 'Running', '', '', 'gone', 1, 1, 0)",
    )
    told = verify(data)
    assert told.exit_code == 1
    assert "container 'web' (34f4) of project 'team1' has no claim" in told.stderr
    assert "delete it, or restore a backup" in told.stderr


IMPOSSIBLE = [
    ("amounts = 'garbage'", "its amounts cannot be read: 'garbage'"),
    ("amounts = '[1]'", "its amounts cannot be read: '[1]'"),
    ("""amounts = '{"containers":-4}'""", "it holds -4 containers"),
    ("""amounts = '{"containers":true}'""", "it holds True containers"),
    ("state = 'sleeping'", "its state is 'sleeping'; there are admitted, evicted, reclaiming, waiting"),
    ("shortage = 'cry'", "its shortage is 'cry'; there are refuse, wait"),
    ("node_id = 'nobody'", "there is no node 'nobody' in the tree"),
]


@pytest.mark.parametrize(("edit", "wrong"), IMPOSSIBLE, ids=[edit for edit, _ in IMPOSSIBLE])
def test_a_claim_that_cannot_be_right_is_a_sentence_and_no_truth(data: Path, edit: str, wrong: str) -> None:
    execute(data, f"UPDATE quota_claims SET {edit} WHERE id = 'b'")
    for done in (verify(data), verify(data, "--repair")):
        assert (done.exit_code, done.stdout) == (1, "")
        whose = "nobody" if "nobody" in edit else "team1"
        assert f"jeroboam: claim b of project '{whose}' cannot be right: {wrong}\n" in done.stderr
        assert f"nothing else in sqlite:///{data}/jeroboam.sqlite can be checked" in done.stderr


def test_whatever_else_was_written_into_a_row_is_a_sentence(data: Path) -> None:
    execute(data, "UPDATE quota_nodes SET weight = 'heavy' WHERE id = 'team1'")
    told = verify(data)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "holds what Jeroboam does not write (ValueError: Invalid literal for Fraction: 'heavy')" in told.stderr


def test_a_folder_without_a_database(tmp_path: Path) -> None:
    told = verify(tmp_path)
    assert (told.exit_code, told.stdout) == (2, "")
    assert f"there is no database {tmp_path}/jeroboam.sqlite; give its folder with --data" in told.stderr
    named = verify(tmp_path, f"--database=sqlite:///{tmp_path}/other.db")
    assert (named.exit_code, f"there is no database {tmp_path}/other.db;" in named.stderr) == (2, True)
    assert list(tmp_path.iterdir()) == []


def test_another_format_is_a_mistake_of_the_command_line(data: Path) -> None:
    told = verify(data, "-f", "yaml")
    assert (told.exit_code, told.stdout) == (2, "")
    assert "cannot print as 'yaml'" in told.stderr


def test_what_is_no_database_was_not_checked(tmp_path: Path) -> None:
    (tmp_path / "jeroboam.sqlite").write_text("a shopping list, and quite a long one" * 100)
    told = verify(tmp_path)
    assert (told.exit_code, told.stdout) == (2, "")
    assert "file is not a database" in told.stderr


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
