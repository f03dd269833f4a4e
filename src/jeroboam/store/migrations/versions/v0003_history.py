"""History of the quota tree, and names of reservations that are one project's own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_WORDS = ("used", "borrowed", "lent", "waited")


def upgrade() -> None:
    op.create_table(
        "quota_history",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("began", sa.Double(), nullable=False),
        sa.Column("sampled", sa.Double(), nullable=False),
        sa.Column("rolled", sa.Double(), nullable=False),
        sa.Column("mark", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_history")),
    )
    op.create_table(
        "quota_series",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=63), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_series")),
        sa.UniqueConstraint("node_id", "resource", name=op.f("uq_quota_series_node_id_resource")),
    )
    _steps("quota_minutes", _WORDS)
    _steps("quota_hours", (*_WORDS, *(f"{word}_max" for word in _WORDS)))
    # NULL: its id is its name, as an older version makes them.
    op.add_column("quota_reservations", sa.Column("name", sa.String(length=64), nullable=True))
    op.create_index(op.f("ix_quota_reservations_node_id_name"), "quota_reservations", ["node_id", "name"], unique=True)


def _steps(table: str, words: tuple[str, ...]) -> None:
    op.create_table(
        table,
        sa.Column("series_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        *(sa.Column(word, sa.BigInteger(), nullable=False) for word in words),
        sa.PrimaryKeyConstraint("series_id", "at", name=op.f(f"pk_{table}")),
        sqlite_with_rowid=False,
    )
