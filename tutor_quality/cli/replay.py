"""tq replay: real sessions from files, through the real input topic."""

import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from tutor_quality.clock import SystemClock
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.catch_up import Log, count_dead_letters, wait_until_applied
from tutor_quality.ingest.mapping import AnyMapping, load_mapping
from tutor_quality.ingest.producer import LogWriter
from tutor_quality.ingest.replay import Sent, iso, read_dataset, send
from tutor_quality.local.connections import Connections, connections
from tutor_quality.local.progress import Display, display
from tutor_quality.settings import Settings
from tutor_quality.storage.engine import open_pool

app = typer.Typer(add_completion=False)

PATIENCE_SECONDS = 120.0
SHOW_EVERY = 1_000


@app.command()
def replay(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="CSV, plain or gzip")],
    mappings: Annotated[
        list[Path], typer.Option("--map", help="one for all files, or one for each in their order")
    ],
    speed: Annotated[str, typer.Option(help="max, or so many times real time, e.g. 60x")] = "max",
    wait: Annotated[bool, typer.Option("--wait", help="until every stage has applied it")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Send the events of the files in the order of their instants.

    The same files again change nothing: their events have the same ids.
    """
    settings = Settings()
    known = connections(settings)
    with display(Console(stderr=True)) as shown:
        with shown.step("Reading"):
            dataset = read_dataset(_pairs(files, mappings))
        writer = LogWriter(known.kafka_bootstrap, bulk=speed == "max")
        with shown.step("Sending") as step:
            sent = send(
                dataset,
                writer,
                now=SystemClock().now_ms(),
                pace=_pace(speed),
                progress=lambda n, of: step.advance(n, of) if n % SHOW_EVERY == 0 else None,
            )
        dead = asyncio.run(_wait(known, settings, writer, sent, shown)) if wait else None
    _print(sent, dead, as_json)


def _pairs(files: list[Path], mappings: list[Path]) -> list[tuple[Path, AnyMapping]]:
    if len(mappings) not in (1, len(files)):
        raise InvalidInput(
            f"{len(files)} files and {len(mappings)} mappings: give one --map for all files, or"
            " one for each"
        )
    known = {path: load_mapping(path) for path in mappings}
    each = mappings if len(mappings) == len(files) else mappings * len(files)
    return [(file, known[mapping]) for file, mapping in zip(files, each, strict=True)]


def _pace(speed: str) -> Callable[[int], None]:
    """Waits until an instant of the file has come; at speed max it never waits."""
    if speed == "max":
        return lambda _instant: None
    try:
        factor = float(speed.removesuffix("x"))
    except ValueError:
        factor = 0.0
    if not 0 < factor < float("inf"):
        raise InvalidInput(f"--speed {speed}: write max, or a number such as 60x")
    began: list[tuple[float, int]] = []

    def pace(instant: int) -> None:
        if not began:
            began.append((time.monotonic(), instant))
        start, first = began[0]
        ahead = (instant - first) / 1000 / factor - (time.monotonic() - start)
        if ahead > 0:
            time.sleep(ahead)

    return pace


async def _wait(
    known: Connections, settings: Settings, writer: LogWriter, sent: Sent, shown: Display
) -> int:
    """Returns how many of the events became dead letters."""
    pool = await open_pool(known.database_url, application_name="tq-replay", read_only=True)
    async with pool:
        with shown.step("Applying") as step:
            await wait_until_applied(
                pool,
                Log(known.kafka_bootstrap),
                generation=settings.topic_generation,
                until=sent.until or 0,
                patience_seconds=PATIENCE_SECONDS,
                progress=lambda behind: step.advance(max(sent.events - behind, 0), sent.events),
            )
        return await count_dead_letters(pool, writer.offsets)


def _print(sent: Sent, dead: int | None, as_json: bool) -> None:
    result = {
        "sent": sent.events,
        "applied": None if dead is None else sent.events - dead,
        "dead_lettered": dead,
        "by_type": dict(sent.by_type),
        "until": None if sent.until is None else iso(sent.until),
    }
    if as_json:
        print(json.dumps(result, indent=2))
        return
    types = ", ".join(f"{count} {name}" for name, count in sent.by_type.items())
    print(f"{sent.events} events sent ({types or 'the files have no rows'})")
    if dead is not None:
        print(f"{result['applied']} applied, {dead} dead letters, until {result['until']}")
