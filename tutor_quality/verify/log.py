"""The raw log as facts of tutors, judged legal or not by a few rules of its own."""

import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from time import monotonic
from typing import Any

import fastavro
import orjson
from confluent_kafka import Consumer, KafkaException, TopicPartition

from schemas import codec, registry
from schemas.topics import LIFECYCLE
from tutor_quality.errors import TransientFailure, UndecodableRecord

MINUTE_MS = 60_000
YEAR_2200_MS = 7_258_118_400_000
REQUEST_SECONDS = 30.0
LISTEN_SECONDS = 0.1
"""The client waits so long for a full helping."""
SILENCE_SECONDS = 60.0
AT_ONCE = 5_000
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


@dataclass(frozen=True, slots=True)
class Raw:
    """A record as it stands in the log; `timestamp` in ms."""

    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one fact claims of one slot."""

    slot: tuple[str, int]
    """Session and start."""
    occurred_at: int
    event_id: str
    by_tutor: bool
    """The tutor moved or cancelled it."""


@dataclass(frozen=True, slots=True)
class Record:
    """A legal record of one tutor; without an outcome it only moves the tutor's clock."""

    offset: int
    timestamp: int
    outcome: Outcome | None


@dataclass(slots=True)
class History:
    """All legal records of one tutor, in the order of the log."""

    partition: int
    records: list[Record] = field(default_factory=list)


def read_histories(bootstrap: str, tutor: str | None = None) -> dict[str, History]:
    """By tutor; of one tutor only when asked. Reads the log to the end it has now."""
    histories: dict[str, History] = {}
    for raw in read_raw(bootstrap):
        if not raw.key or (tutor is not None and raw.key != tutor.encode()):
            continue
        record = judge(raw)
        if record is not None:
            name = raw.key.decode()
            history = histories.setdefault(name, History(raw.partition))
            history.records.append(record)
    return histories


def read_raw(bootstrap: str) -> Iterator[Raw]:
    """Each partition of the input topic in its order. Raises TransientFailure."""
    settings = {
        "bootstrap.servers": bootstrap,
        "group.id": "tq-verify",
        "enable.auto.commit": False,
        "log_level": 0,
    }
    consumer = Consumer(settings)
    try:
        yield from _to_the_end(consumer)
    except KafkaException as error:
        raise TransientFailure(f"cannot read {LIFECYCLE.name} at {bootstrap}: {error}") from error
    finally:
        consumer.close()


def _to_the_end(consumer: Any) -> Iterator[Raw]:
    places, left = [], {}
    partitions = consumer.list_topics(LIFECYCLE.name, timeout=REQUEST_SECONDS).topics
    for partition in partitions[LIFECYCLE.name].partitions:
        place = TopicPartition(LIFECYCLE.name, partition)
        place.offset, end = consumer.get_watermark_offsets(place, timeout=REQUEST_SECONDS)
        if place.offset < end:
            places.append(place)
            left[partition] = end
    consumer.assign(places)
    heard = monotonic()
    while left:
        messages = consumer.consume(AT_ONCE, timeout=LISTEN_SECONDS)
        if messages:
            heard = monotonic()
        elif monotonic() - heard > SILENCE_SECONDS:
            raise TransientFailure(f"Kafka has sent nothing for {SILENCE_SECONDS:.0f} s")
        for message in messages:
            if message.error():
                raise KafkaException(message.error())
            end = left.get(message.partition(), 0)
            if message.offset() < end:
                yield _raw(message)
            if message.offset() >= end - 1:
                left.pop(message.partition(), None)


def _raw(message: Any) -> Raw:
    return Raw(
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
    )


def judge(raw: Raw) -> Record | None:
    """None for what the pipeline must refuse, and for marks of the partition's time."""
    try:
        schema, fact = _decode(raw.value or b"")
    except UndecodableRecord:
        return None
    owner = fact["tutor_id"]
    if owner is None or raw.key != owner.lower().encode():
        return None
    if schema == "tutor_tick":
        legal = 0 <= fact["due_at"] <= YEAR_2200_MS
        return Record(raw.offset, raw.timestamp, None) if legal else None
    if not _is_legal(fact, raw.timestamp):
        return None
    return Record(raw.offset, raw.timestamp, _outcome(fact))


def _outcome(fact: dict[str, Any]) -> Outcome | None:
    if fact["event_type"] == "scheduled":
        return None
    return Outcome(
        slot=(fact["session_id"].lower(), fact["scheduled_start"]),
        occurred_at=fact["occurred_at"],
        event_id=fact["event_id"].lower(),
        by_tutor=_moved(fact) and fact["initiator"] == "tutor",
    )


def _moved(fact: dict[str, Any]) -> bool:
    return fact["event_type"] in ("rescheduled", "cancelled")


def _is_legal(fact: dict[str, Any], timestamp: int) -> bool:
    """Only fields that mean something for the type are judged."""
    kind = fact["event_type"]
    rules = [
        all(UUID.fullmatch(fact[name]) for name in ("event_id", "session_id", "tutor_id")),
        not any("\0" in text for text in fact.values() if isinstance(text, str)),
        _is_time(fact["scheduled_start"]) and _is_time(fact["occurred_at"]),
        fact["occurred_at"] <= timestamp + 5 * MINUTE_MS,
        0 <= (fact["duration_minutes"] or 0) <= 365 * 24 * 60,
        1 <= len(fact["student_id"]) <= 255,
        len(fact["reason_code"] or "") <= 100 and len(fact["reason"] or "") <= 2000,
        fact["context"] is None or _is_flat_object(fact["context"]),
        not _moved(fact) or fact["initiator"] is not None,
        kind != "rescheduled" or _is_time(fact["new_start"]),
        kind != "completed" or _is_completion(fact),
    ]
    return all(rules)


def _is_time(time: int | None) -> bool:
    return time is None or 0 <= time <= YEAR_2200_MS


def _is_completion(fact: dict[str, Any]) -> bool:
    began, ended, rating = fact["started_at"], fact["ended_at"], fact["rating"]
    in_order = began is None or ended is None or began <= ended
    return _is_time(began) and _is_time(ended) and in_order and rating in (None, 1, 2, 3, 4, 5)


def _is_flat_object(context: str) -> bool:
    try:
        facts = orjson.loads(context)
    except orjson.JSONDecodeError:
        return False
    if not isinstance(facts, dict) or len(context) > 8192:
        return False
    parts = [part for pair in facts.items() for part in pair]
    return not any(isinstance(part, dict | list) or "\0" in str(part) for part in parts)


def _decode(value: bytes) -> tuple[str, dict[str, Any]]:
    """The schema's name and the record. Raises UndecodableRecord.

    fastavro reads nearly everything. It also accepts nonsense, such as an enum's index -1 or bytes
    after the end, which does not come out again when it writes the record anew. That, and JSON,
    is left to our strict reader.
    """
    for name in ("session_event", "tutor_tick"):
        if value.startswith(registry.header(registry.latest(name).id)):
            return name, _avro(name, value)
    return "session_event", codec.decode("session_event", value)


def _avro(name: str, value: bytes) -> dict[str, Any]:
    schema, again = _schema(name), io.BytesIO()
    try:
        fact: dict[str, Any] = fastavro.schemaless_reader(io.BytesIO(value[5:]), schema, schema)
        fastavro.schemaless_writer(again, schema, fact)
    except (EOFError, IndexError, ValueError, TypeError, OverflowError) as error:
        raise UndecodableRecord(f"not Avro: {error}") from error
    return fact if again.getvalue() == value[5:] else codec.decode(name, value)


@cache
def _schema(name: str) -> Any:
    """Without logical types, for which fastavro would make objects."""
    text = json.dumps(registry.latest(name).schema()).replace('"logicalType"', '"meant"')
    return fastavro.parse_schema(json.loads(text))
