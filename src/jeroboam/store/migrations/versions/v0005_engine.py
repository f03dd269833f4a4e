"""Which engine the installation's containers are on."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # NULL: the next conductor that starts remembers the one that it finds.
    op.add_column("installation", sa.Column("engine", sa.String(length=128), nullable=True))
