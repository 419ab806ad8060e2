"""What several tests on a real Postgres share."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.support.sink import a_database


@pytest.fixture
async def pool(postgres_url: str) -> AsyncIterator[asyncpg.Pool]:
    """On a database of its own, with all tables."""
    async with a_database(postgres_url) as pool:
        yield pool
