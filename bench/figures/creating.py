"""Create to running: through Jeroboam against the Docker SDK, on one engine, taking turns.

Jeroboam: from sending POST ?run=true until the event that says Running has arrived (server-sent events: nobody polls).
Direct: create, start, inspect. Both make the same container on a network of its kind; removing it is not timed.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from bench.client import Follower, Tenant, enter
from bench.direct import Direct, document
from bench.result import Result, spread
from bench.workbench import Workbench

AT_ONCE = 20
LATENCY, THROUGHPUT = 1.15, 0.95


@contextmanager
def sides(bench: Workbench) -> Iterator[tuple[Tenant, Follower, Direct]]:
    """Both sides, warmed up by one container each."""
    with bench.house() as house, house.up(), bench.direct() as direct:
        tenant = enter(house, "team1")
        follower = tenant.follow()
        through(tenant, follower, document(bench.image))
        direct.remove(direct.run()[0])
        try:
            yield tenant, follower, direct
        finally:
            follower.close()
            tenant.close()


def through(tenant: Tenant, follower: Follower, wanted: dict[str, object]) -> float:
    """Seconds from the request to Running; removes it afterwards."""
    began = time.perf_counter()
    ident = tenant.run(wanted)
    seconds = follower.when(ident, "Running") - began
    tenant.delete(ident)
    follower.when(ident, "deleted")
    return seconds


def straight(direct: Direct) -> float:
    began = time.perf_counter()
    ident, running = direct.run()
    direct.remove(ident)
    return running - began


def one_at_a_time(bench: Workbench) -> list[Result]:
    ours, theirs = [], []
    wanted = document(bench.image)
    with sides(bench) as (tenant, follower, direct):
        for _ in range(bench.times(24, 8)):
            ours.append(through(tenant, follower, wanted))
            theirs.append(straight(direct))
    ratio = statistics.median(ours) / statistics.median(theirs)
    detail = {"jeroboam_seconds": spread(ours), "direct_seconds": spread(theirs)}
    return [Result("create to running, one at a time", ratio, LATENCY, detail=detail)]


def many_at_once(bench: Workbench) -> list[Result]:
    each, rounds = bench.times(60, 20), bench.times(2, 1)
    wanted = document(bench.image)
    ours, theirs = 0.0, 0.0
    with sides(bench) as (tenant, follower, direct), ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(rounds):
            ours += _round_through(pool, each, tenant, follower, wanted)
            theirs += _round_straight(pool, each, direct)
    count = each * rounds
    detail = {"at_once": AT_ONCE, "jeroboam_per_second": round(count / ours, 2), "count": count}
    detail["direct_per_second"] = round(count / theirs, 2)
    return [Result(f"creates per second, {AT_ONCE} at once", theirs / ours, THROUGHPUT, at_least=True, detail=detail)]


def _round_through(
    pool: ThreadPoolExecutor, count: int, tenant: Tenant, follower: Follower, wanted: dict[str, object]
) -> float:
    """Seconds until `count` of them run."""
    tenants = [tenant.beside() for _ in range(AT_ONCE)]

    def one(mine: Tenant) -> str:
        ident = mine.run(wanted)
        follower.when(ident, "Running")
        return ident

    seconds, made = _timed(pool, lambda place: [one(tenants[place]) for _ in range(count // AT_ONCE)])
    for ident in made:
        tenant.delete(ident)
    for ident in made:
        follower.when(ident, "deleted")
    for mine in tenants:
        mine.close()
    return seconds


def _round_straight(pool: ThreadPoolExecutor, count: int, direct: Direct) -> float:
    seconds, made = _timed(pool, lambda _: [direct.run()[0] for _ in range(count // AT_ONCE)])
    list(pool.map(direct.remove, made))
    return seconds


def _timed(pool: ThreadPoolExecutor, work: Callable[[int], list[str]]) -> tuple[float, list[str]]:
    began = time.perf_counter()
    done = list(pool.map(work, range(AT_ONCE)))
    return time.perf_counter() - began, [ident for made in done for ident in made]
