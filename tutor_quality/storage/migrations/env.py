"""Alembic's entry: runs on the connection and in the transaction of `storage.migrate`."""

from alembic import context

from tutor_quality.storage.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
context.run_migrations()
