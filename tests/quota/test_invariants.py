"""The invariants of docs/quota-model.md over random trees and histories.

Each step is followed by all that can be checked in one state; the rules compare the state before with that after.
"""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from jeroboam.quota.admission import (
    Request,
    admit,
    admit_now,
    decide,
    evict_due,
    evicted,
    release,
    requeue,
    resize,
    settle,
)
from jeroboam.quota.candidates import Candidates
from jeroboam.quota.counters import bound, over, own_over, owned, taken
from jeroboam.quota.flows import flows
from jeroboam.quota.invariants import check, debts
from jeroboam.quota.limits import LimitChange, add_node, move, release_reservation, remove, reserve, set_limits
from jeroboam.quota.policy import Policy, Shortage, Strategy, Undershoot, WithinProject
from jeroboam.quota.reasons import QuotaConflict
from jeroboam.quota.tree import ROOT, Claim, ClaimState, Limit, Tree
from jeroboam.quota.view import headroom, tree_view

NODES = ("A", "B", "a1", "a2", "b1")
PARENTS = {"A": ROOT, "B": ROOT, "a1": "A", "a2": "A", "b1": "B"}
RESOURCES = ("u", "m")

units = st.integers(0, 6)
optional = st.one_of(st.none(), units)
nodes = st.sampled_from(NODES)
amounts = st.dictionaries(st.sampled_from(RESOURCES), st.integers(1, 6), min_size=1)
policies = st.builds(
    Policy,
    within_project=st.sampled_from([None, *WithinProject]),
    strategies=st.sampled_from([None, (), tuple(Strategy)]),
    undershoot=st.sampled_from([None, *Undershoot]),
    grace_seconds=st.sampled_from([None, 0, 5]),
)


def state(tree: Tree) -> Any:
    """Everything that a release should bring back."""
    return {
        n.id: [{r: v for r, v in c.items() if v} for c in (n.used, n.reserved, n.subtree, n.allocated, n.lendable)]
        for n in tree.nodes.values()
    }


def in_use(tree: Tree) -> dict[str, int]:
    total = dict.fromkeys(RESOURCES, 0)
    for claim in tree.claims.values():
        for resource, amount in claim.amounts.items():
            total[resource] += amount if claim.state is ClaimState.ADMITTED else 0
    return total


def no_waste(claim: Claim) -> int:
    return 0


class Histories(RuleBasedStateMachine):
    """`lowered`: an admin has forced a limit below use, so that debt, and use above the root, is as was accepted."""

    @initialize(
        hard=st.fixed_dictionaries({n: units for n in NODES}),
        lend=st.fixed_dictionaries({n: optional for n in NODES}),
        borrow=st.fixed_dictionaries({n: optional for n in NODES}),
        weights=st.fixed_dictionaries({n: st.sampled_from([0, 1, 2, Fraction(1, 2)]) for n in NODES}),
        policy=policies,
    )
    def plant(self, hard: Any, lend: Any, borrow: Any, weights: Any, policy: Policy) -> None:
        self.tree = Tree({"u": Limit(14), "m": Limit(20)}, policy)
        self.now = 0.0
        self.count = 0
        self.debts: dict[tuple[str, str], int] = {}
        for node in NODES:
            add_node(self.tree, node, node, PARENTS[node])
            for resource in RESOURCES:
                for own in (hard[node], 0):
                    try:
                        set_limits(self.tree, node, {resource: Limit(own, lend[node], borrow[node])}, weights[node])
                        break
                    except QuotaConflict:
                        continue

    def next_id(self) -> str:
        self.count += 1
        return f"c{self.count}"

    def settled_debts(self) -> None:
        self.debts = debts(self.tree)

    @rule(
        node=nodes,
        amounts=amounts,
        priority=st.sampled_from([0, 50]),
        shortage=st.sampled_from([*Shortage]),
        reclaimable=st.sampled_from([True, True, False]),
        at_once=st.booleans(),
    )
    def ask(self, node: str, amounts: Any, priority: int, shortage: Shortage, reclaimable: bool, at_once: bool) -> None:
        if node not in self.tree.nodes:
            return
        tree = self.tree
        request = Request(self.next_id(), node, amounts, priority, shortage, reclaimable=reclaimable, order=self.count)
        before, used = state(tree), in_use(tree)
        within = self.within_own(request)
        decision = decide(tree, request, self.now)
        assert decision == decide(tree, request, self.now)  # 8. same state and request, same victims
        assert state(tree) == before  # deciding changes nothing
        self.check_victims(request, decision.victims)
        done = (admit_now if at_once else admit)(tree, request, self.now)
        assert admit(tree, request, self.now).outcome in (done.outcome, "reclaiming", "admitted")  # 10.
        assert sum(c.id == request.id for c in tree.claims.values()) == 1
        if done.outcome in ("refused", "waiting"):
            assert state(tree) == before  # 5. nothing is charged anywhere
            assert done.reason is not None
            assert not within, (request, done.reason)  # 6. an owner gets its own
        for resource, total in in_use(tree).items():  # 3. never above the root, unless it was before
            hard = tree.root.limits[resource].hard
            assert total <= max(hard, used[resource]), (resource, total)

    def within_own(self, request: Request) -> bool:
        """Does an owner ask for its own, in a tree where all that is promised can be kept?"""
        tree = self.tree
        if debts(tree) or tree.reclaims or tree.reservations:
            return False
        for at in tree.nodes[request.node_id].path():
            for resource, amount in request.amounts.items():
                if at.id == request.node_id and taken(at, resource) + amount > owned(at, resource):
                    return False
                if at.id == request.node_id and at.children:
                    return False
        return all(self.reclaimable_above_own(r) and not self.may_spare(r) for r in request.amounts)

    def may_spare(self, resource: str) -> bool:
        """A claim of several units may straddle what its node owns, and `undershoot: forbid` spares it then."""
        large = (c for c in self.tree.claims.values() if c.amounts.get(resource, 0) > 1)
        return any(self.tree.nodes[c.node_id].rules().undershoot is Undershoot.FORBID for c in large)

    def reclaimable_above_own(self, resource: str) -> bool:
        """No node holds unreclaimable work above its own: forced changes of limits could have brought that about."""
        for node in self.tree.nodes.values():
            firm = sum(c.amounts.get(resource, 0) for n in node.walk() for c in n.claims.values() if not c.reclaimable)
            if firm > owned(node, resource):
                return False
        return True

    def check_victims(self, request: Request, victims: tuple[str, ...]) -> None:
        """7. No victim twice, none that opted out, none from a node within its own on all that is contested."""
        assert len(set(victims)) == len(victims)
        for victim in victims:
            claim = self.tree.claims[victim]
            assert claim.reclaimable
            assert claim.state is ClaimState.ADMITTED
            if claim.node_id != request.node_id:
                node = self.tree.nodes[claim.node_id]
                on_path = node in self.tree.nodes[request.node_id].path()
                above = [r for r in request.amounts if own_over(node, r) and (on_path or over(node, r))]
                assert above, (claim.id, claim.node_id)

    @precondition(lambda self: any(c.state is ClaimState.ADMITTED for c in self.tree.claims.values()))
    @rule(data=st.data())
    def give_back(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims(ClaimState.ADMITTED)))
        release(self.tree, claim, self.now)
        after = state(self.tree)
        release(self.tree, claim, self.now)
        assert state(self.tree) == after  # 10. credited once

    @rule(node=nodes, amounts=amounts)
    def there_and_back(self, node: str, amounts: Any) -> None:
        """5. Release after admit restores the exact former state."""
        tree = self.tree
        if node not in tree.nodes or tree.waiting or tree.reclaims:
            return
        before = state(tree)
        decision = admit(tree, Request(self.next_id(), node, amounts, order=self.count), self.now)
        release(tree, f"c{self.count}", self.now)
        assert state(tree) == before, decision

    def claims(self, *states: ClaimState) -> list[str]:
        return [c.id for c in self.tree.claims.values() if c.state in states]

    @precondition(lambda self: any(c.leaving for c in self.tree.claims.values()))
    @rule(data=st.data())
    def victim_leaves(self, data: st.DataObject) -> None:
        """11. What is pledged reaches only its beneficiary: it is admitted when the last victim has gone."""
        leaving = [c.id for c in self.tree.claims.values() if c.leaving]
        victim = data.draw(st.sampled_from(leaving))
        last_of = [r.claim_id for r in self.tree.reclaims.values() if r.victims == (victim,)]
        first = next(iter(self.tree.reclaims))
        evicted(self.tree, victim, self.now)
        assert self.tree.claims[victim].state is ClaimState.EVICTED
        if first in last_of:
            making = self.tree.claims[first].reserves
            wanted = ClaimState.RELEASED if making else ClaimState.ADMITTED
            assert self.tree.claims[first].state is wanted

    @rule(seconds=st.sampled_from([1, 5]))
    def time_passes(self, seconds: int) -> None:
        self.now += seconds
        settle(self.tree, self.now)
        evict_due(self.tree, self.now)
        assert not any(row.deadline <= self.now for row in self.tree.reclaims.values())

    @precondition(lambda self: any(c.state is ClaimState.EVICTED for c in self.tree.claims.values()))
    @rule(data=st.data())
    def ask_again(self, data: st.DataObject) -> None:
        """8. Whoever was evicted asks again, and those evicted by that, ...: it ends."""
        claim = data.draw(st.sampled_from(self.claims(ClaimState.EVICTED)))
        if self.tree.claims[claim].node_id in self.tree.nodes:
            assert requeue(self.tree, claim, self.now).outcome != "refused"

    @precondition(
        lambda self: any(c.state in (ClaimState.WAITING, ClaimState.RECLAIMING) for c in self.tree.claims.values())
    )
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        claim = data.draw(st.sampled_from(self.claims(ClaimState.WAITING, ClaimState.RECLAIMING)))
        release(self.tree, claim, self.now)
        assert self.tree.claims[claim].state is ClaimState.CANCELLED

    @precondition(lambda self: any(c.state is ClaimState.ADMITTED for c in self.tree.claims.values()))
    @rule(data=st.data(), amounts=amounts)
    def change_size(self, data: st.DataObject, amounts: Any) -> None:
        claim = data.draw(st.sampled_from(self.claims(ClaimState.ADMITTED)))
        before = state(self.tree)
        decision = resize(self.tree, claim, amounts, self.now)
        if decision.outcome == "admitted":
            assert self.tree.claims[claim].amounts == amounts
        else:
            assert state(self.tree) == before

    @rule(
        node=nodes, resource=st.sampled_from(RESOURCES), hard=units, lend=optional, borrow=optional, force=st.booleans()
    )
    def set_limit(self, node: str, resource: str, hard: int, lend: Any, borrow: Any, force: bool) -> None:
        if node not in self.tree.nodes:
            return
        before = state(self.tree)
        refused = self.conflict(
            lambda: set_limits(self.tree, node, {resource: Limit(hard, lend, borrow)}, force=force, now=self.now)
        )
        if refused:
            assert refused.reason.sentence().startswith("cannot ")
            assert state(self.tree) == before
        self.settled_debts()

    @rule(node=nodes, amounts=amounts, ends=st.booleans())
    def hold(self, node: str, amounts: Any, ends: bool) -> None:
        if node in self.tree.nodes:
            reserve(self.tree, self.next_id(), node, amounts, self.now, self.now + 5 if ends else None)

    @precondition(lambda self: self.tree.reservations)
    @rule(data=st.data(), amounts=amounts)
    def draw(self, data: st.DataObject, amounts: Any) -> None:
        held = self.tree.reservations[data.draw(st.sampled_from(sorted(self.tree.reservations)))]
        request = Request(self.next_id(), held.node_id, amounts, reservation=held.id, order=self.count)
        covered = all(held.amounts.get(r, 0) >= a for r, a in amounts.items())
        assert (admit(self.tree, request, self.now).outcome == "admitted") is covered

    @precondition(lambda self: self.tree.reservations)
    @rule(data=st.data())
    def stop_holding(self, data: st.DataObject) -> None:
        release_reservation(self.tree, data.draw(st.sampled_from(sorted(self.tree.reservations))), self.now)

    @rule(node=nodes, parent=st.sampled_from([ROOT, *NODES]))
    def relocate(self, node: str, parent: str) -> None:
        before = state(self.tree)
        if self.conflict(lambda: move(self.tree, node, parent, self.now)):
            assert state(self.tree) == before
        self.settled_debts()

    @rule(node=nodes)
    def take_down(self, node: str) -> None:
        refused = self.conflict(lambda: remove(self.tree, node, self.now))
        gone = node not in self.tree.nodes
        assert gone is (refused is None or refused.reason.code == "unknown_node")

    def conflict(self, change: Callable[[], object]) -> QuotaConflict | None:
        try:
            change()
        except QuotaConflict as refused:
            return refused
        return None

    @rule(node=nodes, amounts=amounts, more=st.integers(1, 5))
    def more_room_never_hurts(self, node: str, amounts: Any, more: int) -> None:
        """13. Raising the node's borrow_limit never turns an admission of its own request into a refusal."""
        tree = self.tree
        if node not in tree.nodes or tree.waiting or tree.reclaims:
            return
        request = Request("probe", node, amounts)
        limits = dict(tree.nodes[node].limits)
        fitted = decide(tree, request, self.now).outcome != "refused"
        for resource, limit in limits.items():
            if limit.borrow is not None:
                set_limits(tree, node, {resource: LimitChange(borrow=limit.borrow + more)}, now=self.now)
        assert decide(tree, request, self.now).outcome != "refused" or not fitted
        set_limits(tree, node, limits, force=True, now=self.now)

    @rule(node=nodes, resource=st.sampled_from(RESOURCES))
    def work_conservation(self, node: str, resource: str) -> None:
        """9. What is said to fit does; one more does not, unless somebody has to leave for it."""
        tree = self.tree
        if node not in tree.nodes or tree.reclaims or debts(tree):
            return
        room = headroom(tree.nodes[node], resource)
        assert room is not None
        decision = decide(tree, Request("probe", node, {resource: room}), self.now)
        assert room == 0 or (decision.outcome, decision.victims) == ("admitted", ())
        decision = decide(tree, Request("probe", node, {resource: room + 1}), self.now)
        assert decision.outcome != "admitted"

    @invariant()
    def the_state_is_sound(self) -> None:
        if hasattr(self, "tree"):
            assert check(self.tree) == []  # 1. and 4.: counters, ownership, indexes

    @invariant()
    def candidates_are_kept_as_they_would_be_found(self) -> None:
        """Searches find them in the same order, however the claims came and went since the first."""
        for node in self.tree.nodes.values() if hasattr(self, "tree") else ():
            kept, found = node.candidates(), Candidates(node.claims.values())
            assert [*kept.ranked({*RESOURCES}, no_waste)] == [*found.ranked({*RESOURCES}, no_waste)]

    @invariant()
    def debt_is_never_deepened(self) -> None:
        """2. U + R <= H + BL, except where a change of limits has accepted debt, and that only falls."""
        if hasattr(self, "tree"):
            now = debts(self.tree)
            assert all(amount <= self.debts.get(place, 0) for place, amount in now.items()), (now, self.debts)
            self.debts = now

    @invariant()
    def what_is_borrowed_is_lent(self) -> None:
        """4. At each parent the children's borrowing, its own included, equals their lending, within both limits."""
        if not hasattr(self, "tree"):
            return
        for parent in self.tree.nodes.values():
            for resource in RESOURCES:
                moved = flows(parent, resource)
                own = parent.used.get(resource, 0) - max(
                    0, owned(parent, resource) - parent.allocated.get(resource, 0) - parent.reserved.get(resource, 0)
                )
                borrowed, lent = sum(f.borrowed for f in moved.values()), sum(f.lent for f in moved.values())
                assert borrowed <= lent <= borrowed + max(0, own)
                for child_id, flow in moved.items():
                    child = self.tree.nodes[child_id]
                    limit = child.limit(resource)
                    assert flow.lent <= max(0, limit.hard - taken(child, resource))
                    assert limit.lend is None or flow.lent <= limit.lend
                    most = bound(child, resource)
                    assert most is None or taken(child, resource) <= most or debts(self.tree)

    @invariant()
    def figures_can_be_shown(self) -> None:
        if hasattr(self, "tree"):
            view = tree_view(self.tree)
            assert view["fair_now"]["u"] == 14
            assert sum(c["fair_now"]["u"] for c in view["children"]) <= max(
                14, sum(taken(n, "u") for n in self.tree.root.children.values())
            )


Histories.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
TestHistories = Histories.TestCase
