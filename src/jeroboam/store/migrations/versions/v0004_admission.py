"""A claim's amounts beside it, fewer indexes to keep up, and on PostgreSQL the function that admits."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from jeroboam.store.migrations import run_as_written

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_FILL = {
    "sqlite": "json_group_object(resource, amount)",
    "postgresql": "json_object_agg(resource, amount)::text",
}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("quota_claims", sa.Column("amounts", sa.Text(), nullable=False, server_default="{}"))
    op.execute(
        f"UPDATE quota_claims SET amounts = (SELECT {_FILL[dialect]} FROM quota_claim_amounts"  # noqa: S608
        " WHERE claim_id = quota_claims.id)"
        " WHERE EXISTS (SELECT 1 FROM quota_claim_amounts WHERE claim_id = quota_claims.id)"
    )
    op.drop_table("quota_claim_amounts")
    for column in ("state", "object_id"):
        op.drop_index(op.f(f"ix_quota_claims_{column}"), "quota_claims")
    few = sa.text("state <> 'admitted'")
    op.create_index("ix_quota_claims_pending", "quota_claims", ["state"], sqlite_where=few, postgresql_where=few)
    if dialect == "postgresql":
        # Counters change all the time: a new version of a row finds room beside the old one, and no index changes.
        op.execute("ALTER TABLE quota_limits SET (fillfactor = 50)")
        run_as_written(op.get_bind(), Path(__file__).with_name("v0004_quota_admit.sql").read_text())
