"""Engines that lie, half-fail and are away: one container for each object, and nothing stuck."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jeroboam.backends.data import Definition
from jeroboam.model.conditions import ConditionType, find
from jeroboam.model.container import Phase, PortSpec, Restart, RestartPolicy, RunState
from jeroboam.model.names import LABEL_INSTALLATION, LABEL_OBJECT, network_name
from jeroboam.store import networks
from tests.conductor.house import FOREVER, IMAGE, House, running
from tests.engine import wait_until


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


def test_what_is_made_anew_and_does_not_start_yet_is_not_said_to_run(house: House) -> None:
    ident = house.create(restart=RestartPolicy(Restart.ALWAYS))
    house.until(ident, Phase.RUNNING)
    house.backend.faults.fail("start", times=None)
    house.backend.vanish(house.name(ident))
    status = house.until(ident, Phase.CREATED, "does not answer")
    assert find(status.conditions, ConditionType.DRIFTED)
    house.backend.faults.heal()
    house.until(ident, Phase.RUNNING)


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


def test_the_stream_of_events_breaks_and_nothing_is_missed(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.backend.break_events()
    house.backend.crash(house.name(ident), 5)
    assert house.until(ident, Phase.STOPPED).exit_code == 5


def test_one_that_was_renamed_behind_us_does_not_stay_beside_its_successor(tmp_path: Path) -> None:
    house = House(tmp_path, orphan_grace=0.0)
    ident = house.create()
    labels = {LABEL_INSTALLATION: house.database.installation, LABEL_OBJECT: ident}
    house.backend.create(Definition("renamed", IMAGE, labels, 16, 100, 10, FOREVER))
    with running(house):
        wait_until(lambda: "renamed" not in house.backend.standing, "the renamed one is gone")
        house.until(ident, Phase.RUNNING)
        assert house.on_engine() == [ident]


def test_an_orphan_with_our_label_is_removed_after_its_grace(tmp_path: Path, caplog: Any) -> None:
    house = House(tmp_path, orphan_grace=0.0)
    labels = {LABEL_INSTALLATION: house.database.installation, LABEL_OBJECT: "gone"}
    house.backend.create(Definition("orphan", IMAGE, labels, 16, 100, 10, FOREVER))
    foreign = house.backend.plant_container(Definition("foreign", IMAGE, {}, 16, 100, 10, FOREVER))
    with running(house):
        wait_until(lambda: "orphan" not in house.backend.standing, "the orphan is gone")
        wait_until(lambda: "orphan.removed" in caplog.text, "the log says so")
        assert house.backend.standing["foreign"] is foreign
