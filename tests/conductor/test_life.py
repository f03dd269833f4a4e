"""From declared to running and gone again, and what happens to it behind our back."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jeroboam.backends.data import Definition
from jeroboam.conductor.housekeeping import Housekeeping
from jeroboam.model.conditions import ConditionType, find
from jeroboam.model.container import (
    Intent,
    NetworkSpec,
    OnEvict,
    Phase,
    QuotaSpec,
    Restart,
    RestartPolicy,
    RunState,
    VolumeMount,
)
from jeroboam.model.names import LABEL_NAME, LABEL_OBJECT, network_name, volume_name
from jeroboam.model.observed import State
from tests.conductor.house import FOREVER, House, running
from tests.engine import wait_until

ALWAYS = RestartPolicy(Restart.ALWAYS)


def test_it_runs_with_an_address_and_what_it_is_charged(house: House) -> None:
    ident = house.create()
    status = house.until(ident, Phase.RUNNING)
    assert [address.network for address in status.addresses] == ["default"]
    assert house.object(ident).observed_generation == 1
    assert house.used() == 1
    assert house.calls("create") == house.calls("start") == 1


@pytest.mark.parametrize("ahead", [0.0, -30.0, 30.0])
def test_at_rest_it_costs_the_engine_nothing_and_an_exit_is_heard_whatever_its_clock(
    tmp_path: Path, ahead: float
) -> None:
    with running(House(tmp_path, skew=ahead)) as house:
        idents = [house.create(name=f"c{number}") for number in range(4)]
        for ident in idents:
            house.until(ident, Phase.RUNNING)
        # The echoes of our own calls have come by when somebody else's has.
        house.backend.crash(house.name(idents[0]), 3)
        house.until(idents[0], Phase.STOPPED)
        assert house.calls("observe") <= 4 * 3 + 2


def test_stop_start_pause_unpause(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    for wanted, phase in (
        (RunState.STOPPED, Phase.STOPPED),
        (RunState.RUNNING, Phase.RUNNING),
        (RunState.PAUSED, Phase.PAUSED),
        (RunState.RUNNING, Phase.RUNNING),
    ):
        house.ask_for(ident, wanted)
        house.until(ident, phase)


def test_a_changed_limit_reaches_the_engine_without_making_it_anew(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.change(ident, memory=77)
    wait_until(lambda: (seen := house.backend.observe(house.name(ident))) and seen.memory == 77, "it has 77 MiB")
    assert house.calls("create") == 1


def test_limits_that_the_engine_refuses_are_told_and_end_nothing(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.change(ident, vcpus=10**6)
    status = house.until(ident, Phase.RUNNING, "at most 8 cpus")
    stalled = find(status.conditions, ConditionType.STALLED)
    assert stalled is not None
    assert (stalled.status, stalled.reason) == (True, "LimitsRefused")
    house.ask_for(ident, RunState.PAUSED)
    house.until(ident, Phase.PAUSED, "at most 8 cpus")
    house.ask_for(ident, RunState.STOPPED)
    house.until(ident, Phase.STOPPED)
    house.change(ident, vcpus=250)
    wait_until(lambda: find(house.status(ident).conditions, ConditionType.STALLED) is None, "nothing is wrong any more")


def test_a_stop_does_not_wait_for_limits_that_do_not_pass(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.backend.faults.fail("update", times=None)
    house.change(ident, memory=77)
    house.until(ident, Phase.RUNNING, "does not answer")
    house.ask_for(ident, RunState.STOPPED)
    wait_until(lambda: house.states() == {State.EXITED: 1}, "it is stopped")


def test_a_changed_command_makes_it_anew(house: House) -> None:
    ident = house.create()
    first = house.until(ident, Phase.RUNNING).backend_id
    house.change(ident, environment={"A": "1"})
    wait_until(lambda: (s := house.status(ident)).phase is Phase.RUNNING and s.backend_id != first, "it is another")
    assert house.on_engine() == [ident]


def test_one_that_was_made_without_a_network_is_made_anew_for_its_first(house: House) -> None:
    ident = house.create(networks=())
    assert house.until(ident, Phase.RUNNING).addresses == ()
    house.change(ident, networks=(NetworkSpec("front"),))
    wait_until(lambda: [a.network for a in house.status(ident).addresses] == ["front"], "it has an address")
    house.until(ident, Phase.RUNNING)


@pytest.mark.parametrize("state", [RunState.RUNNING, RunState.STOPPED])
def test_leaving_its_last_network_costs_a_container_nothing_else(house: House, state: RunState) -> None:
    ident = house.create(networks=(NetworkSpec("front"),))
    house.until(ident, Phase.RUNNING)
    if state is RunState.STOPPED:
        house.ask_for(ident, state)
        house.until(ident, Phase.STOPPED)
    house.change(ident, networks=())
    wait_until(lambda: not house.backend.standing[house.name(ident)].joined, "it is on no network")
    house.change(ident, networks=(NetworkSpec("back"),))
    wait_until(lambda: house.backend.standing[house.name(ident)].joined, "it is on another")
    assert (house.calls("create"), house.calls("remove")) == (1, 0)


def test_a_network_that_no_container_names_is_given_back(house: House) -> None:
    ident = house.create(networks=(NetworkSpec("front"), NetworkSpec("back")))
    house.until(ident, Phase.RUNNING)
    chores = a_housekeeper(house)
    chores.run()
    assert len(house.backend.networks()) == 2
    house.change(ident, networks=(NetworkSpec("front"),))
    wait_until(lambda: [a.network for a in house.status(ident).addresses] == ["front"], "it has left the other")
    chores.run()
    assert [n.labels[LABEL_NAME] for n in house.backend.networks()] == ["front"]


def a_housekeeper(house: House) -> Housekeeping:
    """Who waits for nothing."""
    settings = house.settings.model_copy(deep=True)
    settings.conductor.resync_seconds = settings.conductor.orphan_grace = 0.0
    return Housekeeping(house.database, house.backend, house.engine(), settings, time.time)


def test_what_the_engine_kept_of_a_network_goes_later(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.delete(ident)
    wait_until(lambda: house.object(ident) is None, "it is gone")
    house.backend.faults.fail("remove_network", times=2)
    chores = a_housekeeper(house)
    chores.run()
    assert len(house.backend.networks()) == 1
    chores.run()
    assert house.backend.networks() == []


def test_orphans_go_and_one_that_stays_keeps_no_other(house: House) -> None:
    ident = house.create(networks=(NetworkSpec("front"),), volumes=(VolumeMount("/own"), VolumeMount("/kept", "kept")))
    house.until(ident, Phase.RUNNING)
    kept = ({n.name for n in house.backend.networks()}, {v.name for v in house.backend.volumes()})
    assert [len(names) for names in kept] == [1, 2]
    installation = house.database.installation
    for number in range(2):
        house.backend.ensure_network(network_name(installation, f"n{number}"), f"10.99.{number}.0/24", {})
        house.backend.ensure_volume(volume_name(installation, f"v{number}"), {LABEL_OBJECT: "gone"})
    house.backend.ensure_volume("a-project-s", {})
    house.backend.faults.fail("remove_network")
    house.backend.faults.fail("remove_volume")
    a_housekeeper(house).run()
    assert [len(house.backend.networks()), len(house.backend.volumes())] == [2, 4], "one of each was kept"
    a_housekeeper(house).run()
    assert {n.name for n in house.backend.networks()} == kept[0]
    assert {v.name for v in house.backend.volumes()} == kept[1] | {"a-project-s"}


def test_delete_gives_back_the_charge_when_nothing_is_left(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.backend.faults.fail("remove", times=2)
    house.delete(ident)
    wait_until(lambda: house.object(ident) is None, "it is gone")
    assert house.on_engine() == []
    assert house.used() == 0
    assert house.sound()


def test_created_and_deleted_at_once_many_times(house: House) -> None:
    for _ in range(5):
        idents = [house.create(name=f"c{number}") for number in range(8)]
        for ident in idents:
            house.delete(ident)
        wait_until(lambda: all(house.object(ident) is None for ident in idents), "all are gone")  # noqa: B023
    assert house.on_engine() == []
    assert house.used() == 0
    assert house.sound()


def test_removed_at_its_end(house: House) -> None:
    ident = house.create(auto_remove=True, command=("true",))
    wait_until(lambda: house.object(ident) is None, "it is gone")
    assert house.used() == 0


def test_an_exit_is_its_own_doing(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.backend.crash(house.name(ident), 3)
    status = house.until(ident, Phase.STOPPED)
    assert status.exit_code == 3
    assert "code 3" in status.reason
    assert house.calls("start") == 1


def test_vanished_and_wanted_back(house: House) -> None:
    ident = house.create(restart=ALWAYS)
    first = house.until(ident, Phase.RUNNING).backend_id
    house.backend.vanish(house.name(ident))
    wait_until(lambda: house.status(ident).backend_id not in (None, first), "it is made anew")
    house.until(ident, Phase.RUNNING)
    drifted = find(house.status(ident).conditions, ConditionType.DRIFTED)
    assert drifted is not None
    assert drifted.status


def test_vanished_and_not_wanted_back_until_somebody_starts_it(house: House) -> None:
    ident = house.create()
    house.until(ident, Phase.RUNNING)
    house.backend.vanish(house.name(ident))
    house.until(ident, Phase.ERROR, "removed from the engine by somebody else")
    house.ask_for(ident, RunState.RUNNING)
    house.until(ident, Phase.RUNNING)


def test_a_network_that_somebody_removed_is_made_anew(house: House) -> None:
    """As `docker network prune` does once all of a project's containers stand still."""
    old = house.create()
    house.until(old, Phase.RUNNING)
    house.ask_for(old, RunState.STOPPED)
    house.until(old, Phase.STOPPED)
    (network,) = house.backend.networks()
    house.backend.remove_network_behind_us(network.name)
    house.ask_for(old, RunState.RUNNING)
    new = house.create(name="new")
    for ident in (old, new):
        addresses = house.until(ident, Phase.RUNNING).addresses
        assert [address.network for address in addresses] == ["default"]
    assert house.calls("create") == 2


def test_a_network_that_was_removed_before_a_change_of_networks_is_made_anew(house: House) -> None:
    ident, other = house.create(), house.create(name="other", networks=(NetworkSpec("back"),))
    house.until(ident, Phase.RUNNING)
    house.until(other, Phase.RUNNING)
    house.delete(other)
    wait_until(lambda: house.object(other) is None, "the other is gone")
    (back,) = (network.name for network in house.backend.networks() if network.labels[LABEL_NAME] == "back")
    house.backend.remove_network_behind_us(back)
    house.change(ident, networks=(NetworkSpec("default"), NetworkSpec("back")))
    wait_until(lambda: len(house.status(ident).addresses) == 2, "it is on both networks")


def test_what_is_not_ours_is_left_alone(house: House, tmp_path: Path) -> None:
    house.conductor.stop()
    ident = house.create()
    foreign = house.backend.plant_container(Definition(house.name(ident), "busybox:local", {}, 16, 100, 10, FOREVER))
    house.conductor = house.new_conductor()
    house.conductor.start()
    house.until(ident, Phase.ERROR, "")
    assert house.backend.standing[house.name(ident)] is foreign
    assert house.calls("start") == house.calls("remove") == 0


def test_a_borrower_leaves_for_the_owner_and_comes_back(tmp_path: Path) -> None:
    with running(House(tmp_path, grace=0.2)) as house:
        borrowers = [
            house.create("team2", f"b{number}", quota=QuotaSpec(on_evict=OnEvict.REQUEUE)) for number in range(16)
        ]
        for ident in borrowers:
            house.until(ident, Phase.RUNNING)
        owner = house.create("team1", "owner")
        house.until(owner, Phase.RUNNING)
        stopped = [ident for ident in borrowers if house.status(ident).phase is Phase.STOPPED]
        assert len(stopped) == 1
        house.until(stopped[0], Phase.STOPPED, "Waits in the queue")
        assert house.used("team2") == 15
        assert house.calls("create") == 17

        house.delete(owner)
        house.until(stopped[0], Phase.RUNNING)
        assert house.used("team2") == 16
        assert house.sound()


@pytest.fixture
def lent(tmp_path: Path) -> Iterator[House]:
    """Team 2 runs 16 containers, half of them on what is team 1's; short leases that nobody renews."""
    with running(House(tmp_path, grace=0.0, lease_seconds=1.0)) as house:
        house.conductor._leases.renew = lambda: None  # type: ignore[method-assign]
        for ident in [house.create("team2", f"b{number}") for number in range(16)]:
            house.until(ident, Phase.RUNNING)
        yield house


@pytest.mark.parametrize("moment", ["before it is stopped", "after it is stopped", "after its conductor has died"])
def test_who_may_stay_after_all_goes_on(lent: House, moment: str) -> None:
    """The claimant withdraws while the engine stops the victim."""
    gate = lent.backend.faults.hang("stop", after=moment != "before it is stopped")
    owner = lent.create("team1", "owner")
    assert gate.reached.wait(10)
    lent.delete(owner)
    wait_until(lambda: lent.object(owner) is None, "the claimant is gone")
    if moment != "after its conductor has died":
        gate.release()
    wait_until(lambda: lent.calls("start") == 17, "it is started again")
    gate.release()
    wait_until(lambda: lent.states() == {State.RUNNING: 16}, "all run")
    assert lent.used("team2") == 16
    assert lent.sound()


def test_an_eviction_that_fails_backs_off(tmp_path: Path) -> None:
    with running(House(tmp_path, grace=0.0, backoff_first=100.0, backoff_cap=100.0)) as house:
        borrowers = [house.create("team2", f"b{number}") for number in range(16)]
        for ident in borrowers:
            house.until(ident, Phase.RUNNING)
        house.backend.faults.fail("stop", times=None)
        owner = house.create("team1", "owner")
        (victim,) = wait_until(lambda: [b for b in borrowers if house.status(b).failures], "the stop has failed")
        wait_until(lambda: (at := house.wakes_at(victim)) and at > time.time() + 20, "it backs off")
        house.backend.faults.heal()
        house.wake(victim)
        house.until(owner, Phase.RUNNING)


def test_a_stop_for_others_that_failed_restarts_nobody(lent: House) -> None:
    """Though its owner's last ask was a restart."""
    victims = lent.on_engine()
    for ident in victims:
        revision = lent.object(ident).generation + 1
        lent.change(ident, intent=Intent(RunState.RUNNING, revision, restart=True, asked_at=time.time()))
    wait_until(lambda: lent.calls("restart") == 16, "all are restarted")
    lent.backend.faults.fail("stop", times=None)
    owner = lent.create("team1", "owner")
    wait_until(lambda: lent.calls("stop") > 0, "one is to leave")
    lent.delete(owner)
    wait_until(lambda: lent.object(owner) is None, "the claimant is gone")

    def settled(ident: str) -> bool:
        status, intent = lent.status(ident), lent.object(ident).spec.intent
        return status.failures == 0 and status.intent_done == intent.revision

    wait_until(lambda: all(settled(ident) for ident in victims), "all go on")
    assert lent.calls("restart") == 16
