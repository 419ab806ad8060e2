"""Connections of our pools give up in time and do not write by mistake."""

import asyncpg
import pytest

from tutor_quality.errors import TransientFailure
from tutor_quality.storage.engine import open_pool

pytestmark = pytest.mark.integration


async def test_a_read_only_pool_refuses_to_write(postgres_url: str) -> None:
    pool = await open_pool(postgres_url, application_name="reader", read_only=True)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        await pool.execute("CREATE TABLE made_by_mistake ()")
    await pool.close()


async def test_no_statement_lock_or_idle_transaction_lasts_for_ever(postgres_url: str) -> None:
    pool = await open_pool(postgres_url, application_name="sink")
    async with pool.acquire() as connection:
        for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout"):
            assert await connection.fetchval(f"SHOW {name}") != "0"
        assert await connection.fetchval("SHOW application_name") == "sink"
    await pool.close()


async def test_a_server_that_is_away_is_a_transient_failure() -> None:
    with pytest.raises(TransientFailure, match="cannot reach Postgres"):
        await open_pool("postgresql://nobody:nothing@127.0.0.1:1/none", application_name="test")
