"""A node's charged claims in the order in which a search for victims visits them, kept from one search to the next.

Among claims of one priority and the same amounts that order is the same for every request: the newest, then the id.
Only what they would waste depends on who asks, and that is one figure for all of them. So nothing is ranked but the
claims that are looked at, however many there are.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator
from heapq import heapify, heappop, heapreplace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jeroboam.quota.tree import Claim

Rank = tuple[int, int, int, str]
"""Lowest priority, least waste, newest, id."""
Kind = frozenset[tuple[str, int]]
"""The amounts of a claim."""


class Candidates:
    """Made of a node's claims when it is searched first; what enters, leaves or changes afterwards is said here."""

    def __init__(self, claims: "Iterable[Claim]") -> None:
        self._kinds: dict[int, dict[Kind, list[Claim]]] = {}  # by priority; the claims of each in their order
        for claim in sorted(claims, key=_newest):
            self._alike(claim).append(claim)

    def __deepcopy__(self, memo: object) -> None:
        """A copy of the tree makes its own, if it is ever searched."""

    def add(self, claim: "Claim") -> None:
        insort(self._alike(claim), claim, key=_newest)

    def remove(self, claim: "Claim") -> None:
        """As it is there: its amounts and its order are those that it was added with."""
        kinds, kind = self._kinds[claim.priority], frozenset(claim.amounts.items())
        alike = kinds[kind]
        del alike[bisect_left(alike, _newest(claim), key=_newest)]
        if not alike:
            del kinds[kind]
        if not kinds:
            del self._kinds[claim.priority]

    def ranked(self, contested: set[str], waste: "Callable[[Claim], int]") -> "Iterator[tuple[Rank, Claim]]":
        """Those that hold something of what is contested, the best to take first."""
        for priority in sorted(self._kinds):
            kinds = [k for k in self._kinds[priority].values() if not contested.isdisjoint(k[0].amounts)]
            # The first of each kind: its rank, which kind it is (so that nothing else is compared), where it stands.
            heap = [((priority, waste(k[0]), -k[0].order, k[0].id), n, 0) for n, k in enumerate(kinds)]
            heapify(heap)
            while heap:
                rank, kind, at = heap[0]
                alike = kinds[kind]
                yield rank, alike[at]
                if at + 1 < len(alike):
                    after = alike[at + 1]
                    heapreplace(heap, ((priority, rank[1], -after.order, after.id), kind, at + 1))
                else:
                    heappop(heap)

    def _alike(self, claim: "Claim") -> "list[Claim]":
        kinds = self._kinds.setdefault(claim.priority, {})
        return kinds.setdefault(frozenset(claim.amounts.items()), [])


def _newest(claim: "Claim") -> tuple[int, str]:
    return -claim.order, claim.id
