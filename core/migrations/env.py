"""Alembic's entry: runs the migrations on the connection that core.migrate hands in."""

from __future__ import annotations

from alembic import context

from core import schema

connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=schema.metadata,
    render_as_batch=connection.dialect.name == "sqlite",
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
