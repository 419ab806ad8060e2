"""tq status: what runs, and how far it is."""

from typing import Annotated

import typer

from tutor_quality.cli import FAILED
from tutor_quality.errors import ConfigurationError
from tutor_quality.local.status import Status, no_stack, status
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command(name="status")
def show(json: Annotated[bool, typer.Option(help="for programs")] = False) -> None:
    """Ask every part; exit code 0 if all are ready, else 1."""
    try:
        found = status(Settings())
    except ConfigurationError as error:
        if not json:
            raise
        # A program that waits for the stack reads one form from the first moment on.
        found = no_stack(str(error))
    print(found.model_dump_json(indent=2) if json else _as_text(found))
    if not found.ready:
        raise typer.Exit(FAILED)


def _as_text(found: Status) -> str:
    lines = [
        f"API       {found.api['url']}",
        f"Kafka     {found.kafka['bootstrap']}",
        f"Postgres  {found.database['url']}",
    ]
    for name, stage in found.stages.items():
        until = stage.applied_until.isoformat() if stage.applied_until else "nothing yet"
        lines.append(f"{name:<9} {stage.lag} records behind, applied until {until}")
    lines += [f"Not ready: {problem}." for problem in found.problems]
    return "\n".join(lines)
