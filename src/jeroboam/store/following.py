"""Following events as they come: none that is committed later than others with greater numbers is passed over."""

from collections.abc import Collection

from jeroboam.model.events import Event
from jeroboam.store import events
from jeroboam.store.database import Database


def page(database: Database, seq: int, project_ids: Collection[str] | None, limit: int) -> list[Event]:
    """`events.since`, for those who go on from the last that they get: nothing with a smaller number comes after it."""
    settled = database.settled.up_to
    found = _page(database, seq, project_ids, limit)
    if not found or not database.remote or found[-1].seq <= settled:
        return found
    settled = _reach(database, found[-1].seq)
    return [event for event in _page(database, seq, project_ids, limit) if event.seq <= settled]


def _page(database: Database, seq: int, project_ids: Collection[str] | None, limit: int) -> list[Event]:
    with database.read() as tx:
        return events.since(tx, seq, project_ids, limit)


def now(database: Database) -> int:
    """The number to follow from: nothing with it or a smaller one is committed later."""
    with database.read() as tx:
        newest = events.latest(tx)
    return _reach(database, newest) if database.remote else newest


def _reach(database: Database, seq: int) -> int:
    def find_out() -> int:
        with database.read(settled=True) as tx:
            return events.latest(tx)

    return database.settled.reach(seq, find_out)
