"""Bring a database to the newest schema, or back to an older one."""

import asyncio
from collections.abc import Callable, Iterable

import asyncpg
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

from tutor_quality.errors import TransientFailure
from tutor_quality.storage import roles
from tutor_quality.storage.engine import in_schema

LOCK = 7_462_001
"""Advisory lock of migrations: two starts at once take turns."""
LOCK_TIMEOUT = "5s"
"""A migration that waits longer for a table would hold up everybody queued behind it."""


def upgrade(database_url: str, schema: str | None = None) -> None:
    """Bring the database to the newest schema, in one transaction; does nothing when it is there.
    Makes the API's roles where that is allowed, see `storage.roles`.

    `database_url` is postgresql://… . `schema` is the namespace that the tables are made in; None =
    that of the connection. Raises TransientFailure when Postgres cannot be reached.
    Starts an event loop of its own: call it in a thread where one is running.
    """
    asyncio.run(
        _in_one_transaction(
            database_url,
            lambda config: command.upgrade(config, "head"),
            schema,
            afterwards=roles.statements(),
        )
    )


def downgrade(database_url: str, revision: str) -> None:
    """Back to `revision`; "base" removes every table."""
    asyncio.run(
        _in_one_transaction(database_url, lambda config: command.downgrade(config, revision))
    )


def alembic_config(connection: Connection) -> Config:
    config = Config()
    config.set_main_option("script_location", "tutor_quality.storage:migrations")
    config.set_main_option("file_template", "%%(year)d_%%(month).2d_%%(day).2d_%%(slug)s")
    config.attributes["connection"] = connection
    return config


def comparable(_object: object, name: str | None, *_: object) -> bool:
    """Alembic's `include_object`: it reads expressions back without their collation."""
    return name != "ix_tutors_lower_name"


async def _in_one_transaction(
    database_url: str,
    run: Callable[[Config], None],
    schema: str | None = None,
    afterwards: Iterable[str] = (),
) -> None:
    async def connect() -> asyncpg.Connection:
        return await asyncpg.connect(database_url, server_settings=in_schema(schema))

    engine = create_async_engine("postgresql+asyncpg://", async_creator=connect)
    try:
        async with engine.begin() as connection:
            await connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            await connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
            await connection.run_sync(lambda sync: run(alembic_config(sync)))
            for statement in afterwards:
                await connection.exec_driver_sql(statement)
    except OSError as error:
        raise TransientFailure(f"cannot reach Postgres: {error!r}. Is it running?") from error
    finally:
        await engine.dispose()
