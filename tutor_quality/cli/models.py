"""`tq models`: look at models on disk."""

import json
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(add_completion=False)


@app.callback()
def models() -> None:
    """Models on disk."""


@app.command()
def show(
    folder: Annotated[Path, typer.Argument(help="folder of the model")],
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
) -> None:
    """Checks a model as a worker would before it uses it, and says what it is."""
    from models.artefact import load
    from models.card import card

    artefact = load(folder)
    answer = {
        "version": artefact.version,
        "fingerprint": artefact.model.spec.fingerprint,
        "about": artefact.manifest["about"],
    }
    print(json.dumps(answer) if as_json else card(artefact))
