"""What is known of the engine's cores, and that nobody waits for it."""

import pytest

from jeroboam.api.cores import Cores
from jeroboam.backends.fake import FakeBackend
from jeroboam.model.errors import Malformed
from tests.engine import wait_until


def refuses(cores: Cores, vcpus: int) -> bool:
    try:
        cores.check(vcpus)
    except Malformed:
        return True
    return False


@pytest.mark.parametrize(("vcpus", "asks", "refused"), [(1000, 0, False), (8000, 1, False), (8001, 1, True)])
def test_more_than_there_are_is_refused_and_few_need_no_asking(vcpus: int, asks: int, refused: bool) -> None:
    engine = FakeBackend()
    cores = Cores(engine)
    assert [refuses(cores, vcpus) for _ in range(3)] == [refused] * 3
    assert len(engine.calls) == asks


def test_an_engine_that_hangs_keeps_nobody() -> None:
    engine = FakeBackend()
    gate = engine.faults.hang("capacity")
    cores = Cores(engine)
    assert not refuses(cores, 9000)
    assert gate.reached.is_set()
    gate.release()
    wait_until(lambda: refuses(cores, 9000), "it has answered")
    assert len(engine.calls) == 1
