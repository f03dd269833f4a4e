"""A conductor on a real database and the fake engine, and a team that may have 8 containers."""

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import text

from jeroboam.backends.fake import FakeBackend
from jeroboam.conductor.engine import KnownEngine
from jeroboam.conductor.main import Conductor
from jeroboam.conductor.secrets import SecretBox
from jeroboam.model.container import KIND, ContainerSpec, ContainerStatus, Intent, Phase, RunState
from jeroboam.model.names import container_name
from jeroboam.model.objects import Object
from jeroboam.model.observed import State
from jeroboam.quota.tree import Limit
from jeroboam.settings import Settings
from jeroboam.store import ledger, objects, ports, work
from jeroboam.store.database import Database
from tests.engine import wait_until
from tests.store.cloud import HALVES, a_cloud, ask

IMAGE = "busybox:local"
FOREVER = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 1; done")


class House:
    def __init__(
        self,
        folder: Path,
        grace: float = 0.0,
        teams: Mapping[str, Limit] = HALVES,
        workers: int = 20,
        skew: float = 0.0,
        **conductor: Any,
    ) -> None:
        self.settings = Settings(data=folder)
        self.settings.engine = self.settings.engine.model_copy(update={"workers": workers})
        quick = {"poll_seconds": 0.05, "backoff_first": 0.05, "backoff_cap": 0.2, **conductor}
        self.settings.conductor = self.settings.conductor.model_copy(update=quick)
        self.database = Database(self.settings.database_url)
        self.database.migrate()
        with self.database.write() as tx:
            a_cloud(tx, teams, grace=grace)
        self.backend = FakeBackend("fake", self.database.installation, [IMAGE], lambda: time.time() + skew)
        self.conductor = self.new_conductor()

    def engine(self) -> KnownEngine:
        return KnownEngine(self.database, self.backend)

    def new_conductor(self) -> Conductor:
        return Conductor(self.database, self.backend, self.settings, SecretBox.at(self.settings.data / "key"))

    def create(self, team: str = "team1", name: str = "web", **fields: Any) -> str:
        """The id of a new object that is to run; refused requests fail the test."""
        ident, now = str(uuid.uuid4()), time.time()
        spec = replace(ContainerSpec(IMAGE, intent=Intent(RunState.RUNNING, asked_at=now), command=FOREVER), **fields)
        with self.database.write() as tx:
            claim, decision = ask(tx, team, now=now, object_id=ident)
            assert decision.outcome in ("admitted", "reclaiming"), decision
            made = Object(ident, KIND, team, "user", name, 1, 0, spec, ContainerStatus(), now, now)
            objects.insert(tx, made, claim)
            ports.allocate(tx, ident, team, spec.ports, *self.settings.network.publish_ports)
        return ident

    def object(self, ident: str) -> Any:
        with self.database.read() as tx:
            return objects.find(tx, ident)

    def status(self, ident: str) -> ContainerStatus:
        status: ContainerStatus = self.object(ident).status
        return status

    def until(self, ident: str, phase: Phase, reason: str = "") -> ContainerStatus:
        def there() -> ContainerStatus | None:
            status = self.status(ident)
            return status if status.phase is phase and reason in status.reason else None

        return wait_until(there, f"{ident} is {phase} {reason}")

    def change(self, ident: str, **fields: Any) -> None:
        with self.database.write() as tx:
            obj = objects.find(tx, ident)
            assert obj is not None
            objects.change_spec(tx, obj, replace(obj.spec, **fields), time.time())

    def ask_for(self, ident: str, state: RunState, timeout: int = 1) -> None:
        revision = self.object(ident).generation + 1
        self.change(ident, intent=Intent(state, revision, timeout=timeout, asked_at=time.time()))

    def delete(self, ident: str) -> None:
        with self.database.write() as tx:
            obj = objects.find(tx, ident)
            assert obj is not None
            objects.mark_deleting(tx, obj, time.time())

    def wakes_at(self, ident: str) -> float | None:
        """When its next turn is; None during one."""
        with self.database.read() as tx:
            at: float | None = tx.execute(text("SELECT wake_at FROM objects WHERE id = :id"), {"id": ident}).scalar()
        return at

    def lease(self, ident: str) -> tuple[int, float]:
        """Its token, and until when it lasts."""
        with self.database.read() as tx:
            row = tx.execute(text("SELECT lease_token, lease_until FROM objects WHERE id = :id"), {"id": ident}).one()
        return int(row[0]), float(row[1])

    def wake(self, ident: str) -> None:
        with self.database.write() as tx:
            work.wake(tx, [ident], time.time())

    def name(self, ident: str) -> str:
        return container_name(self.database.installation, ident)

    def on_engine(self) -> list[str]:
        return sorted(summary.object_id for summary in self.backend.containers())

    def states(self) -> dict[State, int]:
        """How many containers of the engine are in which state."""
        return dict(Counter(summary.state for summary in self.backend.containers()))

    def used(self, team: str = "team1") -> int:
        with self.database.read() as tx:
            return ledger.tree(tx).nodes[team].used.get("containers", 0)

    def sound(self) -> bool:
        with self.database.read() as tx:
            return ledger.verify(tx) == []

    def calls(self, method: str) -> int:
        return sum(call.method == method for call in self.backend.calls)


@contextmanager
def running(house: House) -> Iterator[House]:
    house.conductor.start()
    try:
        yield house
    finally:
        house.backend.faults.heal()
        house.conductor.stop()
        house.backend.close()
        house.database.close()
