"""`jeroboam up` on an existing data folder, against its Keystone alone: the same command, nothing of ours around it."""

import statistics

from bench.result import Result, spread
from bench.workbench import Workbench

TARGET = 1.5


def starting(bench: Workbench) -> list[Result]:
    whole, alone = [], []
    with bench.house() as house:
        for _ in range(bench.times(5, 2)):
            with house.keystone() as process:
                alone.append(process.ready)
            with house.up() as process:
                whole.append(process.ready)
    detail = {"up_seconds": spread(whole), "keystone_seconds": spread(alone)}
    ratio = statistics.median(whole) / statistics.median(alone)
    return [Result("jeroboam up on existing data", ratio, TARGET, detail=detail)]
