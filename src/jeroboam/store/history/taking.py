"""One sample a minute, whoever takes it, of what has changed since the last one."""

from jeroboam.quota.rollup import HOUR, MINUTE, floor
from jeroboam.quota.sample import ZERO, sample
from jeroboam.store import ledger
from jeroboam.store.database import Database
from jeroboam.store.history import steps
from jeroboam.store.history.clock import ahead
from jeroboam.store.history.state import State, advance, state
from jeroboam.store.ledger.changes import Version


def take(database: Database, now: float) -> int:
    """Writes down which figures differ from those that hold, under the minute of `now`; how many do.

    The tree is not looked at where the ledger has not changed, and nothing is written where somebody else has taken it,
    or where this clock is ahead.
    """
    minute = floor(now, MINUTE)
    with database.read() as tx:
        seen = state(tx)
        if seen is not None and minute <= max(seen.sampled, seen.rolled - MINUTE):
            return 0
        if (seen is not None and _mark(ledger.version(tx)) == seen.mark) or ahead(tx, now):
            return 0
        held = steps.standing(tx, minute)
    with database.quota() as books:
        mark, found = _mark(books.version), sample(books.tree)
    nothing = (0, ZERO)
    changed = {
        key: figures
        for key in held.keys() | found.keys()
        if (figures := found.get(key, ZERO)) != held.get(key, nothing)[1]
    }
    # What is found first counts for the whole hour, which would otherwise begin with nothing that nobody has seen.
    began = floor(minute, HOUR)
    new = State(began, minute, began, mark) if seen is None else State(seen.began, minute, seen.rolled, mark)
    with database.write(notify=False) as tx:
        if not advance(tx, seen, new):
            return 0
        known = {key: ident for key, (ident, _) in held.items()}
        steps.write(tx, began if seen is None else minute, changed, known)
    return len(changed)


def _mark(version: Version) -> str:
    return f"{version.number}.{version.token}"
