"""The tables of the quota ledger: relational, so that every counter can be recomputed from the claims by anybody."""

from sqlalchemy import BigInteger, Boolean, Column, Double, ForeignKey, Index, Integer, String, Table, Text, false, text

from jeroboam.store.schema import Counter, metadata

nodes = Table(
    "quota_nodes",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("parent_id", String(64), ForeignKey("quota_nodes.id")),
    Column("name", String(255), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("depth", Integer, nullable=False),
    Column("weight", String(64), nullable=False),  # "3" or "3/2": exact
    Column("policy", Text),  # NULL: everything inherited
    Column("child_defaults", Text),
    Column("revision", BigInteger, nullable=False),  # the node's generation
    Index(None, "parent_id"),
    # The few that set rules: whether there are any at all is asked with every admission on PostgreSQL.
    Index(
        "ix_quota_nodes_ruling",
        "id",
        sqlite_where=text("policy IS NOT NULL"),
        postgresql_where=text("policy IS NOT NULL"),
    ),
)

limits = Table(
    "quota_limits",
    metadata,
    Column("node_id", String(64), ForeignKey("quota_nodes.id", ondelete="CASCADE"), primary_key=True),
    Column("resource", String(63), primary_key=True),
    Column("hard", BigInteger),  # NULL: counters only, nobody has set a limit here
    Column("lend", BigInteger),
    Column("borrow", BigInteger),
    Column("used", BigInteger, nullable=False),
    Column("reserved", BigInteger, nullable=False),
    Column("subtree", BigInteger, nullable=False),
    Column("by_capacity", Boolean, nullable=False),  # follows the engine's capacity: nobody has set it by hand
    # The node's, here as well: admission on PostgreSQL goes up without looking for it. NULL: the engine is asked.
    Column("parent_id", String(64)),
    Column("in_debt", Boolean, nullable=False, server_default=false()),  # holds more than it may (quota/counters.py)
    # The few: whether there are any at all is asked with every admission on PostgreSQL.
    Index("ix_quota_limits_in_debt", "node_id", sqlite_where=text("in_debt"), postgresql_where=text("in_debt")),
)

claims = Table(
    "quota_claims",
    metadata,
    Column("id", String(64), primary_key=True),
    # No foreign key: it would be looked up once more for every claim. A claim is written only where its node has been
    # found, and a node that has claims is not removed: by a writer who is alone.
    Column("node_id", String(64), nullable=False),
    Column("object_id", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("age", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reclaimable", Boolean, nullable=False),
    Column("reservation_id", String(64)),
    Column("shortage", String(16), nullable=False),
    Column("reason", Text),
    Column("leaving", String(64)),
    Column("evictions", Integer, nullable=False),
    Column("amounts", Text, nullable=False, server_default="{}"),  # JSON: {resource: units}
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    # Nor an index by node: only listings would use it (views.in_nodes).
    Index(None, "age"),
    # The few: whoever looks for them says so in these words, or neither database uses it.
    Index(
        "ix_quota_claims_pending",
        "state",
        sqlite_where=text("state <> 'admitted'"),
        postgresql_where=text("state <> 'admitted'"),
    ),
)

changes = Table(
    "quota_changes",  # the newest units of work, for those who keep the ledger in memory
    metadata,
    Column("version", Counter, primary_key=True, autoincrement=True),
    Column("token", BigInteger, nullable=False),  # at random: tells it from another of the same number
    Column("touched", Text, nullable=False),  # JSON: {"nodes": [id...], "claims": [id...], ...}; null: everything
)

reservations = Table(
    "quota_reservations",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("node_id", String(64), ForeignKey("quota_nodes.id"), nullable=False),
    Column("until", Double),
    Column("name", String(64)),  # NULL: its id is its name
    Index(None, "node_id"),
    Index(None, "until"),
    Index(None, "node_id", "name", unique=True),
)

reservation_amounts = Table(
    "quota_reservation_amounts",
    metadata,
    Column("reservation_id", String(64), ForeignKey("quota_reservations.id", ondelete="CASCADE"), primary_key=True),
    Column("resource", String(63), primary_key=True),
    Column("amount", BigInteger, nullable=False),
)

reclaims = Table(
    "quota_reclaims",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("claim_id", String(64), nullable=False),
    Column("opened", BigInteger, nullable=False),  # the earliest is served first
    Column("deadline", Double, nullable=False),
    Column("rule", Text, nullable=False),
    Index(None, "claim_id"),
)

victims = Table(
    "quota_victims",
    metadata,
    Column("reclaim_id", String(64), ForeignKey("quota_reclaims.id", ondelete="CASCADE"), primary_key=True),
    Column("claim_id", String(64), primary_key=True),
    Column("position", Integer, nullable=False),
)

audit = Table(
    "quota_audit",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("user_name", String(255), nullable=False),
    Column("project_id", String(64)),
    Column("node_id", String(64), nullable=False),
    Column("action", String(32), nullable=False),
    Column("before", Text, nullable=False),
    Column("after", Text, nullable=False),
    Column("request_id", String(64)),
    Index(None, "node_id", "id"),
    sqlite_autoincrement=True,
)
