"""`tq models`: the versions of the reschedule model, and which of them serves."""

import asyncio
import json
import os
import pwd
import sys
from collections.abc import Callable
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import typer

from tutor_quality.clock import SystemClock
from tutor_quality.errors import ConfigurationError, InvalidInput, TransientFailure
from tutor_quality.model_health import standing as places
from tutor_quality.model_health.standing import Standing
from tutor_quality.settings import Settings

if TYPE_CHECKING:
    from models.registry import Registry

app = typer.Typer(add_completion=False)

MODEL = "reschedule"
Which = Annotated[str, typer.Argument(metavar="MODEL", help="a version, or the folder of a model")]
Why = Annotated[str, typer.Option(help="for the record")]
By = Annotated[str, typer.Option(help="for the record; empty = the user of this process")]
AsJson = Annotated[bool, typer.Option("--json", help="answer in JSON")]


@app.callback()
def models() -> None:
    """Versions of the model that predicts reschedules, and which of them serves."""


@app.command("ls")
def list_versions(as_json: AsJson = False) -> None:
    """Lists the versions of the registry and who served when."""
    registry = Settings().model_path
    standing = places.standing(registry)
    rows = [_row(registry, version, standing) for version in places.versions(registry)]
    answer = {"models": rows, "changes": [asdict(change) for change in standing.changes]}
    print(json.dumps(answer) if as_json else "\n".join(_line(row) for row in rows))


@app.command()
def show(which: Which, as_json: AsJson = False) -> None:
    """Checks a model as a worker would before it uses it, and shows its card."""
    from models.artefact import load
    from models.card import card

    folder = Path(which)
    artefact = load(folder) if folder.is_dir() else _registry().load(which)
    answer = {
        "version": artefact.version,
        "fingerprint": artefact.model.spec.fingerprint,
        "about": artefact.manifest["about"],
    }
    print(json.dumps(answer) if as_json else card(artefact))


@app.command()
def promote(which: Which, why: Why = "", by: By = "", as_json: AsJson = False) -> None:
    """Makes it the champion: its answers are shown from now on, without a gap."""
    registry = _registry()
    version = _known(registry, which)
    _change_standing(registry, registry.promote, by, why, as_json, version)


@app.command()
def challenge(which: Which, why: Why = "", by: By = "", as_json: AsJson = False) -> None:
    """Lets it predict beside the champion, on the same vectors, for nobody to see."""
    registry = _registry()
    version = _known(registry, which)
    _change_standing(registry, registry.challenge, by, why, as_json, version)


@app.command()
def withdraw(why: Why = "", by: By = "", as_json: AsJson = False) -> None:
    """Ends the challenge."""
    registry = _registry()
    _change_standing(registry, registry.challenge, by, why, as_json, None)


@app.command()
def rollback(why: Why = "", by: By = "", as_json: AsJson = False) -> None:
    """Back to the champion before this one."""
    registry = _registry()
    _change_standing(registry, registry.rollback, by, why, as_json)


@app.command()
def recalibrate(
    days: Annotated[int, typer.Option(min=7, help="outcomes of so many days up to now")] = 120,
    as_json: AsJson = False,
) -> None:
    """Makes a version of the champion that is set right by what became of its predictions.

    Only if that foretells the latest outcomes better; `tq models promote` puts it to use.
    """
    import tempfile

    from models.publishing import republish
    from models.recalibration import recalibrated

    registry = _registry()
    champion = registry.load(registry.standing().champion)
    raw, bad = asyncio.run(_outcomes(champion.version, champion.manifest["spec"]["label"], days))
    found = recalibrated(champion.model, raw, bad)
    with tempfile.TemporaryDirectory() as folder:
        republish(Path(folder), champion, found)
        version = registry.add(Path(folder)).version
    answer = {"version": version, "from": champion.version, **found.figures}
    text = "version {version}: log loss of the latest outcomes {log_loss_before:.4f} -> "
    print(json.dumps(answer) if as_json else (text + "{log_loss_after:.4f}").format(**answer))


async def _outcomes(version: str, label: dict[str, Any], days: int) -> tuple[Any, Any]:
    """(raw logits, labels) of the version's first prediction of each slot, by the slots' starts."""
    import asyncpg
    import numpy as np

    from tutor_quality.local.connections import connections
    from tutor_quality.storage import judgements, queries

    connection = await asyncpg.connect(connections(Settings()).database_url)
    try:
        until = (await queries.data_version(connection)).as_of
        if until is None:
            raise InvalidInput("nothing has been applied yet: there are no outcomes")
        since = until - timedelta(days=days)
        judging = judgements.Judging.by_rule(version, since, until, label)
        rows = await judgements.outcomes(connection, judging)
    finally:
        await connection.close()
    raw = np.array([row["raw_score"] for row in rows], dtype=np.float64)
    return raw, np.array([row["bad"] for row in rows], dtype=np.int8)


def _registry() -> "Registry":
    from models.registry import Registry

    return Registry(Settings().model_path)


def _known(registry: "Registry", which: str) -> str:
    """The version that is meant; a folder becomes one of the registry."""
    folder = Path(which)
    return registry.add(folder).version if folder.is_dir() else which


def _change_standing(
    registry: "Registry",
    change: Callable[..., Standing],
    by: str,
    why: str,
    as_json: bool,
    *version: str | None,
) -> None:
    at = SystemClock().now_ms()
    by = by or pwd.getpwuid(os.getuid()).pw_name
    standing = change(*version, at=at, by=by, why=why)
    announced = _announce(standing, at, by, why)
    answer = {
        "champion": standing.champion,
        "challenger": standing.challenger,
        "previous": standing.previous,
        "announced": announced,
        "registry": str(registry.folder),
    }
    print(json.dumps(answer) if as_json else _in_words(answer))


def _announce(standing: Standing, at: int, by: str, why: str) -> bool:
    """Puts the change on the record of commands; workers look at the registry then.

    It stands in the registry by now: without a stack it counts from the next start on.
    """
    from tutor_quality.ingest.producer import LogWriter
    from tutor_quality.local.connections import connections

    try:
        writer = LogWriter(connections(Settings()).kafka_bootstrap, bulk=False)
        command = {
            "command_id": str(uuid4()),
            "kind": "promote_model",
            "requested_at": at,
            "requested_by": by,
            "model_version": standing.champion,
            "reason": why or None,
        }
        writer.send_command(MODEL, command)
        writer.flush()
    except (ConfigurationError, TransientFailure) as error:
        print(f"tq models: done, but not announced: {error}", file=sys.stderr)
        return False
    return True


def _row(registry: Path, version: str, standing: Standing) -> dict[str, Any]:
    about = places.manifest_of(places.folder_of(registry, version)).get("about", {})
    test = about.get("test", {})
    return {
        "version": version,
        "role": standing.role_of(version),
        "source": about.get("source"),
        "rows": about.get("rows"),
        **{name: test.get(name) for name in ("auc", "log_loss", "ece")},
    }


def _line(row: dict[str, Any]) -> str:
    figures = "  ".join(
        f"{label} {row[name]:.4f}"
        for name, label in (("auc", "AUC"), ("log_loss", "log loss"), ("ece", "ECE"))
        if row[name] is not None
    )
    return f"{row['version']}  {row['role'] or '':10}  {figures}  {row['source'] or ''}"


def _in_words(answer: dict[str, Any]) -> str:
    beside = f", challenger {answer['challenger']}" if answer["challenger"] else ""
    return f"champion {answer['champion']}{beside} (before: {answer['previous'] or 'none'})"
