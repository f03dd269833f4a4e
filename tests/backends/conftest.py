"""The contract's tests run on the fake and on a real engine alike."""

from collections.abc import Iterator

import pytest

from jeroboam.backends.base import Backend
from tests.backends.houses import Bench, EngineHouse, FakeHouse, House


@pytest.fixture(params=["fake", pytest.param("engine", marks=pytest.mark.engine)])
def house(request: pytest.FixtureRequest) -> Iterator[House]:
    """An engine, fake or real."""
    if request.param == "fake":
        fake = FakeHouse()
        yield fake
        fake.clear()
    else:
        yield request.getfixturevalue("engine_house")


@pytest.fixture
def engine_house(request: pytest.FixtureRequest) -> Iterator[EngineHouse]:
    names = ("docker_backend", "engine", "image")
    real = EngineHouse(*(request.getfixturevalue(name) for name in names))
    yield real
    real.clear()


@pytest.fixture
def bench(house: House, subnets: Iterator[str]) -> Iterator[Bench]:
    """Unique names on that engine."""
    corner = Bench(house, subnets)
    yield corner
    corner.clear()


@pytest.fixture
def engine_bench(engine_house: EngineHouse, subnets: Iterator[str]) -> Iterator[Bench]:
    """Unique names on the real engine."""
    corner = Bench(engine_house, subnets)
    yield corner
    corner.clear()


@pytest.fixture
def backend(bench: Bench) -> Backend:
    return bench.backend
