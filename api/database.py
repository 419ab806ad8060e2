"""Connections to Postgres: one pool that can only read, one small pool that may write.

Both step down to roles without a right to the numbers, see `tutor_quality.storage.roles`.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Any

import asyncpg

from tutor_quality.errors import TransientFailure
from tutor_quality.storage import roles

log = logging.getLogger(__name__)

READ_TIMEOUT_SECONDS = 5.0
WRITE_TIMEOUT_SECONDS = 5.0
CONNECT_TIMEOUT_SECONDS = 3.0
CLOSE_SECONDS = 1.0
AWAY = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.InsufficientResourcesError,
    asyncpg.OperatorInterventionError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises while Postgres is away, full, restarting, or slower than the timeout."""

INTERRUPTED = (asyncio.CancelledError, TimeoutError)
"""What leaves a statement unfinished."""

Connection = Any
"""An asyncpg connection; asyncpg has no types of its own."""


class Database:
    """Opened on first use, so that the API starts, and says so, while Postgres is away."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._readers = Pool(8, partial(self._connect, READ_TIMEOUT_SECONDS, read_only=True))
        self._writers = Pool(2, partial(self._connect, WRITE_TIMEOUT_SECONDS, read_only=False))

    async def _connect(self, timeout: float, *, read_only: bool) -> Connection:
        return await _opened(
            self._url,
            roles.READER if read_only else roles.BOOKKEEPER,
            command_timeout=timeout,
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
        await self._readers.close()
        await self._writers.close()

    def reading(self) -> "Loan":
        """A connection that cannot write; raises TransientFailure while Postgres is away."""
        return Loan(self._readers)

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[Connection]:
        """A connection inside one transaction; raises TransientFailure while Postgres is away."""
        async with Loan(self._writers) as connection, connection.transaction():
            yield connection

    async def listener(self) -> Connection:
        """A connection of its own, for LISTEN; the caller closes it."""
        try:
            return await _opened(self._url, roles.READER)
        except AWAY as error:
            raise _away(error) from error


class Pool:
    """At most `size` connections, the last used one first.

    asyncpg's own makes a task and three timers for each loan, which takes longer than most of our
    statements. Single statements and whole transactions leave nothing behind to clean up.
    """

    def __init__(self, size: int, connect: Callable[[], Awaitable[Connection]]) -> None:
        self._size = size
        self._connect = connect
        self._every: set[Connection] = set()
        self._idle: list[Connection] = []
        self._places = asyncio.Semaphore(size)
        self._closed = False

    async def take(self) -> Connection:
        """Raises TimeoutError when all are lent for too long, and what connecting raises."""
        if self._places.locked():
            async with asyncio.timeout(CONNECT_TIMEOUT_SECONDS):
                await self._places.acquire()
        else:
            await self._places.acquire()
        try:
            return self._alive() or await self._new()
        except BaseException:
            self._places.release()
            raise

    def _alive(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if not connection.is_closed():
                return connection
            self._every.remove(connection)
        return None

    async def _new(self) -> Connection:
        if self._closed:
            raise asyncpg.InterfaceError("the API is stopping")
        connection = await self._connect()
        self._every.add(connection)
        return connection

    def give_back(self, connection: Connection, *, busy: bool) -> None:
        """`busy`: its last statement may still run; what it answers must reach nobody."""
        if busy:
            connection.terminate()
        self._idle.append(connection)
        self._places.release()

    async def close(self) -> None:
        """Waits a moment for those that are lent."""
        self._closed = True
        with suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                for _ in range(self._size):
                    await self._places.acquire()
        self._idle.clear()
        for connection in self._every:
            await closed(connection)


class Loan:
    """`async with Loan(pool) as connection`; raises TransientFailure while Postgres is away."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        try:
            self._connection = await self._pool.take()
        except AWAY as error:
            raise _away(error) from error
        return self._connection

    async def __aexit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        self._pool.give_back(self._connection, busy=isinstance(error, INTERRUPTED))
        if isinstance(error, AWAY):
            raise _away(error) from error


async def closed(connection: Connection) -> None:
    try:
        await connection.close(timeout=1)
    except (asyncpg.PostgresError, *AWAY):
        connection.terminate()


async def _opened(url: str, role: str, **options: Any) -> Connection:
    connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS, **options)
    try:
        if await connection.fetchval(roles.TAKE_ON, role) is None:
            log.warning(
                "Postgres has no role %s for the API: see docs/api, 'For who runs it'", role
            )
    except BaseException:
        connection.terminate()
        raise
    return connection


def _away(error: Exception) -> TransientFailure:
    # The driver's text may hold values of rows; only its kind is told.
    return TransientFailure(f"the database does not answer ({type(error).__name__})")
