"""`tq train reschedule`: a model from a mapped file."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False)


@app.callback()
def train() -> None:
    """Trains a model from history."""


@app.command()
def reschedule(
    data: Annotated[Path, typer.Option(help="CSV file (plain or .gz) of sessions")],
    map_: Annotated[Path, typer.Option("--map", help="mapping of the file")],
    out: Annotated[Path, typer.Option(help="folder for the model and its card")],
    seed: Annotated[int, typer.Option(help="the same seed and data give the same model")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
) -> None:
    """Learns the chance that an open slot ends badly, and writes model and model card to OUT.

    Exit 1 when a column leaks or there is too little to learn from.
    """
    from models.card import card
    from models.files import feature_spec, read_history
    from models.recipe import train as train_model
    from models.registry import load, save
    from tutor_quality.ingest.mapping import load_sessions_mapping

    mapping = load_sessions_mapping(map_)
    events = read_history(data, mapping)
    trained = train_model(events, feature_spec(events, mapping), seed)
    about: dict[str, Any] = {
        **trained.about,
        "source": f"{data.name} by mapping {mapping.name}",
        "source_sha256": hashlib.sha256(data.read_bytes()).hexdigest(),
        "seed": seed,
    }
    save(out, trained.model, trained.golden, about)
    artefact = load(out)
    (out / "card.md").write_text(card(artefact), "utf-8")
    (out / "card.json").write_text(json.dumps(about, indent=1) + "\n", "utf-8")
    answer = {"model": str(out), "version": artefact.version, **about}
    print(json.dumps(answer) if as_json else _in_words(answer))


def _in_words(answer: dict[str, Any]) -> str:
    test = answer["test"]
    return (
        f"model {answer['version']} in {answer['model']}: {answer['rows']:,} rows; on the latest "
        f"quarter AUC {test['auc']:.3f}, log loss {test['log_loss']:.3f}, ECE {test['ece']:.3f}"
    )
