"""tq verify: recount from the raw log, by brute force, and compare."""

import asyncio
import json
from dataclasses import asdict
from datetime import UTC
from functools import partial
from typing import Annotated

import typer

from streams.compiled import prepare
from tutor_quality.cli import FAILED
from tutor_quality.clock import Clock, SystemClock
from tutor_quality.domain.risk import RiskRule
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.cells import Unparsable, time_parser
from tutor_quality.ingest.ids import is_uuid
from tutor_quality.ingest.replay import iso
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings
from tutor_quality.verify.proof import Difference
from tutor_quality.verify.run import Answer, Question, verify_as_of, verify_now

app = typer.Typer(add_completion=False)

SHOWN = 20


@app.command()
def verify(
    tutor: Annotated[str | None, typer.Option(help="UUID of one tutor; all without it")] = None,
    as_of: Annotated[
        str | None, typer.Option(help="an instant of the past, ISO 8601; else now")
    ] = None,
    transitions: Annotated[
        bool, typer.Option("--transitions", help="recompute those of all tutors, not of some")
    ] = False,
    wait: Annotated[
        bool, typer.Option(help="for the stages to apply what is in the log now")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Exit code 0 if all is equal and nothing is behind, else 1."""
    settings = Settings()
    instant = None if as_of is None else _past(as_of, SystemClock())
    known = connections(settings)
    question = Question(
        bootstrap=known.kafka_bootstrap,
        database_url=known.database_url,
        generation=settings.topic_generation,
        tutor=_tutor(tutor),
        all_transitions=transitions,
        wait=wait,
    )
    rule = RiskRule.of_fractions(settings.risk_threshold, settings.risk_warning)
    if instant is None:
        answer = asyncio.run(verify_now(question))
    else:
        prepare(settings, partial(typer.echo, err=True))
        answer = asyncio.run(verify_as_of(question, instant, rule))
    print(json.dumps(_as_json(answer), indent=2) if as_json else _as_text(answer))
    if not answer.holds:
        raise typer.Exit(FAILED)


def _tutor(text: str | None) -> str | None:
    if text is not None and not is_uuid(text):
        raise InvalidInput(f"--tutor {text}: expected a UUID")
    return text.lower() if text else None


def _past(text: str, clock: Clock) -> int:
    """Raises InvalidInput for an instant that is still to come: nothing can be said of it."""
    try:
        instant = time_parser(UTC, ())(text)
    except Unparsable as error:
        raise InvalidInput(f"--as-of {text}: {error}") from None
    if instant > (now_ms := clock.now_ms()):
        raise InvalidInput(
            f"--as-of {text} lies in the future (it is {iso(now_ms)}): name an instant of the past"
        )
    return instant


def _as_json(answer: Answer) -> dict[str, object]:
    return {
        "compared": answer.proof.compared,
        "differences": [_readable(difference) for difference in answer.proof.differences],
        "as_of": None if answer.as_of is None else iso(answer.as_of),
        "tutors": answer.tutors,
        "transitions_of": answer.transitions_of,
        "behind": answer.behind,
        "stopped": [
            {"partition": partition, "reason": reason}
            for partition, reason in sorted(answer.stopped.items())
        ],
    }


def _readable(difference: Difference) -> dict[str, object]:
    facts = asdict(difference)
    return facts | {"as_of": None if difference.as_of is None else iso(difference.as_of)}


def _as_text(answer: Answer) -> str:
    differences = answer.proof.differences
    until = "" if answer.as_of is None else f" as of {iso(answer.as_of)}"
    lines = [
        f"{answer.proof.compared} values of {answer.tutors} tutors compared{until}, "
        f"{len(differences)} differ"
    ]
    lines += [json.dumps(_readable(difference)) for difference in differences[:SHOWN]]
    if answer.behind:
        lines.append(f"{answer.behind} records are not applied yet")
    lines += [
        f"partition {partition} of the score stage is stopped: {reason}"
        for partition, reason in sorted(answer.stopped.items())
    ]
    return "\n".join(lines)
