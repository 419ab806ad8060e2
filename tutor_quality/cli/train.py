"""`tq train reschedule`: a model from a mapped file or from the log of the running stack."""

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any

import typer

from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput

app = typer.Typer(add_completion=False)


@app.callback()
def train() -> None:
    """Trains a model from history."""


@app.command()
def reschedule(
    out: Annotated[Path, typer.Option(help="folder for the model and its card")],
    data: Annotated[Path | None, typer.Option(help="CSV file (plain or .gz) of sessions")] = None,
    from_kafka: Annotated[
        bool, typer.Option("--from-kafka", help="the input topic of the running stack")
    ] = False,
    map_: Annotated[
        Path | None,
        typer.Option("--map", help="mapping of the file; of the log: its context and label"),
    ] = None,
    seed: Annotated[int, typer.Option(help="the same seed and data give the same model")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="answer in JSON")] = False,
) -> None:
    """Learns the chance that an open slot ends badly, and writes model and model card to OUT.

    Exit 1 when a column leaks or there is too little to learn from.
    """
    from models.files import feature_spec
    from models.publishing import publish
    from models.recipe import train as train_model
    from tutor_quality.ingest.mapping import load_sessions_mapping

    if from_kafka == (data is not None):
        raise InvalidInput("learn from what? give --data FILE with --map MAPPING, or --from-kafka")
    mapping = None if map_ is None else load_sessions_mapping(map_)
    events, source = _logged() if data is None else _from_file(data, mapping)
    trained = train_model(events, feature_spec(events, mapping), seed)
    artefact = publish(out, trained, {**source, "seed": seed})
    answer = {
        "model": str(out),
        "version": artefact.version,
        **artefact.manifest["about"],
    }
    print(json.dumps(answer) if as_json else _in_words(answer))


def _from_file(data: Path, mapping: Any) -> tuple[list[SessionEvent], dict[str, str]]:
    from models.files import read_history

    if mapping is None:
        raise InvalidInput(f"how is {data} to be read? give --map MAPPING")
    source = f"{data.name} by mapping {mapping.name}"
    digest = hashlib.sha256(data.read_bytes()).hexdigest()
    return read_history(data, mapping), {"source": source, "source_sha256": digest}


def _logged() -> tuple[list[SessionEvent], dict[str, str]]:
    from tutor_quality.features.replay import in_order
    from tutor_quality.ingest.log import logged_events
    from tutor_quality.local.connections import connections
    from tutor_quality.settings import Settings

    events = in_order(logged_events(connections(Settings()).kafka_bootstrap))
    ids = _digest(event.event_id for event in events)
    return events, {"source": "the input topic", "source_sha256": ids}


def _digest(ids: Iterable[str]) -> str:
    """Of the facts' ids in order, so that the same log is recognised."""
    return hashlib.sha256("\n".join(ids).encode()).hexdigest()


def _in_words(answer: dict[str, Any]) -> str:
    test = answer["test"]
    return (
        f"model {answer['version']} in {answer['model']}: {answer['rows']:,} rows; on the latest "
        f"quarter AUC {test['auc']:.3f}, log loss {test['log_loss']:.3f}, ECE {test['ece']:.3f}"
    )
