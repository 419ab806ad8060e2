"""The schema: made, unmade, and the same as the tables say."""

import asyncio

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine

from tutor_quality.errors import TransientFailure
from tutor_quality.storage.migrate import comparable, downgrade, upgrade
from tutor_quality.storage.tables import metadata, reschedules

pytestmark = pytest.mark.integration


async def _relations(url: str) -> set[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch(
        "SELECT relname FROM pg_class"
        " WHERE relkind IN ('r', 'v') AND relnamespace = 'public'::regnamespace"
    )
    await connection.close()
    return {row[0] for row in rows}


async def test_upgrade_makes_every_table_and_view_once(postgres_url: str) -> None:
    await asyncio.to_thread(upgrade, postgres_url)
    await asyncio.to_thread(upgrade, postgres_url)
    made = await _relations(postgres_url)
    assert made == {*metadata.tables, reschedules.name, "alembic_version"}


async def test_downgrade_leaves_nothing_and_can_be_undone(postgres_url: str) -> None:
    await asyncio.to_thread(upgrade, postgres_url)
    await asyncio.to_thread(downgrade, postgres_url, "base")
    assert await _relations(postgres_url) == {"alembic_version"}
    await asyncio.to_thread(upgrade, postgres_url)
    assert set(metadata.tables) < await _relations(postgres_url)


async def test_two_starts_at_once_take_turns(postgres_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(upgrade, postgres_url) for _ in range(3)))
    assert set(metadata.tables) < await _relations(postgres_url)


def _differences(connection: Connection) -> object:
    context = MigrationContext.configure(connection, opts={"include_object": comparable})
    return compare_metadata(context, metadata)


async def test_the_migrated_schema_is_what_the_tables_say(postgres_url: str) -> None:
    await asyncio.to_thread(upgrade, postgres_url)

    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(postgres_url)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


async def test_the_view_of_reschedules_has_the_columns_it_declares(postgres_url: str) -> None:
    await asyncio.to_thread(upgrade, postgres_url)
    connection = await asyncpg.connect(postgres_url)
    statement = await connection.prepare("SELECT * FROM reschedules")
    names = [attribute.name for attribute in statement.get_attributes()]
    await connection.close()
    assert sorted(names) == sorted(column.name for column in reschedules.columns)


def test_a_server_that_is_away_is_a_transient_failure() -> None:
    with pytest.raises(TransientFailure, match="cannot reach Postgres"):
        upgrade("postgresql://nobody:nothing@127.0.0.1:1/none")
