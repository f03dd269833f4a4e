"""Random histories: the ledger, which writes back at every step, gives the
same verdicts, victims and counters as the pure engine that has everything in memory all the time.
"""

import re
from collections import Counter
from contextlib import suppress
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from jeroboam.quota import admission, invariants, limits, reserving
from jeroboam.quota.decision import Decision, Request
from jeroboam.quota.policy import Policy
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.settling import settle
from jeroboam.quota.tree import ROOT, UNLIMITED, Limit, Tree
from jeroboam.store import ledger
from jeroboam.store.database import Database
from tests.store.cloud import ADMIN

NODES = {"d": ROOT, "org1": "d", "org2": "d", "a": "org1", "b": "org1", "c": "org2"}
LEAVES = ("a", "b", "c", "org1")
OWNED = {"org1": 7, "org2": 4, "a": 3, "b": 3, "c": 2}
"""Hard limits at the start: enough that most histories lend, reclaim and reserve."""
BORROWED = ("c", "b", "c", "b", "c")
"""Who takes 2 each before a history begins: more than they own, of what `a` leaves idle."""
RESOURCES = ("containers", "vcpus")
KEPT = {"admitted", "waiting", "reclaiming", "evicted"}

few = st.integers(0, 5)
limit = st.builds(Limit, st.integers(0, 8), st.none() | few, st.none() | few)
amounts = st.fixed_dictionaries({"containers": st.integers(1, 3)}, optional={"vcpus": st.integers(1, 4)})
nth = st.integers(0, 30)
step = st.one_of(
    st.tuples(
        st.just("admit"),
        st.sampled_from(LEAVES),
        amounts,
        st.sampled_from((40, 50, 60)),
        st.sampled_from(("refuse", "refuse", "wait")),
        st.sampled_from((True, True, True, False)),
        st.sampled_from((None, None, None, "r1", "r2")),
    ),
    st.tuples(
        st.just("admit"),
        st.sampled_from(LEAVES),
        amounts,
        st.just(50),
        st.sampled_from(("refuse", "wait")),
        st.just(True),
        st.none(),
    ),
    st.tuples(st.just("release"), nth),
    st.tuples(st.just("evict"), nth),
    st.tuples(st.just("requeue"), nth),
    st.tuples(st.just("resize"), nth, amounts),
    st.tuples(st.just("again"), nth),
    st.tuples(st.just("limits"), st.sampled_from(tuple(NODES)), st.sampled_from(RESOURCES), limit, st.booleans()),
    st.tuples(st.just("policy"), st.sampled_from(tuple(NODES)), st.sampled_from((0, 5)), st.integers(0, 2)),
    st.tuples(st.just("reserve"), st.sampled_from(("r1", "r2")), st.sampled_from(LEAVES), amounts, st.none() | nth),
    st.tuples(st.just("draw"), st.sampled_from(("r1", "r2")), amounts),
    st.tuples(st.just("unreserve"), st.sampled_from(("r1", "r2"))),
    st.tuples(st.just("due")),
)


class Both:
    """The same step on the ledger and on the engine."""

    def __init__(self, tx: Connection) -> None:
        self.tx = tx
        self.now = -float(len(BORROWED))
        self.made: list[Request] = []
        self.tree = Tree({})
        ledger.set_capacity(tx, dict.fromkeys(RESOURCES, 12), 0.0)
        for resource in RESOURCES:
            limits.set_limits(self.tree, ROOT, {resource: Limit(12)})
        for node, parent in NODES.items():
            path = [node]
            while path[-1] != "d":
                path.append(NODES[path[-1]])
            ledger.ensure_path(tx, [(ident, ident, "project") for ident in path])
            limits.add_node(self.tree, node, node, parent)
        self.limits("d", "containers", Limit(UNLIMITED), False)
        self.limits("d", "vcpus", Limit(12), False)
        for node, hard in OWNED.items():
            for resource in RESOURCES:
                self.limits(node, resource, Limit(hard), False)
        self.policy("d", 5, 2)
        for node in BORROWED:
            self.admit(node, {"containers": 2, "vcpus": 1}, 50, "refuse", True, None)
            self.now += 1

    def some(self, nth: int) -> str:
        return self.made[nth % len(self.made)].id if self.made else "none"

    def same(self, ours: Decision, theirs: Decision) -> None:
        assert (ours.outcome, ours.victims, ours.deadline) == (theirs.outcome, theirs.victims, theirs.deadline)
        assert ours.rule == theirs.rule
        if ours.outcome == "refused":
            assert ours.reason == theirs.reason

    def admit(
        self,
        node: str,
        asked: dict[str, int],
        priority: int,
        shortage: str,
        reclaimable: bool,
        reservation: str | None,
    ) -> None:
        request = Request(f"c{self.now:+03.0f}", node, asked, priority, shortage, reservation, reclaimable)
        dry = ledger.dry_run(ledger.tree(self.tx), request, self.now)
        ours = ledger.admit(self.tx, request, f"object-{request.id}", self.now)
        self.same(ours, dry)
        order = self.tree.last_order + 1
        whole = Request(request.id, node, dict(asked), priority, shortage, reservation, reclaimable, order)
        self.same(ours, admission.admit(self.tree, whole, self.now))
        if ours.outcome != "refused":
            self.made.append(request)

    def draw(self, ident: str, asked: dict[str, int]) -> None:
        held = self.tree.reservations.get(ident)
        if held is not None:
            asked = {r: min(amount, held.amounts.get(r, 0)) for r, amount in asked.items()}
            self.admit(held.node_id, asked, 50, "refuse", True, ident)

    def again(self, nth: int) -> None:
        """The same request once more, while it is in the ledger."""
        claim = self.tree.claims.get(self.some(nth))
        if claim is not None and claim.state.value in KEPT:
            request = next(made for made in self.made if made.id == claim.id)
            theirs = admission.admit(self.tree, request, self.now)
            ours = ledger.admit(self.tx, request, "another object", self.now)
            assert (ours.outcome, ours.victims, ours.deadline) == (theirs.outcome, theirs.victims, theirs.deadline)

    def release(self, nth: int) -> None:
        ledger.release(self.tx, self.some(nth), self.now)
        admission.release(self.tree, self.some(nth), self.now)

    def evict(self, nth: int) -> None:
        """One of those that have to leave; somebody else if nobody has to."""
        leaving = sorted(claim.id for claim in self.tree.claims.values() if claim.leaving is not None)
        ident = leaving[nth % len(leaving)] if leaving else self.some(nth)
        ledger.evicted(self.tx, ident, self.now)
        admission.evicted(self.tree, ident, self.now)

    def requeue(self, nth: int) -> None:
        gone = sorted(claim.id for claim in self.tree.claims.values() if claim.state.value == "evicted")
        if gone:
            ident = gone[nth % len(gone)]
            self.same(ledger.requeue(self.tx, ident, self.now), admission.requeue(self.tree, ident, self.now))

    def resize(self, nth: int, asked: dict[str, int]) -> None:
        ours = ledger.resize(self.tx, self.some(nth), dict(asked), self.now)
        theirs = admission.resize(self.tree, self.some(nth), dict(asked), self.now)
        assert ours.outcome == theirs.outcome

    def limits(self, node: str, resource: str, new: Limit, force: bool) -> None:
        try:
            limits.set_limits(self.tree, node, {resource: new}, force=force, now=self.now)
        except QuotaConflict as refused:
            with pytest.raises(QuotaConflict, match=re.escape(str(refused))):
                ledger.set_node(self.tx, ADMIN, node, {resource: new}, self.now, force=force)
        else:
            ledger.set_node(self.tx, ADMIN, node, {resource: new}, self.now, force=force)

    def policy(self, node: str, grace: int, weight: int) -> None:
        rules = Policy(grace_seconds=grace)
        limits.set_limits(self.tree, node, {}, Fraction(weight, 2), rules, now=self.now)
        ledger.set_node(self.tx, ADMIN, node, {}, self.now, weight=Fraction(weight, 2), policy=rules)

    def reserve(self, ident: str, node: str, asked: dict[str, int], span: int | None) -> None:
        if ident in self.tree.reservations:
            return
        until = None if span is None else self.now + span
        theirs = reserving.reserve(self.tree, ident, node, dict(asked), self.now, until)
        self.same(ledger.reserve(self.tx, ADMIN, node, ident, dict(asked), until, self.now), theirs)

    def unreserve(self, ident: str) -> None:
        if ident in self.tree.reservations:
            reserving.release_reservation(self.tree, ident, self.now)
            ledger.release_reservation(self.tx, ADMIN, ident, self.now)

    def due(self) -> None:
        """Both settle: the ledger only does where something is over."""
        if any(r.until is not None and r.until <= self.now for r in self.tree.reservations.values()):
            settle(self.tree, self.now)
        ledger.due(self.tx, self.now)

    def reached(self) -> set[str]:
        """What the state has in it, to know that the histories are worth their name."""
        claims, rows = self.tree.claims.values(), self.tree.reclaims.values()
        drawn = any(claim.reservation in self.tree.reservations and not claim.reserves for claim in claims)
        places = {"waiting": self.tree.waiting, "reclaim": rows, "two reclaims": len(rows) > 1, "drawn": drawn}
        places["reservation"] = self.tree.reservations
        places["evicted"] = any(claim.state.value == "evicted" for claim in claims)
        places["shared victim"] = len({v for row in rows for v in row.victims}) < sum(len(r.victims) for r in rows)
        return {place for place, there in places.items() if there}

    def compare(self) -> None:
        ours = ledger.tree(self.tx)
        assert invariants.check(ours) == []
        assert state(ours) == state(self.tree)


def state(tree: Tree) -> dict[str, object]:
    """Everything that counts, in a form that can be compared. Ages only in their order."""
    kept = [claim for claim in tree.claims.values() if claim.state.value in KEPT]
    return {
        "nodes": {
            node.id: (
                node.parent and node.parent.id,
                node.limits,
                node.weight,
                node.policy,
                *({r: v for r, v in counter.items() if v} for counter in (node.used, node.reserved, node.subtree)),
                *({r: v for r, v in counter.items() if v} for counter in (node.allocated, node.lendable)),
            )
            for node in tree.nodes.values()
        },
        "claims": {
            c.id: (c.node_id, c.amounts, c.priority, c.state, c.reclaimable, c.leaving, c.reservation, c.shortage)
            for c in kept
        },
        "ages": [claim.id for claim in sorted(kept, key=lambda c: c.order)],
        "reclaims": [(r.id, r.claim_id, r.victims, r.deadline, r.rule) for r in tree.reclaims.values()],
        "reservations": {
            r.id: (r.node_id, {k: v for k, v in r.amounts.items() if v}, r.until) for r in tree.reservations.values()
        },
    }


PLACES = ("waiting", "reclaim", "two reclaims", "reservation", "drawn", "evicted")
"""What the histories must have come through, each many times."""


class Undone(Exception):
    """Ends the transaction of one history without a trace."""


def test_the_ledger_is_the_engine(shared: Database) -> None:
    reached: Counter[str] = Counter()

    @settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(st.lists(step, min_size=5, max_size=40))
    def run(history: list[tuple[object, ...]]) -> None:
        with suppress(Undone), shared.write() as tx:
            both = Both(tx)
            for now, (verb, *given_) in enumerate(history, start=1):
                both.now = float(now)
                getattr(both, str(verb))(*given_)
                both.compare()
                reached.update(both.reached())
            raise Undone

    run()
    assert min(reached[place] for place in PLACES) >= 10, reached
