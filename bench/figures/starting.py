"""`jeroboam up` on an existing data folder, against its Keystone alone: the same command, nothing of ours around it.

The median of the ratios of neighbours: a start is two seconds of pure computing, which other work slows at once.
"""

import statistics

from bench.result import Result, spread
from bench.workbench import Workbench

TARGET = 1.5


def starting(bench: Workbench) -> list[Result]:
    whole, alone = [], []
    with bench.house() as house:
        for _ in range(bench.times(7, 2)):
            with house.keystone() as process:
                alone.append(process.ready)
            with house.up() as process:
                whole.append(process.ready)
    detail = {"up_seconds": spread(whole), "keystone_seconds": spread(alone)}
    ratio = statistics.median(ours / theirs for ours, theirs in zip(whole, alone, strict=True))
    return [Result("jeroboam up on existing data", ratio, TARGET, detail=detail)]
