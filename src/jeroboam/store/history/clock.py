"""Whose time counts: that of the database's server, where conductors on several machines share one.

History only goes forwards: one sample from next year would be the last one until then, and what is older would be
forgotten at once. A file has no clock of its own; all who share it share a machine's.
"""

import structlog
from sqlalchemy import Connection, func, select

log = structlog.get_logger(__name__)

SLACK = 300.0
"""Seconds that a conductor may be ahead."""
_NOW = select(func.extract("epoch", func.clock_timestamp()))


def ahead(tx: Connection, now: float) -> bool:
    """Whether this machine's clock must not be followed."""
    if tx.dialect.name != "postgresql":
        return False
    seconds = now - float(tx.execute(_NOW).scalar_one())
    if seconds > SLACK:
        log.warning(
            "history.clock_ahead", reason=f"this clock is {seconds:.0f} s ahead of the database's: set one right"
        )
    return seconds > SLACK
