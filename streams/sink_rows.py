"""Records of the other topics as rows: what `storage.upserts` merges."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson

from schemas import codec
from schemas.binary import AvroReader
from schemas.registry import HEADER_BYTES, header, latest
from schemas.topics import (
    FEATURES,
    HIGH_RISK,
    MODEL_STATUS,
    PREDICTED,
    PROGRESS,
    RISK_CHANGED,
    SCORE,
    SOURCES,
    STUDENT_PROFILE,
    TUTOR_PROFILE,
    Topic,
    dead_letters,
)
from streams.dead_letters import PREFIX, REASON, attempt_of
from streams.outlet import Incoming
from tutor_quality.errors import UndecodableRecord
from tutor_quality.storage import upserts
from tutor_quality.storage.copy_binary import instant
from tutor_quality.storage.tables import WINDOWS
from tutor_quality.storage.upserts import (
    ALERTS,
    DEAD_LETTERS,
    PENDING_PROGRESS,
    PREDICTIONS,
    RISK_CHANGES,
    SERVED_PREDICTIONS,
    SESSION_FEATURES,
    STUDENTS,
    TUTOR_SCORES,
    TUTORS,
    Row,
    Target,
)

Headers = Sequence[tuple[str, bytes | None]]
"""Kafka allows a header without a value."""


@dataclass(frozen=True, slots=True)
class Landing:
    """Where the records of a topic go and how one becomes a row.

    `row` takes the record and the partition. It raises InvalidRecord or OverflowError for what
    can be no row.
    """

    target: Target
    row: Callable[[Incoming, int], Row]
    newest: Callable[[Sequence[Incoming]], Sequence[Incoming]] = list
    """Drops records of which a newer one is among them, where that is cheaper than decoding."""
    latest: Target | None = None
    """A second table, that shows the latest of what `target` keeps all of."""
    shown: Callable[[Row], bool] = lambda row: True
    """Which rows go to `latest`."""


def _tutor_profile(record: Incoming, partition: int) -> Row:
    value = _decoded(TUTOR_PROFILE, record)
    tutor_id = value.pop("tutor_id")
    name = value["name"] or f"Tutor {tutor_id[:8]}"
    return {**_profile(record, value), "id": tutor_id, "name": name}


def _student_profile(record: Incoming, partition: int) -> Row:
    value = _decoded(STUDENT_PROFILE, record)
    student_id = value.pop("student_id")
    return {**_profile(record, value), "id": student_id, "name": value["name"] or student_id}


def _profile(record: Incoming, value: dict[str, Any]) -> dict[str, Any]:
    return {
        **value,
        "profile_updated_at": instant(value["updated_at"]),
        "profile_offset": record.offset,
        "created_at": instant(record.timestamp),
    }


def _score(record: Incoming, partition: int) -> Row:
    value = _with_instants(_decoded(SCORE, record), "as_of", "next_change_at")
    for days in WINDOWS:
        counts = value.pop(f"attendance_{days}d")
        value |= {f"{name}_{days}d": count for name, count in counts.items()}
    return value


def newest_scores(records: Sequence[Incoming]) -> list[Incoming]:
    """In a catch-up most scores of a batch are outdated by others in it.

    Not the last of a key wins but the greatest (generation, version): a worker that was believed
    dead may have sent the last one.
    """
    newest: dict[bytes | None, tuple[tuple[int, int], Incoming]] = {}
    odd = []
    for record in records:
        order = _score_order(record.value or b"")
        if order is None:
            odd.append(record)
        elif record.key not in newest or newest[record.key][0] < order:
            newest[record.key] = order, record
    return odd + [record for _, record in newest.values()]


def _score_order(value: bytes) -> tuple[int, int] | None:
    """(generation, version): they follow the tutor's id. None for another schema or nonsense."""
    if not value.startswith(_score_header()):
        return None
    reader = AvroReader(value, HEADER_BYTES)
    try:
        reader.string()
        return reader.int(), reader.long()
    except UndecodableRecord:
        return None


@cache
def _score_header() -> bytes:
    return header(latest("tutor_score").id)


def _risk_change(record: Incoming, partition: int) -> Row:
    return _with_instants(_decoded(RISK_CHANGED, record), "occurred_at", "cause_slot_at")


def _alert(record: Incoming, partition: int) -> Row:
    return _with_instants(_decoded(HIGH_RISK, record), "occurred_at", "scheduled_start")


def _progress(record: Incoming, partition: int) -> Row:
    value = _with_instants(_decoded(PROGRESS, record), "applied_until")
    return {**value, "record_offset": record.offset}


def _features(record: Incoming, partition: int) -> Row:
    return _with_instants(_decoded(FEATURES, record), "scheduled_start", "as_of")


def _prediction(record: Incoming, partition: int) -> Row:
    """With the columns of both tables."""
    value = _with_instants(_decoded(PREDICTED, record), "scheduled_start", "as_of")
    return {
        **value,
        "reschedule_probability": value["probability"],
        "reasons": orjson.dumps(value["reasons"]).decode(),
        "predicted_at": value["as_of"],
        "version": record.offset,
    }


def _model_status(record: Incoming, partition: int) -> Row:
    value = _with_instants(_decoded(MODEL_STATUS, record), "said_at")
    return {**value, "version": record.offset}


def _decoded(topic: Topic, record: Incoming) -> dict[str, Any]:
    assert topic.schema is not None
    return codec.decode(topic.schema, record.value or b"")


def _with_instants(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return value | {name: instant(value[name]) for name in names}


def _dead_letter(letters: Topic) -> Callable[[Incoming, int], Row]:
    def row(record: Incoming, partition: int) -> Row:
        headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
        return {
            **_refused_record(headers, letters.name, partition, record.offset),
            "reason": headers.get(REASON, "unknown"),
            "message": headers.get(f"{PREFIX}message", "written without our headers"),
            "key": record.key,
            "size": len(record.value or b""),
            "failed_at": instant(record.timestamp),
            "letter_partition": partition,
            "letter_offset": record.offset,
            "attempt": attempt_of(record.headers),
        }

    return row


def _refused_record(
    headers: Mapping[str, str], letters: str, partition: int, offset: int
) -> dict[str, Any]:
    """Where it was; the place of the letter itself if somebody else wrote that."""
    place = [headers.get(PREFIX + name, "") for name in ("topic", "partition", "offset")]
    if place[0] and _is_number(place[1], 9) and _is_number(place[2], 18):
        return {"topic": place[0], "partition": int(place[1]), "record_offset": int(place[2])}
    return {"topic": letters, "partition": partition, "record_offset": offset}


def _is_number(text: str, digits: int) -> bool:
    return text.isdecimal() and len(text) <= digits


LANDINGS: dict[str, Landing] = {
    TUTOR_PROFILE.name: Landing(TUTORS, _tutor_profile),
    STUDENT_PROFILE.name: Landing(STUDENTS, _student_profile),
    SCORE.name: Landing(TUTOR_SCORES, _score, newest_scores),
    RISK_CHANGED.name: Landing(RISK_CHANGES, _risk_change),
    HIGH_RISK.name: Landing(ALERTS, _alert),
    PROGRESS.name: Landing(PENDING_PROGRESS, _progress),
    FEATURES.name: Landing(SESSION_FEATURES, _features),
    PREDICTED.name: Landing(
        SERVED_PREDICTIONS,
        _prediction,
        latest=PREDICTIONS,
        shown=lambda row: not row["shadow"],
    ),
    MODEL_STATUS.name: Landing(upserts.MODEL_STATUS, _model_status),
    **{
        letters.name: Landing(DEAD_LETTERS, _dead_letter(letters))
        for letters in map(dead_letters, SOURCES)
    },
}
"""By topic; the lifecycle topic has columns of its own, see `sink_writer`."""
