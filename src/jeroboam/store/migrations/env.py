"""Run by Alembic with the connection that `migrations.upgrade` gives it; sets up no logging."""

from alembic import context

from jeroboam.store.migrations import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    transactional_ddl=True,
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
