"""Postgres: tables, migrations, idempotent writes, reads."""
