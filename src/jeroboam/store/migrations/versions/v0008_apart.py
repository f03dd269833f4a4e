"""Requests that are not plain hold up no others of their batch: on PostgreSQL a new version of the function.

It is called as before, and processes of version 0007 use it. The parents that processes of 0006 have left out beside
limits since are written.
"""

from pathlib import Path

from alembic import op

from jeroboam.store.migrations import run_as_written

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute(
        "UPDATE quota_limits SET parent_id = (SELECT parent_id FROM quota_nodes WHERE id = quota_limits.node_id)"
        " WHERE parent_id IS NULL"
    )
    if op.get_bind().dialect.name == "postgresql":
        run_as_written(op.get_bind(), Path(__file__).with_name("v0008_quota_admit.sql").read_text())
