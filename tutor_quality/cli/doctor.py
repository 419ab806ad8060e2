"""tq doctor: whether this machine can run the stack."""

import json as jsons
from typing import Annotated

import typer

from tutor_quality.cli import FAILED
from tutor_quality.local.checks import Check, check_machine
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def doctor(json: Annotated[bool, typer.Option(help="for programs")] = False) -> None:
    """Check all that the stack needs; exit code 1 if something is missing."""
    checks = []
    for check in check_machine(Settings()):
        checks.append(check)
        if not json:
            print(_as_text(check))
    if json:
        print(jsons.dumps([check.model_dump() for check in checks], indent=2))
    if not all(check.ok for check in checks):
        raise typer.Exit(FAILED)


def _as_text(check: Check) -> str:
    line = f"{'ok  ' if check.ok else 'FAIL'}  {check.name:<9} {check.found}"
    return line if check.ok else f"{line}\n      -> {check.mend}"
