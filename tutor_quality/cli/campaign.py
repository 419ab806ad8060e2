"""tq campaign: long proofs by fault injection; see docs/campaigns.md."""

import json
from collections.abc import Iterator
from functools import partial
from typing import Annotated

import typer

from streams.compiled import prepare
from tutor_quality.campaign.sim.run import Result, catch_all, run_one, run_schedules
from tutor_quality.cli import FAILED, faults
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False)

TOLD_EVERY = 10_000


@app.callback()
def campaign() -> None:
    """Inject faults and prove that the numbers stay exact."""
    prepare(Settings(), partial(typer.echo, err=True), freeze=False)


app.command()(faults.nemesis)
app.command()(faults.postgres)
app.command()(faults.recovery)


@app.command()
def sim(
    schedules: Annotated[int, typer.Option(min=0, help="how many seeds to run")] = 60_000,
    seed: Annotated[int, typer.Option(help="the first of them")] = 0,
    planted: Annotated[
        bool, typer.Option("--planted", help="also plant each mistake: it must be caught")
    ] = False,
    replay: Annotated[
        int | None, typer.Option(help="run this one seed instead and tell its story")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """The production code on a simulated broker; exit code 1 on any divergence."""
    if replay is not None:
        _replay(replay)
        return
    result = run_schedules(_told(range(seed, seed + schedules), quiet=as_json))
    if planted:
        catch_all(result)
    print(json.dumps(result.as_dict()) if as_json else _as_text(result))
    if not result.holds:
        raise typer.Exit(FAILED)


def _replay(seed: int) -> None:
    faults, problems = run_one(seed, say=print)
    print(f"seed {seed}: {faults} faults, {len(problems)} problems")
    for problem in problems:
        print(f"  {problem}")
    if problems:
        raise typer.Exit(FAILED)


def _told(seeds: range, *, quiet: bool) -> Iterator[int]:
    for count, seed in enumerate(seeds):
        if count and count % TOLD_EVERY == 0 and not quiet:
            typer.echo(f"{count} schedules", err=True)
        yield seed


def _as_text(result: Result) -> str:
    lines = [
        f"{result.schedules} schedules, {result.faults} faults, {result.divergences} divergences"
    ]
    if result.first_divergence is not None:
        first = result.first_divergence
        lines.append(f"first: tq campaign sim --replay {first.seed}")
        lines += [f"  {problem}" for problem in first.problems]
    if result.planted:
        lines.append(f"{result.caught} of {result.planted} planted mistakes caught")
    for name, count in result.caught_by.items():
        lines.append(f"  {name}: {'NOT CAUGHT' if count is None else f'schedule {count}'}")
    return "\n".join(lines)
