"""An installation of an earlier version, with what it remembers, comes up to this one's schema."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, MetaData, Table, insert, select, text

from jeroboam.quota.decision import Request
from jeroboam.quota.tree import Limit
from jeroboam.store import events, ledger, migrations
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from jeroboam.store.ledger_schema import claims
from jeroboam.store.schema import installation
from tests import postgres
from tests.store.build import an_event
from tests.store.cloud import ADMIN, a_cloud, used
from tests.store.conftest import sqlite_url


@pytest.fixture
def older(url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    """A database of the same kind as `db` that holds nothing at all."""
    if url.startswith("sqlite"):
        yield from _opened(sqlite_url(tmp_path / "older"))
        return
    with postgres.a_database(request.getfixturevalue("postgres_server")) as made:
        yield from _opened(made)


def _opened(url: str) -> Iterator[Database]:
    database = Database(url)
    yield database
    database.close()


def fill(tx: Connection) -> None:
    """Claims that are admitted, some of two resources, one that waits, a reservation."""
    a_cloud(tx)
    ledger.set_capacity(tx, {"containers": 100, "pids": 50}, 0.0)
    for node in ("default", "org", "team2"):
        ledger.set_node(tx, ADMIN, node, {"pids": Limit(20, None, None)}, 0.0)
    outcomes = [
        claim(tx, "one", "team1", {"containers": 2}),
        claim(tx, "two", "team2", {"containers": 3, "pids": 7}),
        claim(tx, "many", "team2", {"containers": 14}, shortage="wait"),
    ]
    assert outcomes == ["admitted", "admitted", "waiting"]
    ledger.reserve(tx, ADMIN, "team1", "r1", {"containers": 1}, None, 1.0)
    events.append(tx, an_event())


def claim(tx: Connection, ident: str, team: str, amount: dict[str, int], **fields: Any) -> str:
    return ledger.admit(tx, Request(ident, team, amount, **fields), "", 1.0).outcome


RENAMED = {("quota_nodes", "generation"): "revision"}


def as_of_0002(old: Connection, new: Connection) -> None:
    """What `old` holds, in the tables and columns that there were."""
    was = MetaData()
    was.reflect(new)
    for table in was.sorted_tables:
        now = migrations.METADATA.tables.get(table.name)
        if now is not None:
            _copy(old, now, new, table)
    amounts = [
        {"claim_id": ident, "resource": resource, "amount": amount}
        for ident, found in old.execute(select(claims.c.id, claims.c.amounts))
        for resource, amount in json.loads(found).items()
    ]
    new.execute(insert(was.tables["quota_claim_amounts"]), amounts)


def _copy(old: Connection, now: Table, new: Connection, was: Table) -> None:
    order = [now.c.depth] if "depth" in now.c else []
    columns = (now.c[RENAMED.get((was.name, c.name), c.name)].label(c.name) for c in was.c)
    rows = [dict(row) for row in old.execute(select(*columns).order_by(*order)).mappings()]
    if rows:
        new.execute(insert(was), rows)


def amounts(tx: Connection) -> dict[str, Any]:
    return {ident: json.loads(found) for ident, found in tx.execute(select(claims.c.id, claims.c.amounts))}


def test_a_ledger_of_0002_is_the_same_at_head_and_goes_on(db: Database, older: Database) -> None:
    with db.write() as tx:
        fill(tx)
        before = amounts(tx), used(tx, "team1", "team2"), str(tx.execute(select(installation.c.id)).scalar_one())
    with db.read() as old, older.write() as new:
        command.upgrade(migrations.configuration(new), "0002")
        as_of_0002(old, new)
    older.migrate()
    with older.read() as tx:
        assert compare_metadata(MigrationContext.configure(tx), migrations.METADATA) == []
        assert (amounts(tx), used(tx, "team1", "team2"), older.installation) == before
        assert ledger.verify(tx) == []
    with older.write() as tx:
        ledger.release(tx, "many", 2.0)
    with older.admit() as tx:
        more = Asked(Request("more", "team1", {"containers": 1}), "")
        assert ledger.admit_plain(tx, [more], 3.0) == [True]
    with older.write() as tx:
        for ident in ("one", "two", "more"):
            ledger.release(tx, ident, 4.0)
        assert used(tx, "team1", "team2") == [0, 0]
        assert ledger.verify(tx) == []


def test_parents_that_are_not_noted_in_0007_are_at_head(older: Database) -> None:
    """Processes of 0006 leave them out of limits that are new, and may write beside 0007."""
    with older.write() as tx:
        command.upgrade(migrations.configuration(tx), "0007")
        fill(tx)
        tx.execute(text("UPDATE quota_limits SET parent_id = NULL WHERE node_id IN ('org', 'team1')"))
        assert len(ledger.verify(tx)) == 3
    older.migrate()
    with older.write() as tx:
        assert ledger.verify(tx) == []
        more = Asked(Request("more", "team1", {"containers": 1}), "")
        ledger.release(tx, "many", 2.0)
        assert ledger.admit_plain(tx, [more], 3.0) == [True]


def test_a_script_may_hold_any_character(db: Database) -> None:
    with db.write() as tx:
        migrations.run_as_written(tx, "CREATE TABLE t AS SELECT '100 % (%s, %(a)s, :a)' AS said")
        assert tx.execute(text("SELECT said FROM t")).scalar() == "100 % (%s, %(a)s, :a)"
