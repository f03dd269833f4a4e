"""The claims that could leave, arranged as the tree is: at each node the child with the largest share comes first."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heapify, heappop, heapreplace

from jeroboam.quota.candidates import Rank
from jeroboam.quota.shares import Share, Shares
from jeroboam.quota.tree import Claim, Node

_NONE: Iterator[tuple[Rank, Claim]] = iter(())
Entry = tuple[tuple[bool, float | object], Rank, "Branch"]


@dataclass(slots=True, eq=False)
class Branch:
    """A node with the branches below it that have candidates, or (`own`) a node's own claims, the `best` of them and
    the `rest` in their order.

    `level`: where on the requester's path it hangs (0: below the requester's node itself). `side` is the branch just
    below that node; None on the path itself. `inside`: below the requester's side of the node that we search from.
    """

    node: Node
    level: int
    own: bool = False
    inside: bool = False
    parent: "Branch | None" = None
    side: "Branch | None" = None
    heap: list[Entry] = field(default_factory=list)
    best: tuple[Rank, Claim] | None = None
    rest: Iterator[tuple[Rank, Claim]] = _NONE

    def front(self) -> Rank | None:
        """The rank of the candidate that comes first here; None: there is none left."""
        if self.own:
            return self.best[0] if self.best else None
        return self.heap[0][1] if self.heap else None

    def share(self, shares: Shares) -> Share:
        return shares.of_own(self.node) if self.own else shares.of(self.node)

    def entry(self, shares: Shares) -> "Entry | None":
        front = self.front()
        if front is None:
            return None
        share = self.share(shares)
        return (not share.endless, -share.ratio), front, self

    def grow(self, children: "list[Branch]", shares: Shares) -> None:
        """Take the branches below, those that are empty aside."""
        self.heap = [entry for child in children if (entry := child.entry(shares))]
        heapify(self.heap)

    def fill(self, claims: Iterator[tuple[Rank, Claim]]) -> None:
        self.rest = claims
        self.best = next(claims, None)

    def take(self) -> Claim:
        """The best of the own claims, which is none of them any more. Only while front() is not None."""
        assert self.best is not None
        claim = self.best[1]
        self.best = next(self.rest, None)
        return claim

    def empty(self) -> None:
        self.heap.clear()
        self.best = None

    def leaf(self) -> "Branch":
        """The branch of own claims that the best candidate is in. Only while front() is not None."""
        branch = self
        while not branch.own:
            branch = branch.heap[0][2]
        return branch

    def refresh(self, shares: Shares) -> None:
        """This branch, the best of each one above it, has changed: put each in its new place."""
        branch = self
        while branch.parent is not None:
            entry = branch.entry(shares)
            if entry is None:
                heappop(branch.parent.heap)
            else:
                heapreplace(branch.parent.heap, entry)
            branch = branch.parent

    def up_to_side(self) -> "list[Branch]":
        """This branch and those above it, up to below the lowest common ancestor with the requester."""
        found = [self]
        while found[-1] is not self.side and found[-1].parent is not None:
            found.append(found[-1].parent)
        return found
