"""Connections that give up in time."""

import asyncpg

from tutor_quality.errors import TransientFailure

STATEMENT_TIMEOUT_S = 30
LOCK_TIMEOUT_S = 5
IDLE_IN_TRANSACTION_TIMEOUT_S = 15


async def open_pool(
    database_url: str,
    *,
    application_name: str,
    max_size: int = 4,
    read_only: bool = False,
    schema: str | None = None,
) -> asyncpg.Pool:
    """A pool on `database_url` (postgresql://…); `read_only` refuses writes by mistake; `schema` is
    the namespace of the tables, None = that of the database.

    Raises TransientFailure when Postgres cannot be reached.
    """
    try:
        return await asyncpg.create_pool(
            database_url,
            min_size=1,
            max_size=max_size,
            reset=nothing_to_reset,
            timeout=10,
            # A little after the server's own: it can say more than that time is over.
            command_timeout=STATEMENT_TIMEOUT_S + 5,
            server_settings={
                "application_name": application_name,
                "statement_timeout": f"{STATEMENT_TIMEOUT_S}s",
                "lock_timeout": f"{LOCK_TIMEOUT_S}s",
                "idle_in_transaction_session_timeout": f"{IDLE_IN_TRANSACTION_TIMEOUT_S}s",
                "default_transaction_read_only": "on" if read_only else "off",
                **in_schema(schema),
            },
        )
    except (OSError, asyncpg.CannotConnectNowError) as error:
        raise TransientFailure(f"cannot reach Postgres: {error!r}. Is it running?") from error


async def nothing_to_reset(connection: asyncpg.Connection) -> None:
    """A transaction leaves nothing behind on its connection but staging tables, which may stay:
    locks are its own, settings are the connection's. Resetting would cost a round trip."""


def in_schema(schema: str | None) -> dict[str, str]:
    """Server settings that make names mean what is in `schema`, and nothing else."""
    return {} if schema is None else {"search_path": schema}
