"""Run migrations on the given connection; Alembic loads this module for each of its commands."""

from __future__ import annotations

from alembic import context

from pdfspider.records.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,  # SQLite changes a column by copying the table
    compare_type=True,
    compare_server_default=True,
)
with context.begin_transaction():
    context.run_migrations()
