"""Which rows each unit of work of the ledger has touched, for those who keep it in memory."""

from pathlib import Path

import sqlalchemy as sa
from alembic import op

from jeroboam.store.migrations import run_as_written

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_VERSION = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    op.create_table(
        "quota_changes",
        sa.Column("version", _VERSION, autoincrement=True, nullable=False),
        sa.Column("touched", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_quota_changes")),
    )
    if op.get_bind().dialect.name == "postgresql":
        sql = Path(__file__).with_name("v0004_quota_admit.sql").read_text()
        sql = sql[sql.index("CREATE FUNCTION quota_admit") :].replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
        sql = sql.replace(
            "    RETURN verdicts;\nEND $$;",
            """    IF true = ANY (verdicts) THEN
        INSERT INTO quota_changes (touched)
        SELECT json_build_object('nodes', array_agg(DISTINCT r.node), 'claims', array_agg(r.id))
        FROM unnest(claim_ids, nodes) WITH ORDINALITY AS r(id, node, i) WHERE verdicts[i];
    END IF;
    RETURN verdicts;
END $$;""",
        )
        run_as_written(op.get_bind(), sql)
