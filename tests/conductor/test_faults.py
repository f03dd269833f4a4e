"""Engines that lie, hang and half-fail, conductors that die: one container for each object, and nothing stuck."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from jeroboam.backends.base import Credentials, Definition
from jeroboam.backends.errors import ImageDenied, Temporary
from jeroboam.backends.fake.world import RegistryImage
from jeroboam.conductor.images import PULLS_PER_PROJECT, Images
from jeroboam.conductor.secrets import SecretBox
from jeroboam.model.conditions import ConditionType, find
from jeroboam.model.container import ContainerSpec, Phase, PortSpec, Restart, RestartPolicy, RunState
from jeroboam.model.names import LABEL_INSTALLATION, LABEL_OBJECT, network_name
from jeroboam.quota.tree import Limit
from jeroboam.store import networks, work
from tests.conductor.house import FOREVER, IMAGE, House, running
from tests.engine import wait_until
from tests.store.cloud import HALVES


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with running(House(tmp_path)) as house:
        yield house


@pytest.mark.parametrize("method", ["create", "start", "ensure_network"])
def test_a_reply_that_is_lost_makes_nothing_twice(house: House, method: str) -> None:
    house.backend.faults.lose_reply(method, times=2)
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    assert house.on_engine() == [ident]
    assert len(house.backend.networks()) == 1


def test_a_foreign_network_in_the_range_moves_ours_once_however_many_start(house: House) -> None:
    house.backend.plant_network("foreign", "10.212.0.0/24")
    with ThreadPoolExecutor(8) as many:
        idents = list(many.map(lambda number: house.create(name=f"c{number}"), range(8)))
    for ident in idents:
        house.until(ident, Phase.RUNNING)
    (network,) = house.backend.networks()
    with house.database.read() as tx:
        (row,) = networks.listing(tx, "team1")
    assert row.subnet == network.subnet == "10.212.1.0/24"


def test_the_subnet_that_the_engine_has_counts(tmp_path: Path) -> None:
    """Say, after the database of yesterday was restored."""
    house = House(tmp_path)
    with house.database.write() as tx:
        limits = house.settings.network
        row = networks.ensure(tx, "team1", "default", limits.range, limits.prefix)
    house.backend.ensure_network(network_name(house.database.installation, row.id), "10.212.7.0/24", {})
    with running(house):
        ident = house.create()
        assert house.until(ident, Phase.RUNNING).addresses[0].addr.startswith("10.212.7.")
        with house.database.read() as tx:
            assert [row.subnet for row in networks.listing(tx, "team1")] == ["10.212.7.0/24"]


CHOSEN, OPEN = PortSpec(443, host_port=20500), PortSpec(80)


def test_a_host_port_that_a_stranger_has_is_passed_over(house: House) -> None:
    house.backend.occupied_ports |= {20000, 20001}
    ident = house.create(ports=(OPEN, CHOSEN))
    published = {port.port: port.host_port for port in house.until(ident, Phase.RUNNING).ports}
    assert published == {80: 20002, 443: 20500}
    assert house.on_engine() == [ident]


@pytest.mark.parametrize("port", [CHOSEN, OPEN], ids=["its owner chose it", "it has run with it"])
def test_a_host_port_that_cannot_move_is_an_error_that_says_so(house: House, port: PortSpec) -> None:
    if port is CHOSEN:
        house.backend.occupied_ports.add(20500)
        ident = house.create(ports=(port,))
    else:
        ident = house.create(ports=(port,))
        house.until(ident, Phase.RUNNING)
        house.ask_for(ident, RunState.STOPPED)
        house.until(ident, Phase.STOPPED)
        house.backend.occupied_ports.add(20000)
        house.ask_for(ident, RunState.RUNNING)
    house.until(ident, Phase.ERROR, "port is already allocated")
    assert house.calls("remove") == 0


def test_a_chosen_host_port_that_is_taken_moves_no_other(house: House) -> None:
    house.backend.occupied_ports.add(20500)
    ident = house.create(ports=(OPEN, CHOSEN))
    house.until(ident, Phase.ERROR, "20500 failed: port is already allocated")
    assert (house.calls("create"), house.calls("remove")) == (1, 0)


def test_one_that_is_made_anew_for_its_ports_backs_off(tmp_path: Path) -> None:
    """The echo of the removal is not taken for somebody else's."""
    with running(House(tmp_path, backoff_first=60.0, backoff_cap=60.0)) as house:
        house.backend.occupied_ports |= set(range(20000, 20500))
        ident = house.create(ports=(OPEN,))
        house.until(ident, Phase.CREATING, "the next one is tried")
        house.until(house.create(name="other"), Phase.RUNNING)
        assert house.calls("remove") == 1


@pytest.mark.parametrize("before", ["never made", "made before"])
def test_a_create_that_broke_off_is_completed_before_the_start(house: House, before: str) -> None:
    """Where the answer is lost nobody knows whether files and further networks have come with it."""
    ident, made = "", 0
    if before == "made before":
        ident, made = house.create(restart=RestartPolicy(Restart.ALWAYS)), 1
        house.until(ident, Phase.RUNNING)
    house.backend.faults.lose_reply("create")
    if made:
        house.backend.vanish(house.name(ident))
    else:
        ident = house.create()
    wait_until(lambda: house.calls("start") == made + 1, "it is started")
    asked = [call.method for call in house.backend.calls if call.method in ("create", "start")]
    assert asked == ["create", "start"] * made + ["create", "create", "start"]


def test_an_engine_that_is_away_delays_and_says_so(house: House) -> None:
    house.backend.faults.fail("observe", times=None)
    ident = house.create()
    status = house.until(ident, Phase.CREATING, "does not answer")
    stalled = find(status.conditions, ConditionType.STALLED)
    assert stalled is not None
    assert stalled.status
    wait_until(lambda: house.status(ident).failures >= 3, "it backs off")
    house.backend.faults.heal()
    status = house.until(ident, Phase.RUNNING)
    assert status.failures == 0
    assert find(status.conditions, ConditionType.STALLED) is None


def test_one_that_hangs_holds_up_nobody_else(house: House) -> None:
    gate = house.backend.faults.hang("create")
    stuck = house.create(name="stuck")
    assert gate.reached.wait(10)
    others = [house.create(name=f"c{number}") for number in range(5)]
    for ident in others:
        house.until(ident, Phase.RUNNING)
    assert house.status(stuck).phase is Phase.CREATING
    gate.release()
    house.until(stuck, Phase.RUNNING)


def test_what_will_not_pass_is_an_error_with_its_reason_and_no_dead_end(house: House) -> None:
    ident = house.create(command=("no-such-program",))
    house.until(ident, Phase.ERROR, "no-such-program")
    house.change(ident, command=("sleep", "inf"))
    house.until(ident, Phase.RUNNING)


def test_an_image_that_is_nowhere(house: House) -> None:
    ident = house.create(image="nowhere/nothing:1")
    house.until(ident, Phase.ERROR, "nowhere/nothing:1")
    assert house.used() == 1
    house.delete(ident)
    wait_until(lambda: house.object(ident) is None, "it is gone")
    assert house.used() == 0


class Poison(Exception):
    """Nothing that a backend may raise."""


def test_a_poisoned_object_backs_off_alone(house: House) -> None:
    house.backend.faults.fail("start", Poison("a secret thing"), times=3)  # type: ignore[arg-type]
    poisoned = house.create(name="poisoned")
    wait_until(lambda: house.status(poisoned).failures > 0, "it has failed")
    assert "see the conductor's log" in house.status(poisoned).reason
    assert "secret" not in house.status(poisoned).reason
    house.until(poisoned, Phase.RUNNING)


def test_the_stream_of_events_breaks_and_nothing_is_missed(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.backend.break_events()
    house.backend.crash(house.name(ident), 5)
    assert house.until(ident, Phase.STOPPED).exit_code == 5


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


def test_slow_pulls_of_one_project_leave_workers_to_others(house: House) -> None:
    house.backend.registry["slow:1"] = RegistryImage()
    gates = [house.backend.faults.hang("pull") for _ in range(PULLS_PER_PROJECT)]
    slow = [house.create(name=f"slow{number}", image="slow:1") for number in range(8)]
    for gate in gates:
        assert gate.reached.wait(10)
    wait_until(lambda: any("pulls of the project" in house.status(ident).reason for ident in slow), "some wait")
    assert house.calls("pull") == PULLS_PER_PROJECT
    other = house.create("team2", "other")
    house.until(other, Phase.RUNNING)
    for gate in gates:
        gate.release()
    for ident in slow:
        house.until(ident, Phase.RUNNING)


def test_slow_pulls_of_many_projects_leave_workers_to_others(house: House) -> None:
    house.backend.registry["slow:1"] = RegistryImage()
    most = house.settings.engine.workers // 2
    images = Images(house.database, house.backend, most)
    gates = [house.backend.faults.hang("pull") for _ in range(most)]
    with ThreadPoolExecutor(most) as many:
        pulls = [many.submit(images.resolve, f"team{at % 4}", ContainerSpec("slow:1"), None) for at in range(most)]
        for gate in gates:
            assert gate.reached.wait(10)
        with pytest.raises(Temporary, match=f"cannot pull slow:1 yet: {most} pulls are under way"):
            images.resolve("another", ContainerSpec("slow:1"), None)
        house.backend.faults.heal()
        assert len({pull.result(10) for pull in pulls}) == 1


def run_all(house: House, team: str, count: int, **fields: Any) -> list[str]:
    idents = [house.create(team, f"{team}-{number}", **fields) for number in range(count)]
    for ident in idents:
        house.until(ident, Phase.RUNNING)
    return idents


@pytest.mark.parametrize(("timeout", "held"), [(10, 8), (300, 3)])
def test_slow_stops_of_one_project_leave_workers_to_others(tmp_path: Path, timeout: int, held: int) -> None:
    with running(House(tmp_path, workers=16)) as house:
        slow = run_all(house, "team1", 10)
        gates = [house.backend.faults.hang("stop") for _ in range(held)]
        for ident in slow:
            house.ask_for(ident, RunState.STOPPED, timeout)
        for gate in gates:
            assert gate.reached.wait(10)
        (other,) = run_all(house, "team2", 1)
        house.delete(other)
        wait_until(lambda: house.object(other) is None, "the other is gone")
        assert house.calls("stop") == held
        house.backend.faults.heal()
        for ident in slow:
            house.until(ident, Phase.STOPPED)


def test_deletions_and_evictions_do_not_wait_for_busy_workers(tmp_path: Path) -> None:
    teams = {**HALVES, "team3": Limit(0, None, None)}
    with running(House(tmp_path, teams=teams, workers=2)) as house:
        mine, (doomed,) = run_all(house, "team1", 1), run_all(house, "team3", 1)
        borrowers = run_all(house, "team2", 14)
        gates = [house.backend.faults.hang("stop") for _ in range(2)]
        for ident in (mine[0], borrowers[0]):
            house.ask_for(ident, RunState.STOPPED)
        for gate in gates:
            assert gate.reached.wait(10)
        house.delete(doomed)
        wait_until(lambda: house.object(doomed) is None, "one is deleted")
        for number in range(2):
            house.create("team1", f"owner{number}")
        wait_until(lambda: house.used("team2") == 13, "one has left")
        house.backend.faults.heal()


def test_a_pull_ends_when_the_container_is_to_be_deleted(house: House) -> None:
    house.backend.registry["slow:1"] = RegistryImage()
    gate = house.backend.faults.hang("pull")
    ident = house.create(image="slow:1")
    assert gate.reached.wait(10)
    house.delete(ident)
    gate.release()
    wait_until(lambda: house.object(ident) is None, "it is gone")
    assert house.calls("create") == 0
    assert house.used() == 0


def test_private_pulls_of_others_delay_an_unknown_image_only_while_they_may_have_brought_it(tmp_path: Path) -> None:
    house = House(tmp_path)
    house.backend.registry["mine:1"] = RegistryImage("u", "secret-word")
    images, mine = Images(house.database, house.backend), ContainerSpec("mine:1")
    login = Credentials("docker.io", "u", "secret-word")
    first, second = house.backend.faults.hang("pull"), house.backend.faults.hang("pull")
    with ThreadPoolExecutor(2) as two:
        begun = two.submit(images.resolve, "team1", mine, login)
        assert first.reached.wait(10)
        with pytest.raises(Temporary, match="cannot tell yet"):
            images.resolve("team2", ContainerSpec(IMAGE), None)
        later = two.submit(images.resolve, "team1", mine, login)
        assert second.reached.wait(10)
        first.release()
        begun.result(10)
        assert images.resolve("team2", ContainerSpec(IMAGE), None)
        second.release()
        later.result(10)
    with pytest.raises(ImageDenied):
        images.resolve("team2", mine, None)
    house.database.close()


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


def test_one_that_was_renamed_behind_us_does_not_stay_beside_its_successor(tmp_path: Path) -> None:
    house = House(tmp_path, orphan_grace=0.0)
    ident = house.create()
    labels = {LABEL_INSTALLATION: house.database.installation, LABEL_OBJECT: ident}
    house.backend.create(Definition("renamed", IMAGE, labels, 16, 100, 10, FOREVER))
    with running(house):
        wait_until(lambda: "renamed" not in house.backend.standing, "the renamed one is gone")
        house.until(ident, Phase.RUNNING)
        assert house.on_engine() == [ident]


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


def test_an_orphan_with_our_label_is_removed_after_its_grace(tmp_path: Path, caplog: Any) -> None:
    house = House(tmp_path, orphan_grace=0.0)
    labels = {LABEL_INSTALLATION: house.database.installation, LABEL_OBJECT: "gone"}
    house.backend.create(Definition("orphan", IMAGE, labels, 16, 100, 10, FOREVER))
    foreign = house.backend.plant_container(Definition("foreign", IMAGE, {}, 16, 100, 10, FOREVER))
    with running(house):
        wait_until(lambda: "orphan" not in house.backend.standing, "the orphan is gone")
        wait_until(lambda: "orphan.removed" in caplog.text, "the log says so")
        assert house.backend.standing["foreign"] is foreign
