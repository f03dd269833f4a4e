"""Admission at less cost: parents beside the limits, an index less to keep up with every claim, and on PostgreSQL a new
version of the function.

Processes of version 0006 find no function that they know, and have the engine decide.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from jeroboam.store.migrations import run_as_written

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_TEXT = {"sqlite": sa.String(64), "postgresql": sa.String(64, collation="C")}


def upgrade() -> None:
    dialect = op.get_bind().dialect.name
    op.add_column("quota_limits", sa.Column("parent_id", _TEXT[dialect]))
    op.execute(
        "UPDATE quota_limits SET parent_id = (SELECT parent_id FROM quota_nodes WHERE id = quota_limits.node_id)"
    )
    op.drop_index(op.f("ix_quota_claims_node_id"), "quota_claims")
    if dialect == "postgresql":
        run_as_written(op.get_bind(), Path(__file__).with_name("v0007_quota_admit.sql").read_text())
