"""Engines and registries that hang, or take long: whoever has to do with them waits, and nobody else."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from jeroboam.backends.data import Credentials
from jeroboam.backends.errors import ImageDenied, Temporary
from jeroboam.backends.fake.world import RegistryImage
from jeroboam.conductor.images import PULLS_PER_PROJECT, Images
from jeroboam.model.container import ContainerSpec, Phase, RunState
from jeroboam.quota.tree import Limit
from tests.conductor.house import IMAGE, House, running
from tests.engine import wait_until
from tests.store.cloud import HALVES


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
