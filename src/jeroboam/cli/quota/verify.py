"""`jeroboam quota verify`: the counters of the quota tree against the claims that they stand for."""

import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict

from jeroboam.cli.db import must_exist
from jeroboam.cli.errors import Refused
from jeroboam.cli.tables import show
from jeroboam.cli.words import count
from jeroboam.settings import Settings
from jeroboam.store import ledger, migrations
from jeroboam.store.audit import Actor
from jeroboam.store.database import Database

MENDER = Actor("jeroboam", "jeroboam quota verify")


def verify(settings: Settings, repair: bool, form: str) -> bool:
    """Prints what differs, and repairs it if asked to. Whether all is well, or is now. Raises Refused, Unavailable."""
    where = settings.database_shown
    with _database(settings) as db:
        with _readable(where), db.read() as tx:
            damaged = ledger.damaged(tx)
            found = [] if damaged else ledger.differences(tx)
        if damaged:
            _say(*damaged)
            _say(f"nothing else in {where} can be checked until that is put right: by hand, or restore a backup")
            return False
        _print(found, form)
        if repair:  # also where nothing differs: what servers have in memory is read again
            with db.write() as tx:  # anew: a server may have gone on meanwhile
                mended = ledger.repair(tx, MENDER, time.time())
            if mended:
                print(f"repaired {count(len(mended), 'counter')}; the audit has what they were", file=sys.stderr)
        elif found:
            one = len(found) == 1
            verdict = f"differ{'s' if one else ''}; --repair sets {'it' if one else 'them'} right"
            print(f"{count(len(found), 'counter')} of {where} {verdict}", file=sys.stderr)
            return False
        with db.read() as tx:
            others = ledger.verify(tx)
    _say(*others)
    if not others:
        print(f"all is well in {where}: every counter is what the claims add up to", file=sys.stderr)
    return not others


def _say(*sentences: str) -> None:
    for sentence in sentences:
        print(f"jeroboam: {sentence}", file=sys.stderr)


def _print(found: Sequence[ledger.Difference], form: str) -> None:
    """Nothing where there is nothing to tell to people; programs get an empty list."""
    if form != "table":
        show([asdict(difference) for difference in found], form)
    elif found:
        words = ("node", "resource", "counter", "stored", "should_be")
        show([{word.replace("_", " "): getattr(d, word) for word in words} for d in found], form)


@contextlib.contextmanager
def _readable(where: str) -> Iterator[None]:
    """Whatever else somebody may have written into a row is a sentence too."""
    try:
        yield
    except (ValueError, TypeError, KeyError, ArithmeticError) as error:
        what = " ".join(str(error).split())[:200]
        raise Refused(
            f"cannot verify the quota: {where} holds what Jeroboam does not write ({type(error).__name__}: {what}); "
            "restore a backup"
        ) from error


@contextlib.contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    """The database of the data folder as it is: none is made, none is brought to this version."""
    must_exist(settings, "verify the quota")
    db = Database(settings.database_url)
    try:
        with db.read() as tx:
            if not migrations.at_head(tx):
                raise Refused(
                    f"cannot verify the quota: {settings.database_shown} is no database of this version; "
                    "start `jeroboam up` on it once"
                )
        yield db
    finally:
        db.close()
