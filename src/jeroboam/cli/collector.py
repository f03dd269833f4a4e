"""The garbage collector, set for a server: much is loaded at start and stays for good."""

import gc


def look_rarely() -> None:
    """To be called before anything is loaded: loading makes no garbage, and looking for some takes a fifth of it."""
    gc.set_threshold(10_000, 20, 20)


def spare_loaded() -> None:
    """To be called when all is loaded: otherwise every long list makes the collector look at all of it again."""
    gc.freeze()
