"""Names for those who choose none: pronounceable, as Zun makes them (`alpha-12-container`)."""

import random

_LETTERS = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "mu",
    "nu", "xi", "omicron", "pi", "rho", "sigma", "tau", "upsilon", "phi", "chi", "psi", "omega",
)  # fmt: skip


def generate() -> str:
    """Names may repeat, ids never."""
    return f"{random.choice(_LETTERS)}-{random.randint(1, 9999)}-container"  # noqa: S311 - no secret
