"""What it costs while nothing happens: with no container, and with 200 that run. Keystone is not counted.

CPU over half a minute, and with 200 over a minute, which has a round of housekeeping in it; and the resident memory of
the server process, what it shares with others included.
"""

import time

import psutil

from bench.client import Tenant, enter
from bench.direct import COMMAND
from bench.figures.requests import cpu_seconds
from bench.house import Process
from bench.result import Result
from bench.workbench import Workbench

MANY = 200
SETTLE_SECONDS = 3.0
PERCENT, MEMORY = 2.0, 150.0


def idle(bench: Workbench) -> list[Result]:
    count = bench.times(MANY, 20)
    with bench.house(last=True) as house, house.up() as server:
        tenant = enter(house, "team1")
        found = [*_measure(server, 0, bench.times(30, 10))]
        bench.say(f"starting {count} containers")
        _start(tenant, count, bench.image)
        found += _measure(server, count, bench.times(60, 10))
        tenant.close()
    return found


def _start(tenant: Tenant, count: int, image: str) -> None:
    follower = tenant.follow()
    wanted = {"image": image, "command": COMMAND, "cpu": 0.5, "memory": "16"}
    made = [tenant.run(wanted) for _ in range(count)]
    for ident in made:
        follower.when(ident, "Running")
    follower.close()


def _measure(server: Process, count: int, seconds: int) -> list[Result]:
    time.sleep(SETTLE_SECONDS)
    before, began = cpu_seconds(server.pid), time.perf_counter()
    time.sleep(seconds)
    percent = 100 * (cpu_seconds(server.pid) - before) / (time.perf_counter() - began)
    process = psutil.Process(server.pid)
    resident = process.memory_info().rss / 2**20
    detail = {"threads": process.num_threads(), "seconds": seconds}
    return [
        Result(f"idle with {count} running: CPU", percent, PERCENT, "% of a core", detail=detail),
        Result(f"idle with {count} running: memory", resident, MEMORY, "MiB", detail=detail),
    ]
