"""Small builders, so that a test reads like the example that it checks."""

from collections.abc import Iterable
from typing import Any

from jeroboam.quota.admission import Decision, Request, admit_now
from jeroboam.quota.limits import add_node, set_limits
from jeroboam.quota.policy import Policy
from jeroboam.quota.tree import ROOT, UNLIMITED, Limit, Tree

EXCLUSIVE = {"lend": 0, "borrow": 0}
"""A node that neither lends nor borrows."""


def cloud(policy: Policy | None = None, **hard: int) -> Tree:
    """A tree of the root alone: cloud(u=16)."""
    return Tree({r: Limit(units) for r, units in hard.items()}, policy or Policy())


def project(
    tree: Tree,
    name: str,
    parent: str = ROOT,
    lend: int | None = None,
    borrow: int | None = None,
    **hard: int,
) -> None:
    """A node of that name and id; lend and borrow for each of its resources: project(tree, "T1", u=8)."""
    add_node(tree, name, name, parent)
    set_limits(tree, name, {r: Limit(units, lend, borrow) for r, units in hard.items()})


def ask(tree: Tree, node: str, claim_id: str, units: int = 1, now: float = 0.0, **kind: Any) -> Decision:
    """Ask for `units` of u; a reclaim without grace is carried out at once."""
    request = Request(claim_id, node, {"u": units}, order=tree.last_order + 1, **kind)
    return admit_now(tree, request, now)


def ask_each(tree: Tree, node: str, count: int, prefix: str = "", **kind: Any) -> list[str]:
    """`count` unit claims, one after the other: their outcomes."""
    prefix = prefix or f"{node}-"
    start = len(tree.claims)
    return [ask(tree, node, f"{prefix}{start + i}", **kind).outcome for i in range(count)]


def used(tree: Tree, *nodes: str) -> tuple[int, ...]:
    return tuple(tree.nodes[n].used.get("u", 0) for n in nodes)


def counted(outcomes: Iterable[str], outcome: str = "admitted") -> int:
    return sum(o == outcome for o in outcomes)


__all__ = ["EXCLUSIVE", "UNLIMITED", "ask", "ask_each", "cloud", "counted", "project", "used"]
