"""Scenarios as data: a short notation for trees of one or more resources, expanded to what the simulator takes.

tree: {a: 3, b: {q: 3, w: 2, bl: 0, ll: 1, r: 2}, c: {q: 0, in: left}, left: {q: 5}}   # by name; `in`: its parent
pool: 4                       # the root's hard_limit; left out: what its children own (and nothing beside it)
held: a1@a=1 p-1, b1@b=2gpu   # admitted at the start; same age, so the name decides: listed backwards
steps: [a 2 p0 id x, b 1x5]   # `1x5`: five claims of 1; or a mapping as the simulator takes it
expect:
  victims: [b1]               # of the last claim step
  outcome: refused            # of it
  used: {a: 3, b: 3}          # at the end, by node
  says: admit 2 u: ...        # why not, behind "cannot "; `helps`: what would help, one by one
  states: {x: admitted}       # at the end, by claim
  tree: {a: {fair_now: 3}}    # at the end, by node and word
"""

import re
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).parent / "scenarios"
_WORDS = {"q": "hard_limit", "bl": "borrow_limit", "ll": "lend_limit", "r": "reserved"}
_HELD = re.compile(r"(\S+)@(\S+)=(\S+)(?: p(-?\d+))?")
_STEP = re.compile(r"(\S+) ([\d.]+\w*?)(?:x(\d+))?(?: p(-?\d+))?(?: id (\S+))?")
_AMOUNT = re.compile(r"([\d.]+)([a-z]*)")


def cases() -> list[Any]:
    """Every case of every file, with its id."""
    found = []
    for path in sorted(FOLDER.glob("*.yaml")):
        document = yaml.safe_load(path.read_text())
        for case in document["cases"]:
            found.append({**document.get("defaults", {}), **case, "file": path.stem})
    return found


def expand(case: dict[str, Any]) -> dict[str, Any]:
    """The simulator's document of a case."""
    if "simulate" in case:
        return dict(case["simulate"])
    held = [_claim(m) for m in _HELD.finditer(case.get("held", ""))]
    same_age = case.get("same_age", True)
    return {
        "reading": case.get("reading", "containment"),
        "policy": case.get("policy", {}),
        "tree": _tree(case),
        "claims": sorted(held, key=lambda c: str(c["id"]), reverse=True) if same_age else held,
        "steps": [s if isinstance(s, dict) else {"claim": _step(s, i)} for i, s in enumerate(case.get("steps", []))],
    }


def _amount(text: str) -> dict[str, Any]:
    return {name or "u": float(units) for units, name in _AMOUNT.findall(text)}


def _claim(match: re.Match[str]) -> dict[str, Any]:
    name, node, amount, priority = match.groups()
    return {"project": node, "id": name, "amount": _amount(amount), "priority": int(priority or 0)}


def _step(text: str, index: int) -> dict[str, Any]:
    match = _STEP.fullmatch(text)
    assert match, text
    node, amount, count, priority, name = match.groups()
    claim = {
        "project": node,
        "id": name or f"{node}.{index}",
        "amount": _amount(amount),
        "priority": int(priority or 0),
    }
    return claim | ({"count": int(count), "id": name or f"{node}.{index}."} if count else {})


def _tree(case: dict[str, Any]) -> dict[str, Any]:
    written = {name: spec if isinstance(spec, dict) else {"q": spec} for name, spec in case["tree"].items()}
    nodes: dict[str, dict[str, Any]] = {"root": {"name": "root", "children": []}}
    for name, spec in written.items():
        node: dict[str, Any] = {"name": name, "weight": spec.get("w", 1), "children": []}
        for key, word in _WORDS.items():
            if key in spec:
                node[word] = _figures(spec[key])
        node |= {key: spec[key] for key in ("policy", "child_defaults") if key in spec}
        nodes[name] = node
    for name, spec in written.items():
        nodes[spec.get("in", "root")]["children"].append(nodes[name])
    nodes["root"]["hard_limit"] = _figures(case.get("pool", 0))
    return nodes["root"]


def _figures(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {"u": value}
