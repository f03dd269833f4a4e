"""A line of blocks, as high as the figures: what changes is seen before it is read."""

import sys
from collections.abc import Sequence
from itertools import pairwise

BLOCKS = " ▁▂▃▄▅▆▇█"
ASCII = " .:-=+*#@"


def ramp() -> str:
    """Blocks where the terminal can show them."""
    try:
        BLOCKS.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return ASCII
    return BLOCKS


def line(values: Sequence[float], most: float, width: int, levels: str = BLOCKS) -> str:
    """At most `width` characters, the last as full as `most`. Where several values share one, the greatest is drawn.

    Nothing is a blank, and only nothing: what is there is seen, however little it is.
    """
    width = min(width, len(values))
    edges = [len(values) * column // width for column in range(width + 1)] if width else []
    columns = [max(values[left:right]) for left, right in pairwise(edges)]
    return "".join(levels[_level(value, most, len(levels) - 1)] for value in columns)


def _level(value: float, most: float, top: int) -> int:
    if value <= 0 or most <= 0:
        return 0
    return max(1, min(top, round(value / most * top)))
