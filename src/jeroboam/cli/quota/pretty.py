"""What a simulation came to, for people: the steps in sentences, then the tree with its figures."""

import sys
from collections.abc import Iterator, Sequence
from io import TextIOWrapper
from typing import Any

from jeroboam.cli.drawing import draw, style
from jeroboam.quota.simulator.report import Result
from jeroboam.quota.simulator.scenario import shown

WORDS = ("hard_limit", "used", "reserved", "allocated", "free", "borrowed", "lent", "deserved", "fair_now")
_UNBOUND = ("hard_limit", "free", "deserved", "fair_now")


def show(answer: Result, actions: Sequence[str], clock: Sequence[float]) -> None:
    """`actions`: what each step is (claim, set, ...); `clock`: the second at which it ends."""
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a terminal need not know every letter of a name
    for step, action, second in zip(answer["steps"], actions, clock, strict=True):
        print(*_step(step, action, second), sep="\n")
    print("" if answer["steps"] else "nothing happens\n")
    for line in aligned([*_table(answer["tree"])]):
        print(line)


def _step(step: Result, action: str, second: float) -> Iterator[str]:
    head = f"step {step['step']}, {action}: "
    results = step["results"]
    for index, said in enumerate(map(_result, results) if results else [f"time passes to second {shown(second)}"]):
        yield (head if index == 0 else " " * len(head)) + said
    taken = {victim for result in results for victim in result.get("victims", ())}
    others = [claim for claim in step["evicted"] if claim not in taken]
    told = {
        "ended": step.get("ended"),
        "evicted": others,
        "admitted": step["admitted"],
        "reclaiming": step["reclaiming"],
    }
    for what, claims in told.items():
        if claims:
            yield " " * len(head) + f"then {what}: {', '.join(claims)}"


def _result(result: Result) -> str:
    said = f"{result.get('id', result.get('project'))} {result['outcome']}"
    if result.get("victims"):
        have = "had" if result["outcome"] == "admitted" else "has" if len(result["victims"]) == 1 else "have"
        said += f", {', '.join(result['victims'])} {have} to leave"
        said += f" by second {shown(result['deadline'])}" if "deadline" in result else ""
    return said + (f": {result['reason']['sentence']}" if "reason" in result else "")


def _table(tree: Result) -> Iterator[list[str]]:
    words = [*WORDS, "debt"] if _indebted(tree) else [*WORDS]
    yield ["project", "resource", *words]
    for node, (head, further), _ in draw(tree, style()):
        drawn = f"{head}{node['name']}"
        for resource in sorted(node["used"]) or [""]:
            yield [drawn, resource, *(_figure(node, word, resource) for word in words)]
            drawn = further.rstrip()


def _indebted(tree: Result) -> bool:
    return any(tree["debt"].values()) or any(_indebted(child) for child in tree["children"])


def _figure(node: Any, word: str, resource: str) -> str:
    value = node[word].get(resource)
    if value is None:
        return ""
    endless = value == -1 and word in _UNBOUND and (word != "free" or node["hard_limit"].get(resource) == -1)
    return "unlimited" if endless else shown(value)


def aligned(rows: Sequence[Sequence[str]], left: int = 2) -> Iterator[str]:
    """Columns as wide as they need, the first `left` of them begun at the left, the figures ended at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [f"{c:<{w}}" if i < left else f"{c:>{w}}" for i, (c, w) in enumerate(zip(row, widths, strict=True))]
        yield "  ".join(cells).rstrip()
