"""History of the quota tree: what each node used, borrowed, lent and waited for, as a step function over time.

`take` once a minute, `roll` once an hour, whoever comes first; `read` at any time.
"""

from jeroboam.store.history.reading import Series, read
from jeroboam.store.history.rolling import roll
from jeroboam.store.history.state import HOURS_KEPT, MINUTES_KEPT
from jeroboam.store.history.taking import take

__all__ = ["HOURS_KEPT", "MINUTES_KEPT", "Series", "read", "roll", "take"]
