"""A tree drawn as text, the way `tree` does it."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Document = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Style:
    fork: str
    last: str
    bar: str


UNICODE = Style("├── ", "└── ", "│   ")
ASCII = Style("|-- ", "`-- ", "|   ")
_GAP = "    "


def style() -> Style:
    """Boxes where the terminal can show them."""
    try:
        UNICODE.fork.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return UNICODE


def draw(root: Document, drawn: Style, depth: int | None = None) -> Iterator[tuple[Document, list[str], str]]:
    """Each node with the drawing before its name on its first line and on further lines, and its path."""
    # (node, before its name, before what hangs below it, path, levels still to show)
    stack = [(root, "", "", str(root["name"]), depth)]
    while stack:
        node, head, below, path, left = stack.pop()
        children = [] if left == 0 else list(node.get("children") or ())
        yield node, [head, below + (drawn.bar if children else "")], path
        for child in reversed(children):
            last = child is children[-1]
            stack.append(
                (
                    child,
                    below + (drawn.last if last else drawn.fork),
                    below + (_GAP if last else drawn.bar),
                    f"{path}/{child['name']}",
                    None if left is None else left - 1,
                )
            )


def pruned(root: Document, depth: int | None) -> dict[str, Any]:
    """The tree, children by name, without what is more than `depth` levels below its top."""
    below = () if depth == 0 else sorted(root.get("children") or (), key=lambda child: str(child["name"]))
    return {**root, "children": [pruned(child, None if depth is None else depth - 1) for child in below]}
