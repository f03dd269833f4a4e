"""One request looking for victims: who may be taken for it, by the rules, given what has been taken already."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile
from math import prod

from jeroboam.quota.branches import Branch
from jeroboam.quota.candidates import Rank
from jeroboam.quota.decision import Request
from jeroboam.quota.policy import Ground, ReclaimFrom, Strategy, Undershoot
from jeroboam.quota.shares import NONE, Share, Shares
from jeroboam.quota.tree import Claim, Node, Tree
from jeroboam.quota.trial import Short, Trial


@dataclass(frozen=True, slots=True)
class Choice:
    """A victim, and what made it a legal one. `branch` None: one of the requester's own claims."""

    claim: Claim
    branch: Branch | None = None
    before: Share | None = None  # its side's share before it was taken
    undershoots: bool = False

    @property
    def level(self) -> int:
        """Where on the requester's path its side hangs; -1: it is the requester's own."""
        return -1 if self.branch is None else self.branch.level


class Case:
    """`trial` has the request charged in it and `shorts` are what it lacks there. Changed as victims are chosen."""

    def __init__(self, tree: Tree, request: Request, trial: Trial, shorts: list[Short], gone: Iterable[str]) -> None:
        self.tree = tree
        self.request = request
        self.trial = trial
        self.shares = Shares(trial)
        self.shorts = shorts
        self.path = list(tree.nodes[request.node_id].path())
        self.rules = self.path[0].rules()
        self.priority = self.path[0].priority(request.priority)
        self.contested = {s.resource for s in shorts}
        self.taken = set(gone)
        needs = {r: max(s.missing for s in shorts if s.resource == r) for r in self.contested}
        whole = prod(needs.values())
        self._least = min(needs.values())  # who holds no more of anything wastes nothing
        self._needs = [(r, need, whole // need) for r, need in needs.items()]  # scaled to one denominator
        self._undershoot: dict[str, Undershoot] = {}
        self.own_side_changed()

    def own_side_changed(self) -> None:
        """Something on the requester's side has left: its standing is worked out anew."""
        self._entitled = self._first_within_own()
        self._share: dict[int, Share] = {}

    def entitled(self, level: int) -> bool:
        """Is the requester's side, somewhere from its node up to below path[level], within its own?"""
        return self._entitled <= level

    def share(self, level: int) -> Share:
        """The share of the requester's side among the children of path[level], the request included."""
        if level not in self._share:
            own = level == 0
            self._share[level] = self.shares.of_own(self.path[0]) if own else self.shares.of(self.path[level - 1])
        return self._share[level]

    def waste(self, claim: Claim) -> int:
        """What it frees beyond the need, relative to the need."""
        waste, amounts = 0, claim.amounts
        if max(amounts.values()) > self._least:
            for resource, need, scale in self._needs:
                more = amounts.get(resource, 0) - need
                if more > 0:
                    waste += more * scale
        return waste

    def candidates(self, node: Node) -> Iterator[tuple[Rank, Claim]]:
        """The claims of another node that may be taken at all, for any of what is contested, the best first."""
        found = self._takable(node)
        if self.rules.reclaim is ReclaimFrom.ANY:
            return found
        return takewhile(lambda ranked: ranked[1].priority < self.priority, found)

    def own_candidates(self, newer: bool) -> Iterator[Claim]:
        """The requester's own claims of lower priority (`newer`: or the same and newer), the best first."""
        asks = (self.priority, -self.request.order if newer else 0)
        found = takewhile(lambda ranked: ranked[1].priority <= self.priority, self._takable(self.path[0]))
        return (c for _, c in found if (c.priority, -c.order if newer else 0) < asks)

    def _takable(self, node: Node) -> Iterator[tuple[Rank, Claim]]:
        taken, reservations = self.taken, self.tree.reservations
        for rank, claim in node.candidates().ranked(self.contested, self.waste):
            if claim.reclaimable and claim.id not in taken and claim.reservation not in reservations:
                yield rank, claim

    def judge(self, claim: Claim, leaf: Branch, unmet: set[str], strategies: tuple[Strategy, ...]) -> Choice | None:
        """Take `claim` in the trial if it is a legal victim for one of `unmet`; otherwise leave all as it was."""
        chain = leaf.up_to_side()
        held = [r for r in unmet if claim.amounts.get(r)]
        if not any(all(self._over(b, r) for b in chain) for r in held):
            return None
        before = chain[-1].share(self.shares) if Strategy.INITIAL_SHARE in self.rules.strategies else NONE
        node = self.tree.nodes[claim.node_id]
        self.trial.add(node, claim.amounts, -1)
        undershoots = any(self._below(b, r) for b in chain for r in claim.amounts if r in self.contested)
        choice = Choice(claim, leaf, before, undershoots)
        if self.legal(choice, strategies):
            return choice
        self.trial.add(node, claim.amounts)
        return None

    def hopeless(self, leaf: Branch) -> bool:
        """Nothing on that side can be legal by fairness: its share is below the requester's already."""
        side = leaf.up_to_side()[-1]
        return not self.entitled(leaf.level) and self.share(leaf.level) > side.share(self.shares)

    def legal(self, choice: Choice, strategies: tuple[Strategy, ...]) -> bool:
        """The rule for a victim that has left in the trial, against the state that the trial is in."""
        branch = choice.branch
        if branch is None or choice.before is None:
            return True
        entitled = self.entitled(branch.level)
        if choice.undershoots and not self._may_undershoot(branch.node, entitled):
            return False
        if entitled:
            return True
        share = self.share(branch.level)
        after = branch.up_to_side()[-1].share(self.shares)
        return (Strategy.FINAL_SHARE in strategies and share <= after) or (
            Strategy.INITIAL_SHARE in strategies and share < choice.before
        )

    def ground(self, choice: Choice) -> Ground:
        """Which rule a legal victim is taken by."""
        if choice.branch is None:
            return Ground.WITHIN_PROJECT
        return Ground.GUARANTEE if self.entitled(choice.level) else Ground.FAIR_SHARE

    def _over(self, branch: Branch, resource: str) -> bool:
        over = self.trial.own_over if branch.own else self.trial.over
        return over(branch.node, resource) > 0

    def _below(self, branch: Branch, resource: str) -> bool:
        return self.trial.own_below(branch.node, resource) if branch.own else self.trial.below(branch.node, resource)

    def _may_undershoot(self, node: Node, entitled: bool) -> bool:
        if node.id not in self._undershoot:
            self._undershoot[node.id] = node.rules().undershoot
        rule = self._undershoot[node.id]
        return rule is Undershoot.ALLOW or (rule is Undershoot.GUARANTEE and entitled)

    def _first_within_own(self) -> int:
        node = self.path[0]
        if all(self.trial.own_over(node, r) == 0 for r in self.contested):
            return 0
        for index, node in enumerate(self.path[:-1], start=1):
            if all(self.trial.over(node, r) == 0 for r in self.contested):
                return index
        return len(self.path) + 1
