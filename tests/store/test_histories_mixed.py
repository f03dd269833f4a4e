"""Concurrent histories of everything that moves units: clients in two processes ask and wait, give notice, resize,
set limits, reserve and release. Afterwards the books are right, and nobody waits for what is there.

What each client does follows from its number; how they mingle is the database's doing.
"""

import multiprocessing
import random
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable

from sqlalchemy import Connection

from jeroboam.model.errors import Conflict, NotFound
from jeroboam.quota import invariants
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.policy import Policy
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ClaimState, Limit
from jeroboam.store import ledger, objects
from jeroboam.store.admissions import Admissions
from jeroboam.store.database import Database
from jeroboam.store.ledger import Asked
from tests.store.build import an_object
from tests.store.cloud import ADMIN, a_cloud

TEAMS = {"team1": Limit(6, None, None), "team2": Limit(6, None, None), "team3": Limit(4, 1, 2)}
ORG = 16
PROCESSES, CLIENTS, MANY = 2, 3, 60
NO_NOTICE, AN_HOUR = 0.0, 3600.0
CARRIED_OUT = ("admitted", "reclaiming", "waiting", "done")
spawn = multiprocessing.get_context("spawn")


class Client(threading.Thread):
    """Does so many things, one after the other, and counts what came of them."""

    def __init__(self, db: Database, admissions: Admissions, number: int) -> None:
        super().__init__(daemon=True)
        self.db, self.admissions = db, admissions
        self.dice = random.Random(number)
        self.held: list[str] = []
        self.done: Counter[str] = Counter()

    def run(self) -> None:
        for step in self.dice.choices(list(STEPS), list(STEPS.values()), k=MANY):
            try:
                self.done[f"{step.__name__}: {step(self)}"] += 1
            except (Conflict, NotFound, QuotaConflict):
                self.done[f"{step.__name__}: refused"] += 1
            except Exception as error:
                self.done[f"{step.__name__} failed: {error!r}"] += 1

    def ask(self) -> str:
        team, count = self.dice.choice(tuple(TEAMS)), self.dice.choice((1, 1, 2, 3))
        obj = an_object(project=team, id=str(uuid.uuid4()))
        request = Request(obj.id, team, {"containers": count}, shortage=self.dice.choice(("wait", "refuse", "refuse")))

        def store(tx: Connection, decision: Decision) -> str:
            if decision.outcome == "refused":
                raise Conflict("refused")
            objects.insert(tx, obj, obj.id)
            return decision.outcome

        outcome = self.admissions.submit(Asked(request, obj.id), time.time(), store)
        self.held.append(obj.id)
        return outcome

    def release(self) -> str:
        if not self.held:
            return "nothing held"
        ident = self.held.pop(self.dice.randrange(len(self.held)))
        with self.db.write() as tx:
            ledger.release(tx, ident, time.time())
            objects.remove(tx, ident)
        return "done"

    def leave(self) -> str:
        """Whose notice is over has stopped; now and then one goes before."""
        early = self.dice.random() < 0.5
        with self.db.write() as tx:
            now = time.time()
            rows = [row for row in ledger.reclaims(tx, None) if row.victims and (early or row.deadline <= now)]
            if not rows:
                return "nobody has to"
            victim = self.dice.choice(self.dice.choice(rows).victims).claim_id
            ledger.evicted(tx, victim, now)
            return ledger.requeue(tx, victim, now).outcome

    def resize(self) -> str:
        if not self.held:
            return "nothing held"
        with self.db.write() as tx:
            amounts = {"containers": self.dice.randint(1, 4)}
            return ledger.resize(tx, self.dice.choice(self.held), amounts, time.time()).outcome

    def set_limits(self) -> str:
        team, hard = self.dice.choice(tuple(TEAMS)), self.dice.randint(2, 7)
        lend, borrow = self.dice.choice((None, 0, 2)), self.dice.choice((None, None, 3))
        with self.db.write() as tx:
            ledger.set_node(tx, ADMIN, team, {"containers": Limit(hard, lend, borrow)}, time.time())
        return "done"

    def give_notice(self) -> str:
        grace = self.dice.choice((NO_NOTICE, AN_HOUR))
        with self.db.write() as tx:
            ledger.set_node(tx, ADMIN, "org", {}, time.time(), policy=Policy(grace_seconds=grace))
        return "done"

    def reserve(self) -> str:
        team, count, now = self.dice.choice(tuple(TEAMS)), self.dice.randint(1, 2), time.time()
        until = self.dice.choice((None, now + 0.1))
        with self.db.write() as tx:
            return ledger.reserve(tx, ADMIN, team, str(uuid.uuid4()), {"containers": count}, until, now).outcome

    def end_reservation(self) -> str:
        with self.db.write() as tx:
            ledger.due(tx, time.time())
            there = ledger.reservations(tx, None)
            if not there:
                return "there is none"
            ledger.release_reservation(tx, ADMIN, self.dice.choice(there).id, time.time())
        return "done"


STEPS: dict[Callable[[Client], str], int] = {
    Client.ask: 10,
    Client.release: 6,
    Client.leave: 6,
    Client.resize: 3,
    Client.set_limits: 1,
    Client.give_notice: 1,
    Client.reserve: 3,
    Client.end_reservation: 3,
}
"""How often each comes, in comparison."""


def _work(url: str, process: int, done: "multiprocessing.SimpleQueue[Counter[str]]") -> None:
    db = Database(url)
    admissions = Admissions(db)
    clients = [Client(db, admissions, process * CLIENTS + number) for number in range(CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    done.put(sum((client.done for client in clients), Counter()))
    db.close()


def test_whatever_comes_at_once_the_books_are_right_and_nobody_waits_who_fits(db: Database, url: str) -> None:
    with db.write() as tx:
        a_cloud(tx, TEAMS, org=ORG, grace=NO_NOTICE, cloud=ORG)
        ledger.reserve(tx, ADMIN, "team1", "first", {"containers": 1}, None, time.time())
    done = spawn.SimpleQueue()
    workers = [spawn.Process(target=_work, args=(url, number, done)) for number in range(PROCESSES)]
    for worker in workers:
        worker.start()
    total: Counter[str] = sum((done.get() for _ in workers), Counter())
    for worker in workers:
        worker.join()
    assert total.total() == PROCESSES * CLIENTS * MANY
    assert [what for what in total if "failed" in what] == []
    carried_out = {what.partition(":")[0] for what in total if what.endswith(CARRIED_OUT)}
    # Whether somebody had to leave, and at a moment when one looked for it, is chance.
    assert carried_out | {"leave"} == {step.__name__ for step in STEPS}, f"all of it has happened: {total}"
    _check(db)


def _check(db: Database) -> None:
    now = time.time() + 1.0
    with db.write() as tx:
        ledger.due(tx, now)
    with db.read() as tx:
        assert invariants.check(ledger.tree(tx)) == []
        assert ledger.verify(tx) == []
        for claim in ledger.claims(tx, None):
            if claim.state is ClaimState.WAITING and claim.reservation is None:
                again = Request(f"{claim.id}-again", claim.node_id, claim.amounts, claim.priority, "refuse")
                assert ledger.dry_run(ledger.tree(tx), again, now).outcome == "refused", (
                    f"{claim} waits for what is there"
                )
