"""The tables. Types and SQL are portable to PostgreSQL; migrations/versions says how a database gets here.

Times are float seconds since the epoch, amounts integers in base units, documents JSON text written by typed codecs.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

# SQLite counts rows up by itself only where the key is declared INTEGER.
Counter = BigInteger().with_variant(Integer, "sqlite")


def _object_key() -> ForeignKey:
    # Deferred: ports and actions may be written before the object, in the same transaction.
    return ForeignKey("objects.id", ondelete="CASCADE", deferrable=True, initially="DEFERRED")


installation = Table(
    "installation", metadata, Column("id", String(8), primary_key=True), Column("engine", String(128), nullable=True)
)

objects = Table(
    "objects",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("observed_generation", BigInteger, nullable=False),
    Column("spec", Text, nullable=False),
    Column("status", Text, nullable=False),
    # Kept beside the documents, to filter and sort by.
    Column("phase", String(32), nullable=False),
    Column("host", String(255), nullable=False),
    Column("image", Text, nullable=False),
    Column("claim_id", String(64)),
    Column("created_at", Double, nullable=False),
    Column("updated_at", Double, nullable=False),
    Column("deleting", Double),
    Column("lease_owner", String(255)),
    Column("lease_token", BigInteger, nullable=False),
    Column("lease_until", Double),
    Column("wake_at", Double),
    Index(None, "kind", "project_id", "created_at"),
    Index(None, "project_id", "name"),
    Index(None, "claim_id"),
    Index(None, "wake_at"),
    Index(None, "lease_until"),
)

events = Table(
    "events",
    metadata,
    Column("seq", Counter, primary_key=True, autoincrement=True),
    Column("at", Double, nullable=False),
    Column("type", String(32), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("object_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("message", Text, nullable=False),
    Column("data", Text, nullable=False),
    Column("request_id", String(64)),
    Index(None, "project_id", "seq"),
    Index(None, "at"),
    sqlite_autoincrement=True,  # a number is never given twice, even after the newest rows were pruned
)

actions = Table(
    "actions",
    metadata,
    Column("id", Counter, primary_key=True, autoincrement=True),
    Column("object_id", String(36), _object_key(), nullable=False),
    Column("action", String(64), nullable=False),
    Column("request_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("started_at", Double, nullable=False),
    Index(None, "object_id", "id"),
)

networks = Table(
    "networks",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("subnet", String(18), nullable=False, unique=True),
    UniqueConstraint("project_id", "name"),
)

ports = Table(
    "ports",
    metadata,
    Column("protocol", String(4), primary_key=True),
    Column("host_port", Integer, primary_key=True, autoincrement=False),
    Column("object_id", String(36), _object_key(), nullable=False),
    Column("project_id", String(64), nullable=False),
    Column("port", Integer, nullable=False),
    Index(None, "object_id"),
)

volumes = Table(
    "volumes",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    # Where it belongs to an object: the place it is mounted at.
    Column("name", Text, nullable=False),
    # "" for the project's own. No cascade: the row stays until the engine's volume is gone.
    Column("object_id", String(36), nullable=False),
    UniqueConstraint("project_id", "object_id", "name"),
)

registries = Table(
    "registries",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("project_id", String(64), nullable=False),
    Column("user_id", String(64), nullable=False),
    Column("name", String(255), nullable=False),
    Column("domain", String(255), nullable=False),
    Column("username", String(255), nullable=False),
    Column("secret", LargeBinary, nullable=False),
    Column("created_at", Double, nullable=False),
    Index(None, "project_id", "name"),
)

images = Table(
    "images",
    metadata,
    Column("id", String(128), primary_key=True),
    Column("private", Boolean, nullable=False),
)

image_grants = Table(
    "image_grants",
    metadata,
    Column("image_id", String(128), ForeignKey("images.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", String(64), primary_key=True),
)
