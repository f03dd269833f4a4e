"""`jeroboam quota verify`: the counters of the quota tree against the claims that they stand for."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from jeroboam.cli.errors import Refused
from jeroboam.cli.tables import show
from jeroboam.settings import Settings
from jeroboam.store import ledger, migrations
from jeroboam.store.audit import Actor
from jeroboam.store.database import Database

MENDER = Actor("jeroboam", "jeroboam quota verify")


def verify(settings: Settings, repair: bool, form: str) -> bool:
    """Prints what differs, and repairs it if asked to. Whether all is well, or is now. Raises Refused, Unavailable."""
    with _database(settings) as db:
        with db.read() as tx:
            found = ledger.differences(tx)
        _print(found, form)
        if repair:
            with db.write() as tx:  # anew: a server may have gone on meanwhile
                mended = ledger.repair(tx, MENDER, time.time())
            if mended:
                counters = "1 counter" if len(mended) == 1 else f"{len(mended)} counters"
                print(f"repaired {counters}; the audit has what they were", file=sys.stderr)
            found = []
        with db.read() as tx:
            others = [] if found else ledger.verify(tx)
    for sentence in others:
        print(f"jeroboam: {sentence}", file=sys.stderr)
    well = not found and not others
    if well:
        print("all is well: every counter is what the claims add up to", file=sys.stderr)
    return well


def _print(found: Sequence[ledger.Difference], form: str) -> None:
    """Nothing where there is nothing to tell to people; programs get an empty list."""
    if form != "table":
        show([asdict(difference) for difference in found], form)
    elif found:
        words = ("node", "resource", "counter", "stored", "should_be")
        show([{word.replace("_", " "): getattr(d, word) for word in words} for d in found], form)


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database of the data folder as it is: none is made, none is brought to this version."""
    file = settings.database_file
    if file is not None and not file.is_file():
        raise Refused(
            f"cannot verify the quota: there is no database in {file.parent}; give the folder with --data, "
            "or the database with --database"
        )
    db = Database(settings.database_url)
    try:
        with db.read() as tx:
            if not migrations.at_head(tx):
                raise Refused("cannot verify the quota: the database is another version's; start `jeroboam up` once")
        yield db
    finally:
        db.close()
