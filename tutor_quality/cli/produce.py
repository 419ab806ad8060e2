"""tq produce: session events by hand, or one JSON object a line from standard input."""

import sys
from collections.abc import Iterable
from typing import Annotated
from uuid import uuid4

import orjson
import typer

from tutor_quality.clock import SystemClock
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.ingest.lines import parse_line
from tutor_quality.ingest.producer import LogWriter
from tutor_quality.local.connections import connections
from tutor_quality.settings import Settings

app = typer.Typer(add_completion=False)


@app.command()
def produce(
    event_type: Annotated[
        EventType | None, typer.Argument(help="without it, lines of JSON from standard input")
    ] = None,
    session: Annotated[str | None, typer.Option(help="UUID")] = None,
    tutor: Annotated[str | None, typer.Option(help="UUID")] = None,
    student: Annotated[str | None, typer.Option()] = None,
    start: Annotated[str | None, typer.Option(help="of the slot, ISO 8601 with zone")] = None,
    at: Annotated[str | None, typer.Option(help="when it happened; now without it")] = None,
    minutes: Annotated[int | None, typer.Option()] = None,
    initiator: Annotated[InitiatorName | None, typer.Option()] = None,
    new_start: Annotated[str | None, typer.Option(help="rescheduled: the new slot")] = None,
    event_id: Annotated[str | None, typer.Option(help="UUID; a new one without it")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="for programs")] = False,
) -> None:
    """Nothing is sent if one of the events is refused."""
    now = SystemClock().now_ms()
    if event_type is None:
        events = _parsed(sys.stdin.buffer, now)
    else:
        given = {
            "event_id": event_id or str(uuid4()),
            "event_type": event_type,
            "session_id": session,
            "tutor_id": tutor,
            "student_id": student,
            "scheduled_start": start,
            "occurred_at": at or now,
            "duration_minutes": minutes,
            "initiator": initiator,
            "new_start": new_start,
        }
        events = _parsed([orjson.dumps(given)], now)
    writer = LogWriter(connections(Settings()).kafka_bootstrap, bulk=len(events) > 1)
    for recorded_at, event in events:
        writer.send_event(event, recorded_at)
    writer.flush()
    sent = {"sent": len(events), "event_ids": [event.event_id for _, event in events[:10]]}
    print(orjson.dumps(sent).decode() if as_json else f"{len(events)} events sent")


def _parsed(lines: Iterable[bytes], now: int) -> list[tuple[int, SessionEvent]]:
    events = []
    for number, line in enumerate(lines, 1):
        try:
            events.append(parse_line(line, now=now))
        except InvalidInput as error:
            raise InvalidInput(f"line {number}: {error}") from None
    return events
