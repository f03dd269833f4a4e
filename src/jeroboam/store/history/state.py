"""How far history is: one row, moved on by whoever wins, and for how long things are kept."""

from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from jeroboam.store.history_schema import history

MINUTES_KEPT = 25 * 3600.0
"""Seconds: a day can always be read whole, however long the question was on its way."""
HOURS_KEPT = 92 * 86400.0 + 3600.0
"""Seconds: a quarter."""


@dataclass(frozen=True, slots=True)
class State:
    """`sampled`: the minute of the newest sample that found a change; `rolled`: hours before it are made; `mark`: the
    ledger's version as it was sampled last."""

    began: float
    sampled: float
    rolled: float
    mark: str


_ONE = 1
_STATE = select(history.c.began, history.c.sampled, history.c.rolled, history.c.mark).where(history.c.id == _ONE)
_INSERT = insert(history)
_ADVANCE = (
    update(history)
    .where(
        history.c.id == _ONE,
        history.c.sampled == bindparam("seen_sampled"),
        history.c.rolled == bindparam("seen_rolled"),
    )
    .values(sampled=bindparam("to_sampled"), rolled=bindparam("to_rolled"), mark=bindparam("to_mark"))
)


def state(tx: Connection) -> State | None:
    """None: nothing has been recorded yet."""
    row = tx.execute(_STATE).first()
    return None if row is None else State(*row)


def advance(tx: Connection, seen: State | None, new: State) -> bool:
    """Moves history on from `seen`. False: somebody else has done it meanwhile, and nothing may be written."""
    values = {"sampled": new.sampled, "rolled": new.rolled, "mark": new.mark}
    if seen is not None:
        moved = {f"to_{key}": value for key, value in values.items()}
        return tx.execute(_ADVANCE, {**moved, "seen_sampled": seen.sampled, "seen_rolled": seen.rolled}).rowcount == 1
    try:
        with tx.begin_nested():
            tx.execute(_INSERT, {"id": _ONE, "began": new.began, **values})
    except IntegrityError:
        return False
    return True
