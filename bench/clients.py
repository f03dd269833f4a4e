"""Many clients at once in this process: how often they do something within a given time."""

import threading
import time
from collections.abc import Callable


def per_second(clients: int, seconds: float, act: Callable[[int], Callable[[int], object]]) -> float:
    """`act(client)` gives what that client does, again and again with 0, 1, 2...; a failure of one ends it all."""
    gate, done, failures = threading.Barrier(clients + 1), [0] * clients, list[BaseException]()
    until = 0.0

    def run(client: int) -> None:
        try:
            once = act(client)
            gate.wait()
            while time.perf_counter() < until and not failures:
                once(done[client])
                done[client] += 1
        except BaseException as error:
            failures.append(error)
            gate.abort()

    threads = [threading.Thread(target=run, args=(client,)) for client in range(clients)]
    for thread in threads:
        thread.start()
    until = time.perf_counter() + seconds
    gate.wait()
    began = time.perf_counter()
    until = began + seconds
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return sum(done) / (time.perf_counter() - began)
