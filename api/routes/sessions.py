"""Session events come in here; 202 means that Kafka holds them durably."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header, Request, Response
from pydantic import ValidationError

from api.access import ScopedRoute, check_json, principal_of, requires
from api.answers import READ_PROBLEMS, answer, problems
from api.errors import Problem, described_errors, invalid_request, problem_body, retry_later
from api.ingestion import (
    SESSION_BODY,
    Draft,
    EventBody,
    SessionBody,
    SessionOutcome,
    described,
    draft,
    named_by_key,
    received,
)
from api.responses import Accepted, BatchResult
from api.services import Services, services_of
from api.times import instant, iso
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidRecord, TransientFailure

router = APIRouter(route_class=ScopedRoute, tags=["ingestion"])

BATCH_BYTES = 1_000_000
BATCH_EVENTS = 1_000
NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
"""Has no registered name; these are in use."""

IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=255,
        description="names the event when the body has no event_id: the same key again is the"
        " same event, with another body it is a conflict",
    ),
]
INGESTION_PROBLEMS = {**READ_PROBLEMS, **problems(409, 413)}


@router.post(
    "/api/sessions",
    status_code=202,
    summary="Send one session event",
    response_model=Accepted,
    responses={
        202: {
            "headers": {
                "Location": {
                    "description": "where the event shows up",
                    "schema": {"type": "string"},
                }
            }
        },
        **INGESTION_PROBLEMS,
    },
)
@requires("ingest")
async def post_session(
    request: Request, body: SessionBody, idempotency_key: IdempotencyKey = None
) -> Response:
    """Takes the seeds' session payload (with `status`) or our own event (with `event_type`).

    The answer echoes what was sent, times in UTC to the millisecond.

    The same session and status again is the same event: it has the same `event_id` and is counted
    once, whatever else is said anew (`completed_time`, `cancelled_at`, reason, length). Another
    status for the same slot, or another initiator or new time of a move, is another outcome: a
    correction. Of several outcomes of a slot the one that happened last counts, by `completed_time`
    or the end of the slot, or `cancelled_at`. Our own event is known by its `event_id`, else by all
    its facts.
    """
    services = services_of(request)
    now_ms = services.clock.now_ms()
    name = _name(request, idempotency_key, 0)
    item = _judged(services, draft(body, idempotency_id=name), now_ms)
    if isinstance(item, Problem):
        services.metrics.events_refused.labels("invalid").inc()
        raise item
    failure = (await _append(request, services, [item], now_ms))[0]
    if failure is not None:
        raise retry_later(str(failure))
    location = f"/api/tutors/{item.event.tutor_id}/events"
    accepted = {
        # Clients of the original read all its fields from the answer, sent or not.
        **body.model_dump(mode="json", exclude_unset=isinstance(body, EventBody)),
        "id": item.event.session_id,
        "event_id": item.event.event_id,
        "created_at": iso(instant(now_ms)),
        "updated_at": iso(instant(now_ms)),
    }
    return answer(accepted, status=202, headers={"location": location})


@dataclass(frozen=True, slots=True)
class _Ready:
    """An event that the log will accept."""

    draft: Draft
    event: SessionEvent


def _name(request: Request, idempotency_key: str | None, index: int) -> str | None:
    if idempotency_key is None:
        return None
    return named_by_key(principal_of(request).name, idempotency_key, index)


def _judged(services: Services, draft: Draft, now_ms: int) -> _Ready | Problem:
    if services.repeats.conflicts(draft):
        return Problem(409, f"Another event was sent under the id {draft.event.event_id}.")
    try:
        event = services.repeats.first(draft) or received(draft, now_ms)
    except InvalidRecord as error:
        return invalid_request([described(draft, error)])
    # Before the broker is asked: a retry while the first try is under way must send the same, and
    # so must the rest of the batch.
    services.repeats.remember(draft, event)
    return _Ready(draft, event)


async def _append(
    request: Request, services: Services, items: Sequence[_Ready], now_ms: int
) -> list[TransientFailure | None]:
    sender = principal_of(request).name
    try:
        outcomes = await services.event_log.append(
            [item.event for item in items], sender=sender, now_ms=now_ms
        )
    except TransientFailure:
        services.metrics.events_refused.labels("kafka-away").inc(len(items))
        raise
    durable = outcomes.count(None)
    services.metrics.events_accepted.inc(durable)
    services.metrics.events_refused.labels("kafka-away").inc(len(items) - durable)
    return outcomes


@router.post(
    "/api/sessions/batch",
    status_code=202,
    summary="Send up to 1,000 session events",
    response_model=BatchResult,
    responses={
        207: {"description": "Some were refused: see each result.", "model": BatchResult},
        **INGESTION_PROBLEMS,
    },
    max_body_size=BATCH_BYTES,
    openapi_extra={
        "requestBody": {
            "required": True,
            "description": "At most 1,000 events and 1 MB; each as in POST /api/sessions.",
            "content": {
                "application/json": {
                    "schema": {
                        "type": "array",
                        "minItems": 1,
                        "maxItems": BATCH_EVENTS,
                        "items": {
                            "anyOf": [
                                {"$ref": "#/components/schemas/SessionOutcome"},
                                {"$ref": "#/components/schemas/EventBody"},
                            ]
                        },
                    }
                },
                "application/x-ndjson": {"schema": {"type": "string"}},
            },
        }
    },
)
@requires("ingest")
async def post_batch(request: Request, idempotency_key: IdempotencyKey = None) -> Response:
    """A JSON array or one JSON object a line. 202 = all are durable; 207 = see each result.

    With an Idempotency-Key, send the same events in the same order again.
    """
    check_json(request, also=NDJSON)
    services = services_of(request)
    now_ms = services.clock.now_ms()
    parts = _parts(await request.body())
    items = [
        _parsed(services, part, _name(request, idempotency_key, index), now_ms)
        for index, part in enumerate(parts)
    ]
    ready = [item for item in items if isinstance(item, _Ready)]
    services.metrics.events_refused.labels("invalid").inc(len(items) - len(ready))
    if not ready:
        raise _nothing_valid(items)
    outcomes = iter(await _append(request, services, ready, now_ms))
    results = [
        _refused(index, item) if isinstance(item, Problem) else _result(index, item, next(outcomes))
        for index, item in enumerate(items)
    ]
    accepted = sum(result["status"] == 202 for result in results)
    if not accepted:
        raise retry_later(next(r["detail"] for r in results if r["status"] == 503))
    body = {"accepted": accepted, "refused": len(results) - accepted, "results": results}
    return answer(body, status=202 if accepted == len(results) else 207)


def _parts(body: bytes) -> list[Any]:
    """The events as decoded JSON, or a Problem for a line that is none."""
    stripped = body.strip()
    parts = _array(stripped) if stripped[:1] == b"[" else _json_lines(stripped)
    if not parts:
        raise Problem(400, "The batch is empty: send a JSON array or one JSON object a line.")
    if len(parts) > BATCH_EVENTS:
        raise Problem(413, f"{len(parts)} events: send at most {BATCH_EVENTS} at once.")
    return parts


def _array(body: bytes) -> list[Any]:
    try:
        parts: list[Any] = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise invalid_request([{"pointer": "#", "detail": f"not JSON: {error}"}]) from None
    return parts


def _json_lines(body: bytes) -> list[Any]:
    return [_line(line) for line in body.splitlines() if line.strip()]


def _line(line: bytes) -> Any:
    try:
        return orjson.loads(line)
    except orjson.JSONDecodeError as error:
        return invalid_request([{"pointer": "#", "detail": f"not JSON: {error}"}])


def _parsed(services: Services, part: Any, name: str | None, now_ms: int) -> _Ready | Problem:
    if isinstance(part, Problem):
        return part
    try:
        body: SessionOutcome | EventBody = SESSION_BODY.validate_python(part)
    except ValidationError as error:
        located = [{**e, "loc": ("body", *e["loc"])} for e in error.errors(include_url=False)]
        return invalid_request(described_errors(located))
    return _judged(services, draft(body, idempotency_id=name), now_ms)


def _nothing_valid(items: Sequence[_Ready | Problem]) -> Problem:
    problems = [item for item in items if isinstance(item, Problem)]
    errors = [
        {**error, "pointer": error["pointer"].replace("#", f"#/{index}", 1)}
        for index, problem in enumerate(problems)
        for error in problem.errors
    ]
    return Problem(problems[0].status, "No event of the batch is valid.", errors=errors)


def _refused(index: int, problem: Problem) -> dict[str, Any]:
    body = problem_body(problem.status, problem.detail, problem.errors)
    return {"index": index, **{k: body[k] for k in ("status", "detail", "errors") if k in body}}


def _result(index: int, item: _Ready, failure: TransientFailure | None) -> dict[str, Any]:
    result = {"index": index, "status": 202, "event_id": item.event.event_id}
    if failure is not None:
        return {**result, "status": 503, "detail": str(failure)}
    return result
