"""Session events over HTTP into a real Kafka."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import orjson
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from api import responses
from api.times import instant
from schemas.lifecycle.records import decode_record
from schemas.topics import LIFECYCLE
from tests.support.api import Api, running_api
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.local.postgres import Postgres
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration
PARTITIONS = 4


@pytest.fixture(scope="module")
async def topic(kafka_bootstrap: str) -> str:
    """The broker, with the input topic; other tests may have made it."""
    async with administration(kafka_bootstrap) as admin:
        if LIFECYCLE.name not in await admin.list_topics():
            config = LIFECYCLE.config(embedded=True)
            new = NewTopic(LIFECYCLE.name, PARTITIONS, 1, topic_configs=config)
            await admin.create_topics([new])
    return kafka_bootstrap


@asynccontextmanager
async def administration(bootstrap: str) -> AsyncIterator[Any]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


@pytest.fixture(scope="module")
async def api(postgres_server: Postgres, topic: str) -> AsyncIterator[Api]:
    postgres_server.create_database("api_ingestion")
    url = postgres_server.url("api_ingestion")
    await asyncio.to_thread(migrate.upgrade, url)
    async with running_api(url, kafka_bootstrap=topic) as running:
        running.http.headers.update(await running.key("ingest"))
        yield running
    postgres_server.drop_database("api_ingestion")


async def appended(bootstrap: str, tutor_id: str) -> list[tuple[SessionEvent, Any]]:
    """Every event of the tutor in the log, with its record."""
    async with administration(bootstrap) as admin:
        (described,) = await admin.describe_topics([LIFECYCLE.name])
    partitions = [
        TopicPartition(LIFECYCLE.name, part["partition"]) for part in described["partitions"]
    ]
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    try:
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        records = []
        while any([await consumer.position(part) < ends[part] for part in partitions]):
            batches = await consumer.getmany(timeout_ms=500)
            records += [record for batch in batches.values() for record in batch]
    finally:
        await consumer.stop()
    mine = [record for record in records if record.key == tutor_id.encode()]
    return [(_decoded(record), record) for record in mine]


def _decoded(record: Any) -> SessionEvent:
    event = decode_record(record.key, record.value, record.timestamp)
    assert isinstance(event, SessionEvent)
    return event


def an_outcome(tutor_id: str, **changes: Any) -> dict[str, Any]:
    body = {
        "session_id": str(uuid4()),
        "tutor_id": tutor_id,
        "student_id": "student-17",
        "scheduled_time": "2026-03-02T15:00:00Z",
        "status": "completed",
        "duration_minutes": 60,
    }
    return {**body, **changes}


async def test_an_accepted_outcome_is_in_the_log_under_its_tutor(api: Api, topic: str) -> None:
    tutor_id = str(uuid4())
    body = an_outcome(tutor_id.upper())
    answer = await api.http.post("/api/sessions", json=body)
    assert answer.status_code == 202
    accepted = responses.Accepted.model_validate_json(answer.content)
    assert answer.headers["location"] == f"/api/tutors/{tutor_id}/events"
    assert str(accepted.id) == body["session_id"]
    now = instant(api.clock.now_ms())
    assert accepted.created_at == accepted.updated_at == now
    echoed = answer.json()
    # Clients of the original read these, whether they sent them or not.
    unsent = {"completed_time": None, "reschedule_info": None}
    assert {name: echoed[name] for name in body | unsent} == {
        **body,
        **unsent,
        "tutor_id": tutor_id,
    }
    ((event, record),) = await appended(topic, tutor_id)
    assert event.event_id == str(accepted.event_id)
    assert event.event_type is EventType.COMPLETED
    assert record.timestamp == api.clock.now_ms()
    assert dict(record.headers)["ce_source"].startswith(b"tutor-quality/api/key:")


async def test_a_retry_is_the_same_event_and_a_correction_another(api: Api, topic: str) -> None:
    tutor_id = str(uuid4())
    ahead = an_outcome(tutor_id, completed_time="2027-01-01T00:00:00Z")
    receipt = api.clock.now_ms()
    first = await api.http.post("/api/sessions", json=ahead)
    api.clock.advance(60_000)
    retry = await api.http.post("/api/sessions", json=ahead)
    correction = await api.http.post("/api/sessions", json={**ahead, "status": "no_show"})
    events = [event for event, _ in await appended(topic, tutor_id)]
    assert events[0] == events[1], "also the instant that was set to the receipt"
    assert events[0].occurred_at == receipt
    ids = [answer.json()["event_id"] for answer in (first, retry, correction)]
    assert ids[0] == ids[1] != ids[2]
    assert [event.event_id for event in events] == ids


async def test_the_same_outcome_told_anew_is_no_conflict_and_loses_nothing(
    api: Api, topic: str
) -> None:
    tutor_id = str(uuid4())
    first = an_outcome(tutor_id, completed_time="2026-03-02T16:00:00Z")
    later = {**first, "completed_time": "2026-03-02T16:05:00.25Z"}
    answers = [await api.http.post("/api/sessions", json=body) for body in (first, later)]
    assert [answer.status_code for answer in answers] == [202, 202]
    assert answers[1].json()["completed_time"] == "2026-03-02T16:05:00.250Z"
    events = [event for event, _ in await appended(topic, tutor_id)]
    assert events[0].event_id == events[1].event_id
    assert events[1].occurred_at - events[0].occurred_at == 300_250


async def test_an_idempotency_key_names_one_event(api: Api, topic: str) -> None:
    tutor_id = str(uuid4())
    body = an_outcome(tutor_id)
    key = {"idempotency-key": "retry-1"}
    answers = [await api.http.post("/api/sessions", json=body, headers=key) for _ in range(2)]
    assert len({answer.json()["event_id"] for answer in answers}) == 1
    other = {**body, "status": "no_show"}
    conflict = await api.http.post("/api/sessions", json=other, headers=key)
    assert conflict.status_code == 409
    assert len(await appended(topic, tutor_id)) == 2


async def test_the_same_event_id_with_other_facts_is_a_conflict(api: Api) -> None:
    event = {
        "event_type": "scheduled",
        "event_id": str(uuid4()),
        "session_id": str(uuid4()),
        "tutor_id": str(uuid4()),
        "student_id": "s",
        "scheduled_start": "2026-04-02T15:00:00Z",
        "occurred_at": "2026-03-02T15:00:00Z",
    }
    assert (await api.http.post("/api/sessions", json=event)).status_code == 202
    other = {**event, "student_id": "t"}
    assert (await api.http.post("/api/sessions", json=other)).status_code == 409


@pytest.mark.parametrize(
    ("content", "headers"),
    [
        (b"{", {"content-type": "application/json"}),
        (b'{"status": NaN}', {"content-type": "application/json"}),
        (b"\xff", {"content-type": "application/json"}),
        (b"[" * 100_00, {"content-type": "application/json"}),
        (b"", {"content-type": "application/json"}),
        (b"status=completed", {"content-type": "application/x-www-form-urlencoded"}),
    ],
)
async def test_what_is_no_json_is_400(api: Api, content: bytes, headers: dict[str, str]) -> None:
    answer = await api.http.post("/api/sessions", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize(
    ("headers", "said"),
    [({}, "and is missing"), ({"content-type": "Text/Plain; charset=utf-8"}, "not text/plain")],
)
async def test_a_body_that_is_not_called_json_is_told_its_right_name(
    api: Api, headers: dict[str, str], said: str
) -> None:
    body = orjson.dumps(an_outcome(str(uuid4())))
    answer = await api.http.post("/api/sessions", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"parameter": "content-type", "detail": f"must be application/json, {said}"}
    ]


async def test_a_refused_event_names_the_member_and_appends_nothing(api: Api, topic: str) -> None:
    tutor_id = str(uuid4())
    answer = await api.http.post("/api/sessions", json=an_outcome(tutor_id, status="rescheduled"))
    assert answer.status_code == 400
    assert answer.json()["errors"] == [
        {"pointer": "#/reschedule_info", "detail": "is required with status rescheduled"}
    ]
    ahead = {
        "event_type": "scheduled",
        "session_id": str(uuid4()),
        "tutor_id": tutor_id,
        "student_id": "s",
        "scheduled_start": "2026-04-02T15:00:00Z",
        "occurred_at": "2026-03-18T13:00:00Z",
    }
    future = await api.http.post("/api/sessions", json=ahead)
    assert future.json()["errors"][0]["pointer"] == "#/occurred_at"
    assert await appended(topic, tutor_id) == []


@pytest.mark.parametrize("form", ["array", "lines"])
async def test_a_batch_has_a_result_for_each_event_in_its_place(
    api: Api, topic: str, form: str
) -> None:
    tutor_id = str(uuid4())
    good = [an_outcome(tutor_id) for _ in range(3)]
    bad = an_outcome(tutor_id, duration_minutes=0)
    answer = await post_batch(api, [good[0], bad, good[1], 7, good[2]], form)
    assert answer.status_code == 207
    result = responses.BatchResult.model_validate_json(answer.content)
    assert [item.status for item in result.results] == [202, 400, 202, 400, 202]
    assert [item.index for item in result.results] == [0, 1, 2, 3, 4]
    assert (result.accepted, result.refused) == (3, 2)
    assert result.results[1].errors is not None
    assert result.results[1].errors[0].pointer == "#/duration_minutes"
    assert result.results[3].errors == [
        responses.ProblemError(pointer="#", detail="must be an object")
    ]
    sent = [event.event_id for event, _ in await appended(topic, tutor_id)]
    assert sent == [str(item.event_id) for item in result.results if item.event_id]


async def test_an_id_with_other_facts_is_a_conflict_within_a_batch_too(
    api: Api, topic: str
) -> None:
    tutor_id = str(uuid4())
    event = {
        "event_id": str(uuid4()),
        "event_type": "scheduled",
        "session_id": str(uuid4()),
        "tutor_id": tutor_id,
        "student_id": "s",
        "scheduled_start": "2026-04-02T15:00:00Z",
        "occurred_at": "2026-03-18T11:00:00Z",
    }
    answer = await post_batch(api, [event, {**event, "duration_minutes": 5}, event])
    assert answer.status_code == 207
    assert [result["status"] for result in answer.json()["results"]] == [202, 409, 202]
    durations = {event.duration_minutes for event, _ in await appended(topic, tutor_id)}
    assert durations == {None}


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
async def test_a_batch_that_is_not_called_json_is_told_its_right_name(
    api: Api, kind: str | None
) -> None:
    body = orjson.dumps([an_outcome(str(uuid4()))])
    headers = {"content-type": kind} if kind else {}
    answer = await api.http.post("/api/sessions/batch", content=body, headers=headers)
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["parameter"] == "content-type"


async def post_batch(api: Api, events: Sequence[Any], form: str = "array") -> Any:
    if form == "array":
        return await api.http.post("/api/sessions/batch", json=events)
    lines = b"\n".join(orjson.dumps(event) for event in events) + b"\n\n"
    kind = {"content-type": "application/x-ndjson"}
    return await api.http.post("/api/sessions/batch", content=lines, headers=kind)


async def test_a_thousand_events_are_accepted_at_once_and_a_retry_repeats_their_ids(
    api: Api, topic: str
) -> None:
    tutor_id = str(uuid4())
    events = [an_outcome(tutor_id) for _ in range(1000)]
    first, second = [await post_batch(api, events) for _ in range(2)]
    assert (first.status_code, first.json()["accepted"]) == (202, 1000)
    assert first.json() == second.json()
    assert len(await appended(topic, tutor_id)) == 2000


async def test_a_batch_that_is_too_large_is_413(api: Api) -> None:
    too_many = await post_batch(api, [{}] * 1001)
    too_big = await post_batch(api, ["x" * 1_000_001])
    assert (too_many.status_code, too_big.status_code) == (413, 413)
    assert too_big.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("content", [b"", b"[]", b"\n", b"[{", b'[{"status": 1}]', b"{\n}"])
async def test_a_batch_without_a_valid_event_is_400(api: Api, content: bytes) -> None:
    headers = {"content-type": "application/json"}
    answer = await api.http.post("/api/sessions/batch", content=content, headers=headers)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_without_a_broker_it_is_503_and_says_when_to_come_back(postgres_url: str) -> None:
    await asyncio.to_thread(migrate.upgrade, postgres_url)
    async with running_api(postgres_url) as api:
        headers = await api.key("ingest")
        body = an_outcome(str(uuid4()))
        single = await api.http.post("/api/sessions", json=body, headers=headers)
        batch = await api.http.post("/api/sessions/batch", json=[body], headers=headers)
        for answer in (single, batch):
            assert answer.status_code == 503
            assert int(answer.headers["retry-after"]) > 0
        health = await api.http.get("/api/health")
        assert (health.status_code, health.json()["status"]) == (200, "degraded")


async def test_healthy_with_both_and_metrics_count_what_was_accepted(api: Api) -> None:
    health = await api.http.get("/api/health")
    assert health.json()["status"] == "healthy"
    answered = 'tq_api_requests_total{method="POST",route="/api/sessions",status="202"}'
    before = [await metric(api, name) for name in ("tq_api_events_accepted_total", answered)]
    await api.http.post("/api/sessions", json=an_outcome(str(uuid4())))
    after = [await metric(api, name) for name in ("tq_api_events_accepted_total", answered)]
    assert after == [value + 1 for value in before]


async def metric(api: Api, name: str) -> float:
    lines = (await api.http.get("/metrics")).text.splitlines()
    (line,) = [line for line in lines if line.startswith(f"{name} ")] or [f"{name} 0"]
    return float(line.rsplit(" ", 1)[1])
