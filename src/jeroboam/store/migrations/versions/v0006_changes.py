"""What each unit of work of the ledger has touched, for those who keep it in memory; admission on PostgreSQL at less
cost: a new version of the function, and less to keep up with every claim.
"""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from jeroboam.store.migrations import run_as_written

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


# All that there are by now. The schema may hold others' tables, too.
_TABLES = (
    *("alembic_version", "installation", "objects", "actions", "events", "images", "image_grants", "networks", "ports"),
    *("registries", "volumes", "quota_nodes", "quota_limits", "quota_claims", "quota_changes", "quota_reservations"),
    *("quota_reservation_amounts", "quota_reclaims", "quota_victims", "quota_audit"),
    *("quota_series", "quota_minutes", "quota_hours", "quota_history"),
)
_VERSION = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "quota_changes",
        sa.Column("version", _VERSION, autoincrement=True, nullable=False),
        sa.Column("token", sa.BigInteger(), nullable=False),
        sa.Column("touched", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_quota_changes")),
    )
    # Processes of an older version note nothing of what they change, and would be overwritten. Under another name of a
    # column that every use of the ledger reads, those that still run fail, and change nothing.
    op.execute("ALTER TABLE quota_nodes RENAME COLUMN generation TO revision")
    with op.batch_alter_table("quota_claims") as claims:
        claims.drop_constraint("fk_quota_claims_node_id", type_="foreignkey")
    op.add_column("quota_limits", sa.Column("in_debt", sa.Boolean(), nullable=False, server_default=sa.false()))
    op.execute(
        "UPDATE quota_limits SET in_debt = true WHERE subtree + reserved >"
        " CASE WHEN hard IS NULL THEN 0 WHEN hard >= 0 THEN hard + borrow END"
    )
    few = sa.text("in_debt")
    op.create_index("ix_quota_limits_in_debt", "quota_limits", ["node_id"], sqlite_where=few, postgresql_where=few)
    few = sa.text("policy IS NOT NULL")
    op.create_index("ix_quota_nodes_ruling", "quota_nodes", ["id"], sqlite_where=few, postgresql_where=few)
    if op.get_bind().dialect.name == "postgresql":
        _compare_bytes()
        run_as_written(op.get_bind(), Path(__file__).with_name("v0006_quota_admit.sql").read_text())


def _compare_bytes() -> None:
    """Text is compared as SQLite and Python do, by its bytes: whatever the database's language lists are in one order,
    and an id is found in less time than by the rules of a language.
    """
    texts = sa.text(
        "SELECT table_name, column_name, data_type, character_maximum_length FROM information_schema.columns"
        " WHERE table_schema = current_schema() AND collation_name IS DISTINCT FROM 'C'"
        " AND data_type IN ('character varying', 'text') AND table_name = ANY (:ours)"
    )
    for table, column, kind, length in op.get_bind().execute(texts, {"ours": list(_TABLES)}).all():
        as_it_is = kind if length is None else f"{kind}({length})"
        op.execute(f'ALTER TABLE "{table}" ALTER COLUMN "{column}" TYPE {as_it_is} COLLATE "C"')
