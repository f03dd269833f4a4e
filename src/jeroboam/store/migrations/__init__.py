"""Schema by Alembic from the first day: scripts in versions/, expand first and contract a release later.

A database at head is recognised with one query, without importing Alembic.
"""

import secrets
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, insert, inspect, select, text

from jeroboam.model.errors import Unavailable
from jeroboam.store import history_schema as _history_schema  # noqa: F401  (its tables belong to the same metadata)
from jeroboam.store import ledger_schema as _ledger_schema  # noqa: F401
from jeroboam.store import schema
from jeroboam.store.server import unhurried

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0008"
"""The newest script in versions/."""

METADATA = schema.metadata


def at_head(tx: Connection) -> bool:
    """Whether the schema is this version's."""
    return _revision(tx) == HEAD


def installation(tx: Connection) -> str:
    return str(tx.execute(select(schema.installation.c.id)).scalar_one())


def upgrade(tx: Connection) -> None:
    """Runs the scripts that are missing, inside the caller's transaction: all of them or none."""
    from alembic import command
    from alembic.script import ScriptDirectory

    config = configuration(tx)
    unhurried(tx)
    revision = _revision(tx)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if revision is not None and revision not in known:
        raise Unavailable(
            f"cannot open the database: a newer version of Jeroboam (schema {revision}, this one knows {HEAD}) "
            "has been here; start that version, or restore a backup"
        )
    command.upgrade(config, "head")
    if tx.execute(select(schema.installation.c.id)).first() is None:
        tx.execute(insert(schema.installation).values(id=secrets.token_hex(4)))


def configuration(tx: Connection) -> "Config":
    """What Alembic's commands need to work in the caller's transaction."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = tx
    return config


def run_as_written(tx: Connection, sql: str) -> None:
    """Any number of statements, of which no driver takes a % for the place of a parameter."""
    tx.exec_driver_sql(sql, execution_options={"no_parameters": True})


def _revision(tx: Connection) -> str | None:
    if not inspect(tx).has_table("alembic_version"):
        return None
    return tx.execute(text("SELECT version_num FROM alembic_version")).scalar()
