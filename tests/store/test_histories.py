"""Concurrent histories: many clients in several processes, some of them killed, and the invariants after all that.

18 clients ask and release without end on a tree in which everybody borrows what others leave idle. Whatever was
answered holds, whoever was killed: every counter is what the claims add up to, nobody holds more than the tree has.
"""

import multiprocessing
import os
import random
import threading
import uuid
from contextlib import suppress
from multiprocessing.connection import Connection as Pipe

from sqlalchemy import Connection

from jeroboam.model.errors import Conflict
from jeroboam.quota import invariants
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.tree import ROOT, ClaimState, Limit
from jeroboam.store import ledger, objects
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from tests.store.build import an_object
from tests.store.cloud import a_cloud, taken

TEAMS = {
    "team1": Limit(6, None, None),
    "team2": Limit(6, None, None),
    "team3": Limit(4, 1, 2),  # keeps 3 for itself
    "team4": Limit(0, None, None),
}
ORG = 16
PROCESSES, CLIENTS = 3, 6
ANSWERS = 450
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
            if self.held and self.dice.random() < 0.4:
                self.release(self.held.pop(0))
            else:
                self.ask(self.dice.choice(tuple(TEAMS)), self.dice.choice((1, 1, 1, 2, 3)))

    def ask(self, team: str, containers: int) -> None:
        obj = an_object(project=team, id=str(uuid.uuid4()))

        def store(tx: Connection, decision: Decision) -> str:
            if decision.outcome == "refused":
                raise Conflict("refused")
            objects.insert(tx, obj, obj.id)
            return decision.outcome

        request = Request(obj.id, team, {"containers": containers})
        with suppress(Conflict):
            if self.admissions.submit(Asked(request, obj.id), 1.0, store) == "reclaiming":
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
    workers = []
    for number in range(PROCESSES):
        hear, say = spawn.Pipe(duplex=False)
        worker = spawn.Process(target=_work, args=(url, number, say))
        worker.start()
        say.close()
        workers.append((worker, hear))
    for worker, hear in workers:
        for _ in range(ANSWERS // PROCESSES):
            _note(said, *hear.recv())
        assert worker.pid is not None
        os.kill(worker.pid, 9)  # wherever its clients are just now
        worker.join()
        with suppress(EOFError):
            while True:
                _note(said, *hear.recv())
    _check(db, said)


def _note(said: set[str], what: str, ident: str) -> None:
    if what == "created":
        said.add(ident)
    else:
        said.discard(ident)


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
