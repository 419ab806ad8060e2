"""tq resume: let partitions go on that were stopped because too many records were refused."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from tutor_quality.local.connections import connections
from tutor_quality.operations.records import Records
from tutor_quality.operations.resume import Resumed, resume
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False)


@app.command(name="resume")
def go_on(
    partition: Annotated[
        int | None, typer.Option(help="of the input; all stopped ones without it")
    ] = None,
    drain: Annotated[
        bool,
        typer.Option("--drain", help="lift the limit for the records that are in the log now"),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Stopped partitions read on from their last commit, with a fresh count of refused records.

    Without --drain they stop again unless the decoder was mended.
    """
    settings = Settings()
    records = Records(connections(settings).kafka_bootstrap)
    resumed = resume(records, settings.topic_generation, partition=partition, drain=drain)
    if as_json:
        print(json.dumps({"resumed": [asdict(one) for one in resumed]}, indent=2))
    else:
        print("\n".join(map(_as_text, resumed)) or "no partition is stopped")


def _as_text(one: Resumed) -> str:
    until = "" if one.drain_until is None else f", no limit below offset {one.drain_until}"
    return f"partition {one.partition} goes on{until}"
