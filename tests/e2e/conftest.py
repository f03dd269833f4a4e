"""One server for the whole folder: it is started, killed and questioned, and at the end nothing of it may be left."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests import engine as engines
from tests.e2e.house import House
from tests.e2e.opening import opened
from tests.e2e.people import Org, Person


def pytest_itemcollected(item: pytest.Item) -> None:
    item.add_marker(pytest.mark.engine)
    item.add_marker(pytest.mark.keystone)


@pytest.fixture(scope="session")
def house(
    engine: engines.Engine, image: str, prepared_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    """Everything, running."""
    with opened(engine, image, prepared_data, tmp_path_factory.mktemp("e2e") / "data") as house:
        yield house


@pytest.fixture
def make_org(house: House) -> Iterator[Callable[..., Org]]:
    """Makes organisations; what their teams have is deleted afterwards, and not even a charge may be left."""
    made: list[Org] = []

    def make(*teams: str) -> Org:
        made.append(house.people.org(*(teams or ("team1", "team2"))))
        return made[-1]

    yield make
    house.clear([person for org in made for person in (*org.teams.values(), org.manager)])


@pytest.fixture(scope="session")
def example(house: House) -> Org:
    """The organisation that every fresh house has: 16 containers, 8 for each of its teams."""
    return Org(house.people.manager.project_id, house.people.manager, house.people.members)


@pytest.fixture
def team1(house: House, example: Org) -> Iterator[Person]:
    """A member of team1, whose project is empty before and after."""
    yield example["team1"]
    house.clear([example["team1"]])


@pytest.fixture
def team2(house: House, example: Org) -> Iterator[Person]:
    yield example["team2"]
    house.clear([example["team2"]])
