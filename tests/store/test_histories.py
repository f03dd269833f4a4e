"""Concurrent histories: many clients in several processes, some of them killed, and the invariants after all that.

18 clients ask and release without end on a tree in which everybody borrows what others leave idle. Whatever was
answered holds, whoever was killed: every counter is what the claims add up to, nobody holds more than the tree has.
"""

import multiprocessing
import random
import threading
import uuid
from collections import Counter
from multiprocessing.connection import Connection as Pipe
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess

from sqlalchemy import Connection

from jeroboam.model.errors import Conflict, Unavailable
from jeroboam.quota import invariants
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.tree import ROOT, ClaimState, Limit
from jeroboam.store import ledger, objects
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from tests.store.build import an_object
from tests.store.cloud import ADMIN, a_cloud, taken
from tests.store.test_concurrency import at_once

TEAMS = {
    "team1": Limit(6, None, None),
    "team2": Limit(6, None, None),
    "team3": Limit(4, 1, 2),  # keeps 3 for itself
    "team4": Limit(0, None, None),
}
ORG = 16
PROCESSES, CLIENTS = 3, 6
ANSWERS = 450
REFUSALS = 50
"""So many count as one answer: those who were killed before may have left nothing to get."""
RESOURCES = ("containers", "vcpus", "memory")
spawn = multiprocessing.get_context("spawn")


class Client(threading.Thread):
    """Asks, releases, evicts whoever has to leave for it; says each thing after it was committed."""

    def __init__(self, db: Database, admissions: Admissions, number: int, say: Pipe, saying: threading.Lock) -> None:
        super().__init__(daemon=True)
        self.db, self.admissions, self.say, self.saying = db, admissions, say, saying
        self.dice = random.Random(number)
        self.held: list[str] = []

    def run(self) -> None:
        while True:
            try:
                if self.held and self.dice.random() < 0.4:
                    self.release(self.held.pop(0))
                else:
                    self.ask(self.dice.choice(tuple(TEAMS)), self.dice.choice((1, 1, 1, 2, 3)))
            except Unavailable as error:
                if (
                    self.db.remote
                ):  # nobody has to wait as long as SQLite's writers may; a deadlock would look like this
                    self.tell("failed", str(error))
            except Exception as error:
                self.tell("failed", repr(error))

    def ask(self, team: str, containers: int) -> None:
        obj = an_object(project=team, id=str(uuid.uuid4()))

        def store(tx: Connection, decision: Decision) -> str:
            if decision.outcome == "refused":
                raise Conflict("refused")
            objects.insert(tx, obj, obj.id)
            return decision.outcome

        request = Request(obj.id, team, {"containers": containers})
        try:
            outcome = self.admissions.submit(Asked(request, obj.id), 1.0, store)
        except Conflict:
            return self.tell("refused", obj.id)
        if outcome == "reclaiming":
            self.evict_for(obj.id)
        self.held.append(obj.id)
        self.tell("created", obj.id)

    def evict_for(self, claim_id: str) -> None:
        with self.db.write() as tx:
            for row in ledger.reclaims(tx, None):
                if row.claim_id == claim_id:
                    for victim in row.victims:
                        ledger.evicted(tx, victim.claim_id, 2.0)

    def release(self, ident: str) -> None:
        with self.db.write() as tx:
            ledger.release(tx, ident, 2.0)
            objects.remove(tx, ident)
        self.tell("deleted", ident)

    def tell(self, what: str, ident: str) -> None:
        with self.saying:
            self.say.send((what, ident))


def _work(url: str, process: int, say: Pipe) -> None:
    db, saying = Database(url), threading.Lock()
    admissions = Admissions(db)
    clients = [Client(db, admissions, process * CLIENTS + n, say, saying) for n in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()


def test_what_was_answered_holds_whoever_is_killed(db: Database, url: str) -> None:
    with db.write() as tx:
        a_cloud(tx, TEAMS, org=ORG, cloud=ORG)
    said: set[str] = set()
    left: dict[Pipe, SpawnProcess] = {}
    for number in range(PROCESSES):
        hear, say = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=_work, args=(url, number, say))
        worker.start()
        say.close()
        left[hear] = worker
    try:
        _hear(left, said)
    finally:
        for worker in left.values():
            worker.kill()
            worker.join()
    _check(db, said)


def _hear(left: dict[Pipe, SpawnProcess], said: set[str]) -> None:
    heard = Counter[Pipe]()
    enough = REFUSALS * ANSWERS // PROCESSES
    while left:
        for hear in wait(list(left)):  # all of them: who cannot say what it did would keep what the others need
            assert isinstance(hear, Pipe)
            try:
                what, ident = hear.recv()
            except EOFError:
                left.pop(hear).join()
                continue
            _note(said, what, ident)
            heard[hear] += 1 if what == "refused" else REFUSALS
            if heard[hear] >= enough:
                left[hear].kill()  # wherever its clients are just now


def _note(said: set[str], what: str, ident: str) -> None:
    assert what != "failed", ident
    if what == "created":
        said.add(ident)
    else:
        said.discard(ident)


LEAVES, ROUNDS = 12, 150


def test_several_processes_wait_for_each_other_but_never_in_a_circle(db: Database, url: str) -> None:
    """Databases of their own, as processes have them, on the same few counters: all reach up to the root."""
    with db.write() as tx:
        ledger.set_capacity(tx, dict.fromkeys(RESOURCES, -1), 0.0)
        for leaf in range(LEAVES):
            path = [(f"p{leaf}", f"p{leaf}", "project"), (f"o{leaf % 3}", "o", "project"), ("d", "d", "domain")]
            ledger.ensure_path(tx, path)
        for node in ("d", *(f"o{n}" for n in range(3)), *(f"p{n}" for n in range(LEAVES))):
            ledger.set_node(tx, ADMIN, node, {resource: Limit(-1) for resource in RESOURCES}, 0.0)

    databases = [Database(url) for _ in range(4)]
    at_once(len(databases), lambda number: _admit_batches(databases[number], number))
    for database in databases:
        database.close()
    with db.read() as tx:
        assert invariants.check(ledger.tree(tx)) == []
        assert taken(tx, ROOT) == len(databases) * ROUNDS * 4


def _admit_batches(database: Database, number: int) -> None:
    dice = random.Random(number)
    for _ in range(ROUNDS):
        leaves = dice.sample(range(LEAVES), 4)
        asked = [
            Asked(Request(str(uuid.uuid4()), f"p{leaf}", dict.fromkeys(RESOURCES, 1)), "object") for leaf in leaves
        ]
        with database.admit() as tx:
            assert ledger.admit_plain(tx, asked, 1.0) == [True] * len(asked)


def _check(db: Database, said: set[str]) -> None:
    with db.read() as tx:
        tree = ledger.tree(tx)
        assert invariants.check(tree) == []
        assert ledger.verify(tx) == []
        assert taken(tx, ROOT) <= ORG
        there = {obj.id for obj in objects.listing(tx, "container", None)}
        # Every client may have committed one thing more than it could say.
        assert len(said ^ there) <= PROCESSES * CLIENTS
        states = {claim.id: claim.state for claim in ledger.claims(tx, None)}
        assert states.keys() == there
        assert ClaimState.ADMITTED in states.values()
