"""Alembic's entry: runs the steps on the connection that `upgrade` hands over."""

from alembic import context

from backend.ledger import schema

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=schema.metadata,
    version_table=schema.version.name,
    render_as_batch=True,
)
context.run_migrations()
