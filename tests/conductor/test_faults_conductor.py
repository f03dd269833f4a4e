"""Conductors that die, come late or work beside each other, a database that fails: nothing lost, nothing twice."""

import threading
import time
from pathlib import Path
from typing import Any

from sqlalchemy import text

from jeroboam.conductor.secrets import SecretBox
from jeroboam.model.container import Phase
from jeroboam.store import work
from tests.conductor.house import House, running
from tests.engine import wait_until


class Poison(Exception):
    """Nothing that a backend may raise."""


def test_a_poisoned_object_backs_off_alone(house: House) -> None:
    house.backend.faults.fail("start", Poison("a secret thing"), times=3)  # type: ignore[arg-type]
    poisoned = house.create(name="poisoned")
    wait_until(lambda: house.status(poisoned).failures > 0, "it has failed")
    assert "see the conductor's log" in house.status(poisoned).reason
    assert "secret" not in house.status(poisoned).reason
    house.until(poisoned, Phase.RUNNING)


def test_a_database_that_fails_while_work_is_taken_costs_no_worker(house: House, caplog: Any) -> None:
    refuse = "BEFORE UPDATE OF lease_owner ON objects BEGIN SELECT RAISE(ABORT, 'the disk is full'); END"
    with house.database.write() as tx:
        tx.execute(text(f"CREATE TRIGGER full_disk {refuse}"))
    ident = house.create()
    wait_until(lambda: "conductor.dispatch_failed" in caplog.text, "work could not be taken")
    with house.database.write() as tx:
        tx.execute(text("DROP TRIGGER full_disk"))
    house.until(ident, Phase.RUNNING)


def test_a_thousand_wake_ups_are_few_looks(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    before = house.calls("observe")
    with house.database.write() as tx:
        for _ in range(1000):
            work.wake(tx, [ident], time.time())
    other = house.create(name="other")
    house.until(other, Phase.RUNNING)
    assert house.calls("observe") - before < 20
    assert house.used() == 2


def test_two_conductors_share_the_work(house: House) -> None:
    second = house.new_conductor()
    second.start()
    try:
        idents = [house.create(name=f"c{number}") for number in range(8)]
        for ident in idents:
            house.until(ident, Phase.RUNNING)
    finally:
        second.stop()
    assert house.on_engine() == sorted(idents)
    assert house.calls("create") == 8


def test_a_zombie_writes_nothing(tmp_path: Path) -> None:
    """Its lease ran out while the engine kept it waiting; another has done the work meanwhile."""
    with running(House(tmp_path, lease_seconds=0.3)) as house:
        gate = house.backend.faults.hang("start", after=True)
        house.conductor._leases.renew = lambda: None  # type: ignore[method-assign]
        ident = house.create()
        assert gate.reached.wait(10)
        second = house.new_conductor()
        second.start()
        try:
            status = house.until(ident, Phase.RUNNING)
            gate.release()
            other = house.create(name="other")
            house.until(other, Phase.RUNNING)
        finally:
            second.stop()
        assert house.status(ident).backend_id == status.backend_id
        assert house.on_engine() == sorted([ident, other])


def test_a_housekeeper_that_hangs_costs_nobody_its_lease(tmp_path: Path) -> None:
    house = House(tmp_path, lease_seconds=0.4)
    house.backend.faults.hang("containers")
    with running(house):
        gate = house.backend.faults.hang("start")
        ident = house.create()
        assert gate.reached.wait(10)
        began = time.time()
        wait_until(lambda: time.time() > began + 0.9, "two leases would have run out")
        assert house.calls("observe") == 1, "nobody took it up a second time"
        gate.release()
        house.until(ident, Phase.RUNNING)


def test_leases_are_renewed_again_after_whatever_went_wrong(tmp_path: Path, caplog: Any) -> None:
    with running(House(tmp_path, lease_seconds=0.8)) as house:
        gates = [house.backend.faults.hang("start") for _ in range(2)]
        house.create(name="first")
        assert gates[0].reached.wait(10)
        renewal = "BEFORE UPDATE OF lease_until ON objects WHEN NEW.lease_token = OLD.lease_token"
        with house.database.write() as tx:
            tx.execute(text(f"CREATE TRIGGER broken {renewal} BEGIN SELECT RAISE(ABORT, 'it is broken'); END"))
        wait_until(lambda: "leases.failed" in caplog.text, "a lease could not be renewed")
        with house.database.write() as tx:
            tx.execute(text("DROP TRIGGER broken"))
        ident = house.create(name="second")
        assert gates[1].reached.wait(10)
        token, until = house.lease(ident)
        wait_until(lambda: house.lease(ident)[1] > until, "its lease lasts longer")
        assert house.lease(ident)[0] == token, "renewed, not taken again"


def test_two_that_start_at_once_have_one_key(tmp_path: Path) -> None:
    boxes: list[SecretBox] = []
    threads = [threading.Thread(target=lambda: boxes.append(SecretBox.at(tmp_path / "key"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [box.open(boxes[0].seal("x")) for box in boxes] == ["x"] * 8
    assert [file.name for file in tmp_path.iterdir()] == ["key"]
    assert (tmp_path / "key").stat().st_mode & 0o777 == 0o600
