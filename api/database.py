"""Connections to Postgres: one pool that can only read, one small pool that may write.

Both step down to roles without a right to the numbers, see `tutor_quality.storage.roles`.
"""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import asyncpg

from tutor_quality.errors import TransientFailure
from tutor_quality.storage import roles
from tutor_quality.storage.engine import nothing_to_reset

log = logging.getLogger(__name__)

READ_TIMEOUT_SECONDS = 5.0
WRITE_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 3.0
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises while Postgres is away, full, restarting, or slower than the timeout."""

Connection = Any
"""An asyncpg connection; asyncpg has no types of its own."""


class Database:
    """Opened on first use, so that the API starts, and says so, while Postgres is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._readers: Any = None
        self._writers: Any = None

    async def open(self) -> None:
        self._readers = await self._pool(8, READ_TIMEOUT_SECONDS, read_only=True)
        self._writers = await self._pool(2, WRITE_TIMEOUT_SECONDS, read_only=False)

    async def _pool(self, size: int, timeout: float, *, read_only: bool) -> Any:
        return await asyncpg.create_pool(
            self._url,
            min_size=0,
            max_size=size,
            timeout=CONNECT_TIMEOUT_SECONDS,
            command_timeout=timeout,
            max_inactive_connection_lifetime=60,
            reset=nothing_to_reset,
            init=partial(_step_down, role=roles.READER if read_only else roles.BOOKKEEPER),
            server_settings={
                "application_name": "tq-api",
                "statement_timeout": str(int(timeout * 1000)),
                "default_transaction_read_only": "on" if read_only else "off",
                "jit": "off",
                # The tables are in memory or on flash: an index in the right order beats a sort.
                "random_page_cost": "1.1",
                # Parallel workers would mix the parts of a page, see storage.queries.
                "max_parallel_workers_per_gather": "0",
                "timezone": "UTC",
            },
        )

    async def close(self) -> None:
        for pool in (self._readers, self._writers):
            if pool is not None:
                await pool.close()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """A connection that cannot write; raises TransientFailure while Postgres is away."""
        async with _borrowed(self._readers) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction; raises TransientFailure while Postgres is away."""
        async with _borrowed(self._writers) as connection, connection.transaction():
            yield connection

    async def listener(self) -> Connection:
        """A connection of its own, for LISTEN; the caller closes it."""
        try:
            connection = await asyncpg.connect(self._url, timeout=CONNECT_TIMEOUT_SECONDS)
            try:
                await _step_down(connection, role=roles.READER)
            except BaseException:
                # Also when we are cancelled: nobody else knows of the connection yet.
                connection.terminate()
                raise
        except AWAY as error:
            raise _away(error) from error
        return connection


@asynccontextmanager
async def _borrowed(pool: Any) -> AsyncIterator[Connection]:
    try:
        async with pool.acquire(timeout=CONNECT_TIMEOUT_SECONDS) as connection:
            yield connection
    except AWAY as error:
        raise _away(error) from error


async def _step_down(connection: Connection, role: str) -> None:
    if await connection.fetchval(roles.TAKE_ON, role) is None:
        log.warning("Postgres has no role %s for the API: see docs/api, 'For who runs it'", role)


def _away(error: Exception) -> TransientFailure:
    # The driver's text may hold values of rows; only its kind is told.
    return TransientFailure(f"the database does not answer ({type(error).__name__})")
