"""`tq evaluate`: what a model would have said of a file, and how it ended."""

import json
import math
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False)


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="folder of the model")],
    data: Annotated[Path, typer.Option(help="CSV file (plain or .gz) of the slots to predict")],
    map_: Annotated[Path, typer.Option("--map", help="mapping of the files")],
    history: Annotated[Path | None, typer.Option(help="CSV file of what came before")] = None,
    lead_hours: Annotated[
        float, typer.Option(min=0, help="predict so long before the start, or at creation")
    ] = 24.0,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
) -> None:
    """Replays the files in event order and predicts each slot of DATA before its outcome."""
    from models.artefact import load
    from models.backtest import backtest, report
    from models.files import label_rule, read_history
    from tutor_quality.ingest.mapping import load_sessions_mapping

    artefact = load(model)
    mapping = load_sessions_mapping(map_)
    rule = artefact.model.spec.label
    if label_rule(mapping) != rule:
        typer.echo(
            f"tq evaluate: {map_} calls other endings bad or censored than the model, which is "
            "judged by what it was trained to foresee: see `label` in the answer",
            err=True,
        )
    before = [] if history is None else read_history(history, mapping)
    result = backtest(artefact.model, before, read_history(data, mapping), lead_hours)
    seen = {event.tutor_id for event in before}
    answer = {
        "model": artefact.version,
        "lead_hours": lead_hours if math.isfinite(lead_hours) else None,
        "label": rule.to_json(),
        **report(artefact.model, result, seen),
    }
    print(json.dumps(answer) if as_json else _in_words(answer))


def _in_words(answer: dict[str, Any]) -> str:
    if not answer["n"]:
        return f"no slot could be predicted: {answer['slots']}"
    names = ("n", "auc", "pr_auc", "brier", "log_loss", "ece", "slope", "o_e")
    return "\n".join(f"{name:9} {answer[name]}" for name in names)
