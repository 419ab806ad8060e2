"""tq rebuild: the read model anew from the log, compared with the live one."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.console import Console

from tutor_quality.cli import FAILED
from tutor_quality.local.connections import connections
from tutor_quality.local.progress import display
from tutor_quality.operations.rebuild import Rebuilt, rebuild
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False)

SHOWN = 20


@app.command(name="rebuild")
def run(
    execute: Annotated[
        bool, typer.Option("--execute", help="let the new tables take the place of the live ones")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Replay the log into a schema beside the live one and compare them bit for bit.

    Without --execute nothing is changed, and the exit code is 1 if anything differs. With it the
    new tables are swapped in, whatever differed; keys, logins, the audit log, acknowledged alerts
    and marks of dead letters stay.
    """
    known = connections(Settings())
    with display(Console(stderr=True)) as shown, shown.step("Rebuilding") as step:
        done = asyncio.run(
            rebuild(
                known.kafka_bootstrap,
                known.database_url,
                execute=execute,
                advance=step.advance,
            )
        )
    print(json.dumps(asdict(done), indent=2) if as_json else _as_text(done))
    if done.differences and not done.swapped:
        raise typer.Exit(FAILED)


def _as_text(done: Rebuilt) -> str:
    lines = [f"{done.rows} rows of {done.tables} tables, {len(done.differences)} differ"]
    lines += [json.dumps(asdict(difference)) for difference in done.differences[:SHOWN]]
    if done.swapped:
        lines.append("The new tables have taken the place of the live ones.")
    elif done.differences:
        lines.append("Nothing was changed: --execute swaps the new tables in.")
    return "\n".join(lines)
