"""Reclaim without grace: Figure 15 of the quota model, against stopping and starting by hand.

Two teams own 4 each; team 2 runs 8, of which 4 are borrowed. Team 1 asks for 4 at once and gets them back.
Jeroboam: from the first request until the last of the four runs. Direct: four threads, each stops one container and
starts another. Everybody's PID 1 ends on TERM, everybody's stop waits as long.
"""

import statistics
import time
from concurrent.futures import ThreadPoolExecutor

from bench import limits
from bench.client import Follower, Tenant, enter
from bench.direct import Direct, document
from bench.result import Result, spread
from bench.workbench import Workbench

OWN = 4
STOP_SECONDS = 10
TARGET = 1.5


def reclaiming(bench: Workbench) -> list[Result]:
    ours, theirs = [], []
    wanted = document(bench.image)
    with (
        bench.house() as house,
        house.up(),
        bench.direct() as direct,
        ThreadPoolExecutor(OWN) as pool,
    ):
        limits.share(house, OWN)
        owner, borrower = ((tenant, tenant.follow()) for tenant in (enter(house, "team1"), enter(house, "team2")))
        for _ in range(bench.times(5, 3)):
            ours.append(_through(pool, owner, borrower, wanted))
            theirs.append(_straight(pool, direct))
        for tenant, follower in (owner, borrower):
            follower.close()
            tenant.close()
    ratio = statistics.median(ours) / statistics.median(theirs)
    detail = {"containers": OWN, "jeroboam_seconds": spread(ours), "direct_seconds": spread(theirs)}
    return [Result("reclaim with grace 0", ratio, TARGET, detail=detail)]


def _through(
    pool: ThreadPoolExecutor,
    owner: tuple[Tenant, Follower],
    borrower: tuple[Tenant, Follower],
    wanted: dict[str, object],
) -> float:
    lent = [borrower[0].run(wanted) for _ in range(2 * OWN)]
    for ident in lent:
        borrower[1].when(ident, "Running")
    claimants = [owner[0].beside() for _ in range(OWN)]
    began = time.perf_counter()
    claimed = list(pool.map(lambda tenant: tenant.run(wanted), claimants))
    seconds = max(owner[1].when(ident, "Running") for ident in claimed) - began
    for tenant in claimants:
        tenant.close()
    for (tenant, follower), made in ((owner, claimed), (borrower, lent)):
        for ident in made:
            tenant.delete(ident)
        for ident in made:
            follower.when(ident, "deleted")
    return seconds


def _straight(pool: ThreadPoolExecutor, direct: Direct) -> float:
    lent = [ident for ident, _ in pool.map(lambda _: direct.run(), range(2 * OWN))]

    def replace(ident: str) -> tuple[str, float]:
        direct.stop(ident, STOP_SECONDS)
        return direct.run()

    began = time.perf_counter()
    claimed = list(pool.map(replace, lent[:OWN]))
    seconds = max(running for _, running in claimed) - began
    list(pool.map(direct.remove, [*lent, *(ident for ident, _ in claimed)]))
    return seconds
