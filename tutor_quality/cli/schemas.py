"""`tq schemas`: what travels on the topics, and whether every version reads every other."""

import json
from dataclasses import asdict
from typing import Annotated

import typer

from schemas.registry import releases
from tutor_quality.errors import ConfigurationError

app = typer.Typer(help="the released schemas", no_args_is_help=True)
Json = Annotated[bool, typer.Option("--json", help="for programs")]


@app.command("ls")
def list_schemas(as_json: Json = False) -> None:
    """Every release with its id."""
    if as_json:
        print(json.dumps([asdict(release) for release in releases()], indent=2))
        return
    for release in releases():
        print(f"{release.id:>4}  {release.subject:<20} version {release.version}  {release.file}")


@app.command("check")
def check_schemas(as_json: Json = False) -> None:
    """Released files are unchanged and all versions are fully compatible; else exits with 1."""
    found = _problems()
    if as_json:
        print(json.dumps({"problems": found}, indent=2))
    else:
        print("\n".join(found) or f"{len(releases())} schemas: unchanged and compatible")
    if found:
        raise typer.Exit(1)


def _problems() -> list[str]:
    try:
        from schemas.compatibility import problems
    except ModuleNotFoundError as error:
        raise ConfigurationError(f"{error.name} is missing: run make setup") from None
    return problems()
