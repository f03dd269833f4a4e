"""The tables of history. Rows are small: a series has a number, and a change of it is that number, a time, integers.

Nothing refers to the nodes: what a node was outlives it, until it is too old to be kept.
"""

from sqlalchemy import BigInteger, Column, Double, Integer, String, Table, UniqueConstraint

from jeroboam.store.schema import Counter, metadata

WORDS = ("used", "borrowed", "lent", "waited")

history = Table(
    "quota_history",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("began", Double, nullable=False),
    Column("sampled", Double, nullable=False),  # the minute of the newest sample that found a change
    Column("rolled", Double, nullable=False),  # hours before this are made
    Column("mark", String(64), nullable=False),
)

series = Table(
    "quota_series",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("node_id", String(64), nullable=False),
    Column("resource", String(63), nullable=False),
    UniqueConstraint("node_id", "resource"),
)

minutes = Table(
    "quota_minutes",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, primary_key=True),
    *(Column(word, BigInteger, nullable=False) for word in WORDS),
    sqlite_with_rowid=False,  # the key is most of the row: once is enough
)

hours = Table(
    "quota_hours",
    metadata,
    Column("series_id", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Double, primary_key=True),
    *(Column(word, BigInteger, nullable=False) for word in WORDS),  # unit-minutes: 60 times the mean
    *(Column(f"{word}_max", BigInteger, nullable=False) for word in WORDS),
    sqlite_with_rowid=False,
)
