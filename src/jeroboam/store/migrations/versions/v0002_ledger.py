"""The quota ledger."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "quota_audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", sa.Double(), nullable=False),
        sa.Column("user_id", sa.String(length=64), nullable=False),
        sa.Column("user_name", sa.String(length=255), nullable=False),
        sa.Column("project_id", sa.String(length=64), nullable=True),
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("action", sa.String(length=32), nullable=False),
        sa.Column("before", sa.Text(), nullable=False),
        sa.Column("after", sa.Text(), nullable=False),
        sa.Column("request_id", sa.String(length=64), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_audit")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_quota_audit_node_id_id"), "quota_audit", ["node_id", "id"])
    op.create_table(
        "quota_nodes",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("parent_id", sa.String(length=64), nullable=True),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("depth", sa.Integer(), nullable=False),
        sa.Column("weight", sa.String(length=64), nullable=False),
        sa.Column("policy", sa.Text(), nullable=True),
        sa.Column("child_defaults", sa.Text(), nullable=True),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["parent_id"], ["quota_nodes.id"], name=op.f("fk_quota_nodes_parent_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_nodes")),
    )
    op.create_index(op.f("ix_quota_nodes_parent_id"), "quota_nodes", ["parent_id"])
    op.create_table(
        "quota_reclaims",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("claim_id", sa.String(length=64), nullable=False),
        sa.Column("opened", sa.BigInteger(), nullable=False),
        sa.Column("deadline", sa.Double(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_reclaims")),
    )
    op.create_index(op.f("ix_quota_reclaims_claim_id"), "quota_reclaims", ["claim_id"])
    op.create_table(
        "quota_claims",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("object_id", sa.String(length=64), nullable=False),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("age", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("reclaimable", sa.Boolean(), nullable=False),
        sa.Column("reservation_id", sa.String(length=64), nullable=True),
        sa.Column("shortage", sa.String(length=16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("leaving", sa.String(length=64), nullable=True),
        sa.Column("evictions", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.Double(), nullable=False),
        sa.Column("updated_at", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["node_id"], ["quota_nodes.id"], name=op.f("fk_quota_claims_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_claims")),
    )
    op.create_index(op.f("ix_quota_claims_age"), "quota_claims", ["age"])
    op.create_index(op.f("ix_quota_claims_node_id"), "quota_claims", ["node_id"])
    op.create_index(op.f("ix_quota_claims_object_id"), "quota_claims", ["object_id"])
    op.create_index(op.f("ix_quota_claims_state"), "quota_claims", ["state"])
    op.create_table(
        "quota_limits",
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=63), nullable=False),
        sa.Column("hard", sa.BigInteger(), nullable=True),
        sa.Column("lend", sa.BigInteger(), nullable=True),
        sa.Column("borrow", sa.BigInteger(), nullable=True),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sa.Column("reserved", sa.BigInteger(), nullable=False),
        sa.Column("subtree", sa.BigInteger(), nullable=False),
        sa.Column("by_capacity", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["node_id"], ["quota_nodes.id"], name=op.f("fk_quota_limits_node_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("node_id", "resource", name=op.f("pk_quota_limits")),
    )
    op.create_table(
        "quota_reservations",
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("node_id", sa.String(length=64), nullable=False),
        sa.Column("until", sa.Double(), nullable=True),
        sa.ForeignKeyConstraint(["node_id"], ["quota_nodes.id"], name=op.f("fk_quota_reservations_node_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_quota_reservations")),
    )
    op.create_index(op.f("ix_quota_reservations_node_id"), "quota_reservations", ["node_id"])
    op.create_index(op.f("ix_quota_reservations_until"), "quota_reservations", ["until"])
    op.create_table(
        "quota_victims",
        sa.Column("reclaim_id", sa.String(length=64), nullable=False),
        sa.Column("claim_id", sa.String(length=64), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reclaim_id"], ["quota_reclaims.id"], name=op.f("fk_quota_victims_reclaim_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("reclaim_id", "claim_id", name=op.f("pk_quota_victims")),
    )
    op.create_table(
        "quota_claim_amounts",
        sa.Column("claim_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=63), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["claim_id"], ["quota_claims.id"], name=op.f("fk_quota_claim_amounts_claim_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("claim_id", "resource", name=op.f("pk_quota_claim_amounts")),
    )
    op.create_table(
        "quota_reservation_amounts",
        sa.Column("reservation_id", sa.String(length=64), nullable=False),
        sa.Column("resource", sa.String(length=63), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reservation_id"],
            ["quota_reservations.id"],
            name=op.f("fk_quota_reservation_amounts_reservation_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("reservation_id", "resource", name=op.f("pk_quota_reservation_amounts")),
    )
