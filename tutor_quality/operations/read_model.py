"""The tables that come from the log: what to compare of them, and how to put others in their place.

Everything else stays where it is: keys, logins, the audit log. So do marks, which people set on
rows that come from the log: acknowledged alerts, retried and dropped letters.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
from sqlalchemy import Table

from streams.sink_rows import LANDINGS
from tutor_quality.errors import ConfigurationError
from tutor_quality.storage import tables

BESIDE = "tq_rebuild"
"""Schema of the new tables until they are swapped in."""
SHOWN = 1_000
"""Differences listed per table, at most."""

_WRITTEN = {
    target.table.name: target
    for landing in LANDINGS.values()
    for target in (landing.target, landing.latest)
    if target is not None
}
FROM_THE_LOG: tuple[Table, ...] = tuple(
    table
    for table in tables.metadata.sorted_tables
    if table.name in _WRITTEN
    or table
    in (tables.session_events, tables.sessions, tables.sink_positions, tables.pipeline_progress)
)


@dataclass(frozen=True, slots=True)
class Difference:
    """A row of which one side has another text, or nothing (None)."""

    table: str
    key: str
    live: str | None
    rebuilt: str | None


def marks(table: Table) -> list[str]:
    """Columns that people set, not the sink."""
    target = _WRITTEN.get(table.name)
    if target is None:
        return []
    known = {column.name for column in table.columns if column.computed is None}
    return sorted(known - set(target.columns))


async def compare(connection: asyncpg.Connection, live: str) -> tuple[int, list[Difference]]:
    """Rows in the rebuilt tables, and what differs from those in the schema `live`; by Postgres'
    own text form, which loses no bit."""
    rows, differences = 0, []
    for table in FROM_THE_LOG:
        rows += await connection.fetchval(f"SELECT count(*) FROM {BESIDE}.{table.name}")
        for row in await connection.fetch(_unequal(table, live)):
            differences.append(Difference(table.name, *row))
    return rows, differences


def _unequal(table: Table, live: str) -> str:
    key = ", ".join(column.name for column in table.primary_key)
    compared = ", ".join(c.name for c in table.columns if c.name not in marks(table))
    texts = f"SELECT ROW({key})::text AS key, ROW({compared})::text AS text"
    return (
        f"SELECT key, known.text, rebuilt.text FROM ({texts} FROM {live}.{table.name}) AS known"
        f" FULL JOIN ({texts} FROM {BESIDE}.{table.name}) AS rebuilt USING (key)"
        f" WHERE known.text IS DISTINCT FROM rebuilt.text ORDER BY key LIMIT {SHOWN}"
    )


async def swap(connection: asyncpg.Connection, live: str) -> None:
    """Within the caller's transaction, which holds the swap lock alone.

    Raises ConfigurationError when views of somebody else hang on the old tables.
    """
    names = ", ".join(f"{live}.{table.name}" for table in FROM_THE_LOG)
    await connection.execute(f"LOCK TABLE {names} IN ACCESS EXCLUSIVE MODE")
    for table in FROM_THE_LOG:
        if marks(table):
            await connection.execute(_keep_marks(table, live))
    grants = await connection.fetch(GRANTS, live)
    views = await connection.fetch("SELECT viewname FROM pg_views WHERE schemaname = $1", BESIDE)
    try:
        for (view,) in views:
            await connection.execute(f"DROP VIEW {live}.{view}")
        await connection.execute(f"DROP TABLE {names}")
    except asyncpg.DependentObjectsStillExistError as error:
        raise ConfigurationError(
            f"drop what hangs on the old tables first: {error.detail}"
        ) from error
    for name in [*(table.name for table in FROM_THE_LOG), *(view for (view,) in views)]:
        await connection.execute(f"ALTER TABLE {BESIDE}.{name} SET SCHEMA {live}")
    moved = {table.name for table in FROM_THE_LOG} | {view for (view,) in views}
    for name, statement in grants:
        if name in moved:
            await connection.execute(statement)


def _keep_marks(table: Table, live: str) -> str:
    columns = marks(table)
    changes = ", ".join(f"{name} = known.{name}" for name in columns)
    same = " AND ".join(f"new.{c.name} = known.{c.name}" for c in table.primary_key)
    marked = " OR ".join(f"known.{name} IS NOT NULL" for name in columns)
    return (
        f"UPDATE {BESIDE}.{table.name} AS new SET {changes} FROM {live}.{table.name} AS known"
        f" WHERE {same} AND ({marked})"
    )


GRANTS = """
SELECT table_name, format('GRANT %s ON %I.%I TO %s', privilege_type, table_schema, table_name,
    CASE grantee WHEN 'PUBLIC' THEN grantee ELSE quote_ident(grantee) END)
FROM information_schema.role_table_grants WHERE table_schema = $1 AND grantee <> current_user"""


def qualified(names: Sequence[Table]) -> list[str]:
    return [f"{BESIDE}.{table.name}" for table in names]
