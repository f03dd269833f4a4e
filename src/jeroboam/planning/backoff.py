"""How long to wait before the next try: exponential, with jitter and a cap."""


def backoff(failures: int, first: float, cap: float, jitter: float) -> float:
    """Seconds to wait after `failures` failures in a row (1 or more).

    `jitter` is a random number from 0 to 1: the wait lies between half of the step and the whole of it.
    """
    step = min(cap, first * 2.0 ** min(failures - 1, 32))
    return step * (0.5 + jitter / 2)
