"""tq campaign nemesis, postgres, recovery: faults for real servers and processes."""

import json
import logging
import subprocess
from pathlib import Path
from typing import Annotated

import typer

from tutor_quality.campaign.nemesis.recovery import measure
from tutor_quality.campaign.nemesis.run import run_schedules
from tutor_quality.campaign.nemesis.sink import run_sink_schedules
from tutor_quality.cli import FAILED
from tutor_quality.settings import Settings

Schedules = Annotated[int, typer.Option(min=0, help="how many seeds to run")]
Seed = Annotated[int, typer.Option(help="the first of them")]
Out = Annotated[Path | None, typer.Option(help="also write the result to this file")]
AsJson = Annotated[bool, typer.Option("--json", help="for programs")]


def nemesis(
    schedules: Schedules = 12,
    seed: Seed = 0,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Kafka, Postgres and workers as processes; exit code 1 on any divergence."""
    result = run_schedules(range(seed, seed + schedules), Settings(), _say)
    _tell({"seed": seed, **result.as_dict()}, out, as_json=as_json)


def postgres(
    schedules: Schedules = 100, seed: Seed = 0, out: Out = None, as_json: AsJson = False
) -> None:
    """The sink's writer on a real Postgres; exit code 1 on any divergence."""
    # What asyncpg cannot tell anybody any more, as we cut its connections, it tells the log.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)
    logging.getLogger("streams").setLevel(logging.ERROR)
    result = run_sink_schedules(range(seed, seed + schedules), Settings(), _say)
    _tell({"seed": seed, **result.as_dict()}, out, as_json=as_json)


def recovery(
    sessions: Annotated[int, typer.Option(min=1, help="sessions of state")] = 1_000_000,
    rounds: Annotated[int, typer.Option(min=1, help="how often each thing is measured")] = 3,
    out: Out = None,
    as_json: AsJson = False,
) -> None:
    """Seconds until the output is current again; exit code 1 if then any number is wrong."""
    answer = measure(sessions, rounds, Settings(), _say)
    write(answer, out)
    print(json.dumps(answer, indent=None if as_json else 2))
    if answer["differences"]:
        raise typer.Exit(FAILED)


def _say(line: str) -> None:
    typer.echo(line, err=True)


def _tell(answer: dict[str, object], out: Path | None, *, as_json: bool) -> None:
    write(answer, out)
    if as_json:
        print(json.dumps(answer))
    else:
        print(f"{answer['schedules']} schedules, {answer['faults']} faults, ", end="")
        print(f"{answer['divergences']} divergences")
    if answer["divergences"]:
        raise typer.Exit(FAILED)


def write(answer: dict[str, object], out: Path | None) -> None:
    if out is not None:
        out.write_text(json.dumps(answer, indent=2) + "\n")


def commit() -> str:
    """Of the sources that run; "+" = something in them was not committed."""
    here = Path(__file__).parent
    done = subprocess.run(
        ["git", "describe", "--always", "--exclude=*", "--dirty=+"],
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
