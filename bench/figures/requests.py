"""CPU of the API per request, in units of an empty route (GET /healthz) of the same server in the same run.

The server is `jeroboam api` alone: no conductor works in it. One client, one connection that is kept, one token that
has been seen before; the listed containers run, as far as the database says. CPU is user and system time of the server
process, all its threads.
"""

import time
from collections.abc import Callable

import psutil
from tests import engine as engines

from bench.client import enter
from bench.direct import document
from bench.house import House, Process
from bench.result import Result
from bench.workbench import Workbench
from jeroboam.backends.fake import FakeBackend
from jeroboam.conductor.containers import ContainerController
from jeroboam.conductor.engine import KnownEngine
from jeroboam.conductor.secrets import CredentialStore, SecretBox
from jeroboam.store import engine as known_engine
from jeroboam.store import work
from jeroboam.store.database import Database

MANY = 200
LIST = "/container/v1/containers"
TARGETS = {"list of 1": 5.0, f"list of {MANY}": 25.0, "create": 20.0}


def requests(bench: Workbench) -> list[Result]:
    """Takes turns in rounds, so that a busy moment of the machine meets all of them."""
    rounds = bench.times(5, 2)
    with bench.house() as house, house.keystone(), house.api() as server:
        one, many, maker = (enter(house, cloud) for cloud in ("team1", "team2", "org"))
        wanted = document(bench.image)
        one.run(wanted)
        for _ in range(MANY):
            many.run(wanted)
        _settle(house)
        kinds: dict[str, tuple[int, Callable[[], object]]] = {
            "empty": (400, lambda: one.call("GET", "/healthz")),
            "list of 1": (150, lambda: one.call("GET", LIST)),
            f"list of {MANY}": (30, lambda: many.call("GET", LIST)),
            "create": (60, lambda: maker.run(wanted)),
        }
        spent = dict.fromkeys(kinds, 0.0)
        for number in range(rounds + 1):
            for kind, (times, act) in kinds.items():
                seconds = _cpu(server, times, act)
                # The first round warms up.
                spent[kind] += seconds if number else 0.0
        for tenant in (one, many, maker):
            tenant.close()
    milliseconds = {kind: 1000 * spent[kind] / (times * rounds) for kind, (times, _) in kinds.items()}
    return [
        Result(
            f"API CPU per request: {kind}",
            milliseconds[kind] / milliseconds["empty"],
            target,
            detail={"milliseconds": round(milliseconds[kind], 3), "empty_ms": round(milliseconds["empty"], 3)},
        )
        for kind, target in TARGETS.items()
    ]


def _settle(house: House) -> None:
    """Brings all to Running on an engine in memory, so that the lists hold what lists of running containers hold."""
    settings, database = house.settings, Database(house.settings.database_url)
    with database.write() as tx:
        known_engine.forget(tx)
    engine = FakeBackend(installation=database.installation, images=[engines.IMAGE])
    credentials = CredentialStore(database, SecretBox.at(settings.data / "secrets.key"))
    known = KnownEngine(database, engine)
    controller = ContainerController(database, engine, known, settings, credentials, time.time)
    while items := work.take(database, "bench", MANY, time.time(), 60.0):
        for item in items:
            controller.reconcile(item)
    database.close()


def _cpu(server: Process, times: int, act: Callable[[], object]) -> float:
    """CPU seconds of the server while `act` is done so many times."""
    before = cpu_seconds(server.pid)
    for _ in range(times):
        act()
    return cpu_seconds(server.pid) - before


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far, its children's not included."""
    spent = psutil.Process(pid).cpu_times()
    return float(spent.user + spent.system)
