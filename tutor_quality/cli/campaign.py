"""tq campaign: long proofs by fault injection; see docs/campaigns.md."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from streams.compiled import prepare
from tutor_quality.campaign.sim.run import Result, catch_all, run_in_pieces, run_one
from tutor_quality.cli import FAILED, faults
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False)


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
    out: faults.Out = None,
    as_json: faults.AsJson = False,
) -> None:
    """The production code on a simulated broker; exit code 1 on any divergence."""
    if replay is not None:
        _replay(replay)
        return
    about: dict[str, object] = {"commit": faults.commit(), "seed": seed}
    for result in run_in_pieces(range(seed, seed + schedules)):
        _keep(about, result, out)
    if planted:
        catch_all(result)
        _keep(about, result, out)
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


def _keep(about: dict[str, object], result: Result, out: Path | None) -> None:
    """What is known so far: a long campaign may be ended at any time."""
    typer.echo(f"{result.schedules} schedules, {result.divergences} divergences", err=True)
    faults.write(about | result.as_dict(), out)


def _as_text(result: Result) -> str:
    lines = [
        f"{result.schedules} schedules, {result.faults} faults, {result.divergences} divergences"
    ]
    if result.first_divergence is not None:
        first = result.first_divergence
        lines.append(f"first: tq campaign sim --replay {first.seed}")
        lines += [f"  {problem}" for problem in first.problems]
        lines.append(f"seeds: {' '.join(map(str, result.diverged))}")
    if result.planted:
        lines.append(f"{result.caught} of {result.planted} planted mistakes caught")
    for name, count in result.caught_by.items():
        lines.append(f"  {name}: {'NOT CAUGHT' if count is None else f'schedule {count}'}")
    return "\n".join(lines)
