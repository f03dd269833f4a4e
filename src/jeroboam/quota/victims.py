"""Who has to leave so that a request fits: a legal set, minimal by inclusion, or nobody.

Candidates are visited in the order of the model: the branch with the largest share first, walking down from the
deepest node where the request does not fit; in it the lowest priority, the least waste, the newest, the id. Each is
checked by the rules (legality.py) against what has been chosen before it. The requester's own claims, if its project
may displace them, come after everybody else's. At the end whatever turned out not to be needed is put back.
"""

from jeroboam.quota.branches import Branch
from jeroboam.quota.legality import Case, Choice
from jeroboam.quota.policy import ReclaimFrom, WithinProject
from jeroboam.quota.tree import Node
from jeroboam.quota.trial import Short

ATTEMPTS = 3
"""Each leaves out one more. In small random trees one refusal in some five thousand is left that another set spares."""
FEW = 100
"""Among more victims than that, one small one hardly ever decides: it is not worth all the work once more."""


class Search:
    """run() gives the ids of the claims that have to leave, in the order chosen, or None if no legal set is found."""

    def __init__(self, case: Case) -> None:
        self.case = case
        self.chosen: list[Choice] = []
        self.unfair = False  # somebody could have left, but fairness does not allow it
        self.unmet: list[Short] = []  # what no victim mends, if none are found
        self._passed = False  # somebody was passed over since the candidates were ranked
        self._roots: dict[tuple[str, int], Branch] = {}

    def run(self) -> tuple[str, ...] | None:
        for _ in range(ATTEMPTS):
            if self._choose():
                self._put_back()
                return tuple(c.claim.id for c in self.chosen)
            self.unmet = self.unmet or self._deepest()
            if not 0 < len(self.chosen) <= FEW:
                break
            self._start_over()
        return None

    def rule(self) -> str:
        """The grounds on which those found have to leave: one of Ground, or several with commas."""
        return ",".join(sorted({self.case.ground(choice) for choice in self.chosen}))

    def few(self) -> bool:
        """Is there a set of a few? Looked for once."""
        return self._choose(FEW)

    def _choose(self, most: int | None = None) -> bool:
        """Take one after the other until everything fits, or nobody is left, or `most` are taken."""
        while shorts := self._deepest():
            if len(self.chosen) == most:
                return False
            choice = self._outsider(shorts) or self._own(shorts)
            if choice is None:
                return False
            self.case.taken.add(choice.claim.id)
            self.chosen.append(choice)
        return True

    def _start_over(self) -> None:
        """Everybody is back, and the smallest of them stays: taken before a large one that would do alone, it can be
        what makes the large one illegal.
        """
        case = self.case
        for choice in self.chosen:
            case.trial.add(case.tree.nodes[choice.claim.node_id], choice.claim.amounts)
        least = min(self.chosen, key=lambda c: sum(c.claim.amounts.get(r, 0) for r in case.contested))
        case.taken -= {c.claim.id for c in self.chosen} - {least.claim.id}
        self.chosen = []
        self._passed = True
        self._own_side_changed()

    def _deepest(self) -> list[Short]:
        """What is unmet at the deepest node that lacks something: who mends it is below it, and helps above too."""
        unmet = [s for s in self.case.shorts if self.case.trial.missing(s) > 0]
        return [s for s in unmet if s.node is unmet[0].node]

    def _outsider(self, shorts: list[Short]) -> Choice | None:
        """The next victim outside the requester's node: strategies in their order, each with those before it."""
        case = self.case
        if case.rules.reclaim is ReclaimFrom.NEVER:
            return None
        unmet = {s.resource for s in shorts}
        for tried in range(1, max(1, len(case.rules.strategies)) + 1):
            root = self._root(shorts[0].node, tried)
            while root.front() is not None:
                leaf = root.leaf()
                if case.hopeless(leaf):
                    self.unfair = self._passed = True
                    side = leaf.up_to_side()[-1]
                    side.empty()
                    side.refresh(case.shares)
                    continue
                claim = leaf.take()
                choice = case.judge(claim, leaf, unmet, case.rules.strategies[:tried])
                leaf.refresh(case.shares)
                if choice is not None:
                    if leaf.inside:
                        self._own_side_changed()
                    return choice
                self.unfair = self._passed = True
        return None

    def _own(self, shorts: list[Short]) -> Choice | None:
        """The next of the requester's own claims that its project may displace."""
        case = self.case
        if case.rules.within_project is WithinProject.NEVER:
            return None
        unmet = {s.resource for s in shorts}
        for claim in case.own_candidates(newer=case.rules.within_project is WithinProject.LOWER_OR_NEWER):
            if not unmet.isdisjoint(claim.amounts):
                case.trial.add(case.path[0], claim.amounts, -1)
                self._own_side_changed()
                return Choice(claim)
        return None

    def _own_side_changed(self) -> None:
        """The requester stands better now: those passed over, if there are any, are candidates again."""
        self.case.own_side_changed()
        if self._passed:
            self._roots.clear()
            self._passed = False

    def _root(self, node: Node, tried: int) -> Branch:
        key = (node.id, tried)
        if key not in self._roots:
            self.case.own_side_changed()  # lower shortages were mended meanwhile
            top = self.case.path.index(node)
            self._roots[key] = self._on_path(top, top, None)
        return self._roots[key]

    def _on_path(self, level: int, top: int, parent: Branch | None) -> Branch:
        """The branches around path[level], that of the requester's own side among them."""
        node = self.case.path[level]
        branch = Branch(node, level, inside=level < top, parent=parent)
        nearer = self.case.path[level - 1] if level else None
        below = [self._off_path(c, branch, None) for c in node.children.values() if c is not nearer and self._over(c)]
        if nearer is not None:
            below.append(self._on_path(level - 1, top, branch))
            below.append(self._claims_of(branch, None))
        branch.grow(below, self.case.shares)
        return branch

    def _off_path(self, node: Node, parent: Branch, side: Branch | None) -> Branch:
        branch = Branch(node, parent.level, inside=parent.inside, parent=parent)
        branch.side = side or branch
        below = [self._off_path(c, branch, branch.side) for c in node.children.values() if self._over(c)]
        below.append(self._claims_of(branch, branch.side))
        branch.grow(below, self.case.shares)
        return branch

    def _claims_of(self, parent: Branch, side: Branch | None) -> Branch:
        case, node = self.case, parent.node
        branch = Branch(node, parent.level, own=True, inside=parent.inside, parent=parent)
        branch.side = side or branch
        if node.claims and any(case.trial.own_over(node, r) for r in case.contested):
            branch.fill(case.candidates(node))
        return branch

    def _over(self, node: Node) -> bool:
        return any(self.case.trial.over(node, r) for r in self.case.contested)

    def _put_back(self) -> None:
        """Minimal by inclusion: whoever is not needed stays, as long as the rule still holds for the others."""
        case = self.case
        top = max((c.level for c in self.chosen), default=0)
        kept = {c.claim.id: c for c in self.chosen}
        for choice in self.chosen[-2::-1]:
            node = case.tree.nodes[choice.claim.node_id]
            case.trial.add(node, choice.claim.amounts)
            own_side = choice.level < top  # its staying makes the requester's side look worse to others further up
            if own_side:
                case.own_side_changed()
            if all(case.trial.missing(s) <= 0 for s in case.shorts):
                del kept[choice.claim.id]
                if not own_side or all(case.legal(c, case.rules.strategies) for c in kept.values()):
                    continue
                kept[choice.claim.id] = choice
            case.trial.add(node, choice.claim.amounts, -1)
            if own_side:
                case.own_side_changed()
        self.chosen = [c for c in self.chosen if c.claim.id in kept]
