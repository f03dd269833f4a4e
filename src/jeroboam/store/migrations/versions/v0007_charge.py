"""Admission at less cost: an index less to keep up with every claim, and on PostgreSQL a new version of the function.

Processes of version 0006 find no function that they know, and have the engine decide.
"""

from pathlib import Path

from alembic import op

from jeroboam.store.migrations import run_as_written

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index(op.f("ix_quota_claims_node_id"), "quota_claims")
    if op.get_bind().dialect.name == "postgresql":
        run_as_written(op.get_bind(), Path(__file__).with_name("v0007_quota_admit.sql").read_text())
