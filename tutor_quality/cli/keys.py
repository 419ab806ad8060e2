"""`tq keys`: create, list, revoke and rotate the keys of machines."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Annotated, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.table import Table

from api import keys
from api.database import AWAY, CONNECT_TIMEOUT_SECONDS, Connection
from api.keys import StoredKey
from api.times import instant
from tutor_quality.clock import SystemClock
from tutor_quality.errors import TransientFailure
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Keys that machines call the API with.")

Json = Annotated[bool, typer.Option("--json", help="one JSON value for scripts")]
KeyId = Annotated[str, typer.Argument(help="the id: tq_<id>_…, see `tq keys ls`")]
Result = TypeVar("Result")


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="who will use it")],
    scopes: Annotated[str, typer.Option(help="of ingest, read, predict, admin; comma-separated")],
    as_json: Json = False,
) -> None:
    """Make a key and show it, for the only time."""
    pepper = connections(Settings()).api_pepper
    now = instant(SystemClock().now_ms())
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    key = _run(lambda connection: keys.create(connection, pepper, name, wanted, now))
    _show(key, as_json)


@app.command()
def ls(as_json: Json = False) -> None:
    """List all keys; the keys themselves are not kept."""
    found = _run(keys.ls)
    rows = [_row(key) for key in found]
    if as_json:
        print(json.dumps(rows))
        return
    table = Table("id", "name", "scopes", "created", "expires", "revoked", "last used")
    for row in rows:
        table.add_row(*(str(value or "") for value in row.values()))
    Console().print(table)


@app.command()
def revoke(key_id: KeyId) -> None:
    """End a key; it works for at most 3 seconds more."""
    now = instant(SystemClock().now_ms())
    _run(lambda connection: keys.revoke(connection, key_id, now))


@app.command()
def rotate(
    key_id: KeyId,
    keep_hours: Annotated[int, typer.Option(min=0, help="the old key lives on for this long")] = 24,
    as_json: Json = False,
) -> None:
    """Make a key with the same name and scopes; both work until the old one expires."""
    pepper = connections(Settings()).api_pepper
    now = instant(SystemClock().now_ms())
    until = now + timedelta(hours=keep_hours)
    key = _run(lambda connection: keys.rotate(connection, pepper, key_id, now, until))
    _show(key, as_json)


def _show(key: str, as_json: bool) -> None:
    print(json.dumps({"key": key}) if as_json else key)


def _row(key: StoredKey) -> dict[str, str | None]:
    times = (key.created_at, key.expires_at, key.revoked_at, key.last_used_at)
    created, expires, revoked, used = (time.isoformat() if time else None for time in times)
    return {
        "id": key.key_id,
        "name": key.name,
        "scopes": ",".join(sorted(key.scopes)),
        "created_at": created,
        "expires_at": expires,
        "revoked_at": revoked,
        "last_used_at": used,
    }


def _run(work: Callable[[Connection], Awaitable[Result]]) -> Result:
    return asyncio.run(_in_transaction(connections(Settings()).database_url, work))


async def _in_transaction(url: str, work: Callable[[Connection], Awaitable[Result]]) -> Result:
    try:
        connection = await asyncpg.connect(url, timeout=CONNECT_TIMEOUT_SECONDS)
    except AWAY as error:
        raise TransientFailure(f"the database does not answer ({type(error).__name__})") from error
    try:
        async with connection.transaction():
            return await work(connection)
    finally:
        await connection.close()
