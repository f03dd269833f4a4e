"""Leases that are kept alive: each its own, even where one object is in hand twice."""

from pathlib import Path

from jeroboam.conductor.leases import Leases
from jeroboam.store import objects, work
from jeroboam.store.database import Database
from tests.store.build import an_object


def test_a_zombie_that_ends_takes_no_lease_with_it(tmp_path: Path) -> None:
    now = [100.0]
    database = Database(f"sqlite:///{tmp_path}/jeroboam.sqlite")
    database.migrate()
    leases = Leases(database, 10.0, lambda: now[0])
    with database.write() as tx:
        objects.insert(tx, an_object(at=1.0), None)
    (zombie,) = work.take(database, "me", 1, now[0], 10.0)
    leases.hold(zombie)
    now[0] += 10
    (heir,) = work.take(database, "me", 1, now[0], 10.0)
    leases.hold(heir)
    leases.drop(zombie)
    now[0] += 6
    leases.renew()
    assert work.take(database, "another", 1, now[0] + 9.9, 10.0) == []
    leases.drop(heir)
    now[0] += 6
    leases.renew()
    assert [item.token for item in work.take(database, "another", 1, now[0] + 9.9, 10.0)] == [heir.token + 1]
    database.close()
