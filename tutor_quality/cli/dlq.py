"""tq dlq: the records that were refused. List them, look at one, retry or drop them."""

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar

import asyncpg
import typer
from rich.console import Console
from rich.table import Column, Table

from streams.dead_letters import RETRY_OF
from tutor_quality.cli import FAILED
from tutor_quality.clock import SystemClock
from tutor_quality.errors import TransientFailure
from tutor_quality.ingest.cells import Unparsable, time_parser
from tutor_quality.local.connections import connections
from tutor_quality.operations import letters
from tutor_quality.operations.letters import Filter, Letter, Outcome
from tutor_quality.operations.reading import read_value
from tutor_quality.operations.records import Header, Record, Records
from tutor_quality.settings import Settings

app = typer.Typer(no_args_is_help=True, help="Records that were refused, and why.")

PLACE = re.compile(r"\S+/\d{1,9}/\d{1,18}")
COLUMNS = ("message", "key", "attempt", "state")
HEX_BYTES = 512
"""Shown for people; programs get all."""
Result = TypeVar("Result")


def _instant(text: str) -> datetime:
    try:
        return datetime.fromtimestamp(time_parser(UTC, ())(text) / 1000, UTC)
    except Unparsable as error:
        raise typer.BadParameter(str(error)) from None


def _place(text: str) -> str:
    if not PLACE.fullmatch(text):
        raise typer.BadParameter(
            f"{text}: expected topic/partition/offset, as `tq dlq ls` shows it"
        )
    return text


Places = Annotated[
    list[str] | None,
    typer.Argument(metavar="[PLACE]...", parser=_place, help="topic/partition/offset"),
]
Topic = Annotated[str | None, typer.Option(help="source topic of the refused records")]
Reason = Annotated[str | None, typer.Option(help="undecodable, illegal or from-the-future")]
Since = Annotated[
    datetime | None,
    typer.Option(parser=_instant, metavar="INSTANT", help="ISO 8601; of the records' timestamps"),
]
Key = Annotated[str | None, typer.Option("--key", "--tutor", help="key of the records")]
Partition = Annotated[int | None, typer.Option(min=0)]
Json = Annotated[bool, typer.Option("--json", help="for programs")]
Execute = Annotated[bool, typer.Option("--execute", help="do it; without it, only say what")]
Force = Annotated[bool, typer.Option("--force", help="also those retried or dropped before")]


@app.command()
def ls(
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    key: Key = None,
    partition: Partition = None,
    untouched: Annotated[bool, typer.Option("--open", help="neither retried nor dropped")] = False,
    limit: Annotated[int, typer.Option(min=1)] = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first."""
    wanted = Filter(topic, reason, since, key, partition, None, untouched, limit)
    found = _run(lambda connection: letters.find(connection, wanted))
    if as_json:
        print(json.dumps([_facts(letter) for letter in found], indent=2))
        return
    table = Table(
        *(Column(name, no_wrap=True, overflow="ignore") for name in ("place", "reason")),
        *COLUMNS,
        box=None,
    )
    for letter in found:
        name = _text(letter.key) or ""
        row = (str(letter.refused), letter.reason, letter.message, name, str(letter.attempt))
        table.add_row(*row, _state(letter))
    Console().print(table)


@app.command()
def show(
    place: Annotated[str, typer.Argument(parser=_place, help="topic/partition/offset")],
    as_json: Json = False,
) -> None:
    """One letter: headers, reason, and the value as far as it can be read."""
    records = Records(connections(Settings()).kafka_bootstrap)
    (letter,) = _run(lambda connection: letters.find(connection, Filter(places=(place,))))
    facts = _facts(letter) | _content(letters.record_of(records, letter))
    if not as_json:
        facts["hex"] = facts["hex"] and facts["hex"][: 2 * HEX_BYTES]
    print(json.dumps(facts, indent=2, ensure_ascii=False))


@app.command()
def retry(
    places: Places = None,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    key: Key = None,
    partition: Partition = None,
    limit: Annotated[int | None, typer.Option(min=1)] = None,
    execute: Execute = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Send the original records again: all that match and were neither retried nor dropped.

    To be repeated without harm: an event counts once by its event_id. What is refused again
    becomes a new letter, of the next attempt.
    """
    wanted = _wanted(places, topic, reason, since, key, partition, limit)
    records = Records(connections(Settings()).kafka_bootstrap)
    outcome = _run(
        lambda connection: letters.retry(
            connection, records, wanted, now=_now(), execute=execute, force=force
        )
    )
    _report(outcome, "retried", execute, as_json)


@app.command()
def drop(
    places: Places = None,
    topic: Topic = None,
    reason: Reason = None,
    since: Since = None,
    key: Key = None,
    partition: Partition = None,
    limit: Annotated[int | None, typer.Option(min=1)] = None,
    execute: Execute = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Mark letters as settled; their bytes stay in Kafka."""
    wanted = _wanted(places, topic, reason, since, key, partition, limit)
    outcome = _run(
        lambda connection: letters.drop(
            connection, wanted, now=_now(), execute=execute, force=force
        )
    )
    _report(outcome, "dropped", execute, as_json)


def _wanted(places: list[str] | None, *rest: Any) -> Filter:
    topic, reason, since, key, partition, limit = rest
    named = tuple(places) if places else None
    return Filter(topic, reason, since, key, partition, named, False, limit)


def _report(outcome: Outcome, done: str, execute: bool, as_json: bool) -> None:
    """Exit code 1 if a letter's bytes are gone."""
    facts = {
        "executed": execute,
        done: [str(letter.refused) for letter in outcome.done],
        "skipped": [str(letter.refused) for letter in outcome.skipped],
        "lost": [str(letter.refused) for letter in outcome.lost],
    }
    if as_json:
        print(json.dumps(facts, indent=2))
    else:
        for letter in outcome.done:
            print(f"{letter.refused}  {letter.reason}: {letter.message}")
        verb = done if execute else f"would be {done}; --execute does it"
        print(f"{len(outcome.done)} {verb}")
        print(f"{len(outcome.skipped)} skipped: settled before, --force takes them too")
        print(f"{len(outcome.lost)} lost: their bytes are not in the log any more")
    if outcome.lost:
        raise typer.Exit(FAILED)


def _facts(letter: Letter) -> dict[str, Any]:
    return {
        "place": str(letter.refused),
        "topic": letter.refused.topic,
        "partition": letter.refused.partition,
        "offset": letter.refused.offset,
        "letter": str(letter.letter),
        "reason": letter.reason,
        "message": letter.message,
        "key": _text(letter.key),
        "size": letter.size,
        "recorded_at": letter.failed_at.isoformat(),
        "attempt": letter.attempt,
        "state": _state(letter),
        "retried_at": letter.retried_at and letter.retried_at.isoformat(),
        "dropped_at": letter.dropped_at and letter.dropped_at.isoformat(),
    }


def _content(record: Record) -> dict[str, Any]:
    reading = read_value(record.value)
    return {
        "retry_of": _text(dict(record.headers).get(RETRY_OF)),
        "headers": [_header(header) for header in record.headers],
        "schema": reading.schema,
        "fields": reading.fields,
        "unreadable": reading.problem,
        "hex": None if record.value is None else record.value.hex(),
    }


def _header(header: Header) -> list[str | None]:
    return [header[0], _text(header[1])]


def _state(letter: Letter) -> str:
    if letter.dropped_at is not None:
        return "dropped"
    return "open" if letter.retried_at is None else "retried"


def _text(data: bytes | None) -> str | None:
    """Bytes that are no text are shown as \\xNN."""
    return None if data is None else data.decode(errors="backslashreplace")


def _now() -> datetime:
    return datetime.fromtimestamp(SystemClock().now_ms() / 1000, UTC)


def _run(work: Callable[[asyncpg.Connection], Awaitable[Result]]) -> Result:
    return asyncio.run(_in_transaction(connections(Settings()).database_url, work))


async def _in_transaction(
    url: str, work: Callable[[asyncpg.Connection], Awaitable[Result]]
) -> Result:
    try:
        connection = await asyncpg.connect(url)
    except (OSError, asyncpg.CannotConnectNowError) as error:
        raise TransientFailure(f"cannot reach Postgres: {error!r}. Is it running?") from error
    try:
        async with connection.transaction():
            return await work(connection)
    finally:
        await connection.close()
