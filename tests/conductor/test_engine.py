"""One installation, one engine: a conductor with another one is refused, and touches nothing."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from jeroboam.backends.data import Definition
from jeroboam.backends.fake import FakeBackend
from jeroboam.cli.main import app
from jeroboam.model.container import Phase
from jeroboam.model.errors import Unavailable
from jeroboam.model.names import LABEL_INSTALLATION, LABEL_OBJECT
from jeroboam.store import ledger
from tests.conductor.house import FOREVER, IMAGE, House, running
from tests.engine import wait_until


@pytest.fixture
def moved(tmp_path: Path) -> House:
    """A house whose containers are on an engine that nobody has any more; it has a new one."""
    house = House(tmp_path, orphan_grace=0.0)
    house.engine().host()
    house.backend = FakeBackend("second", house.database.installation, [IMAGE])
    house.conductor = house.new_conductor()
    return house


def test_the_first_engine_is_remembered_and_the_second_refused(moved: House) -> None:
    with pytest.raises(Unavailable, match=r"second-host .*are on another one \(fake-id\).*db forget-engine"):
        moved.conductor.start()
    moved.database.close()


def test_an_engine_that_was_replaced_is_forgotten_when_somebody_says_so(moved: House) -> None:
    said = CliRunner().invoke(app, ["db", "forget-engine", f"--data={moved.settings.data}"])
    assert (said.exit_code, "forgotten" in said.output) == (0, True), said.output
    with running(moved):
        moved.until(moved.create(), Phase.RUNNING)
        with pytest.raises(Unavailable, match="second-id"):
            House.engine(_with(moved, FakeBackend("third"))).host()


def test_one_that_was_away_at_the_start_is_asked_before_anything_is_done_on_it(moved: House) -> None:
    labels = {LABEL_INSTALLATION: moved.database.installation, LABEL_OBJECT: "unknown"}
    moved.backend.create(Definition("unknown", IMAGE, labels, 16, 100, 10, FOREVER))
    with moved.database.read() as tx:
        before = ledger.tree(tx).root.limits
    moved.backend.faults.fail("capacity")
    with running(moved):
        ident = moved.create()
        moved.until(ident, Phase.CREATING, "are on another one (fake-id)")
        wait_until(lambda: moved.calls("capacity") >= 3, "housekeeping has asked as well")
        assert moved.on_engine() == ["unknown"]
        assert moved.calls("create") == 1
        with moved.database.read() as tx:
            assert ledger.tree(tx).root.limits == before


def _with(house: House, backend: FakeBackend) -> House:
    house.backend = backend
    return house
