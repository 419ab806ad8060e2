"""What the predict stage must have served: recomputed from the raw log, with its own slow code."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
from confluent_kafka import Message

from schemas.codec import decode
from schemas.lifecycle.batch import Tick
from schemas.lifecycle.records import decode_record
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.errors import InvalidRecord
from tutor_quality.features import FeatureSpec, TutorState, features, fold

HOUR_MS = 3_600_000


@dataclass(frozen=True)
class Record:
    offset: int
    timestamp: int
    event: SessionEvent | None
    """None = a tick."""


def raw_log(messages: list[Message]) -> dict[int, list[Record]]:
    """By partition, in order; refused records did not happen."""
    found: dict[int, list[Record]] = defaultdict(list)
    for message in messages:
        timestamp = message.timestamp()[1]
        try:
            event = decode_record(message.key(), message.value(), timestamp)
        except InvalidRecord:
            continue
        fact = None if isinstance(event, Tick) else event
        found[message.partition()].append(Record(message.offset(), timestamp, fact))
    return found


def served(messages: list[Message]) -> dict[str, dict[str, Any]]:
    """Vectors by id; the same id must always have the same bytes."""
    found: dict[str, dict[str, Any]] = {}
    for message in messages:
        look = decode("session_features", message.value())
        look["partition"] = message.partition()
        known = found.setdefault(look["event_id"], look)
        assert known["vector"] == look["vector"]
    return found


def differing(
    log: dict[int, list[Record]], looks: list[dict[str, Any]], spec: FeatureSpec
) -> list[str]:
    """Ids of vectors that a batch computation over the tutor's records gives other bytes for."""
    by_tutor: dict[tuple[int, str], list[dict[str, Any]]] = defaultdict(list)
    for look in looks:
        by_tutor[look["partition"], look["tutor_id"]].append(look)
    wrong = []
    for (partition, tutor), theirs in by_tutor.items():
        facts = [(r.offset, r.event) for r in log[partition] if r.event is not None]
        facts = [(offset, event) for offset, event in facts if event.tutor_id == tutor]
        state, folded = TutorState(), 0
        for look in sorted(theirs, key=lambda look: look["log_offset"]):
            while folded < len(facts) and facts[folded][0] <= look["log_offset"]:
                fold(state, facts[folded][1], spec)
                folded += 1
            slot = state.slot(look["session_id"], look["scheduled_start"])
            assert slot is not None and slot.ending is None, "a look at what was not open"
            vector = features(state, slot, look["as_of"], spec)
            if np.array(vector, np.float32).tobytes() != look["vector"]:
                wrong.append(look["event_id"])
    return wrong


def expected_looks(records: list[Record], since: int) -> set[tuple[str, int, str, float | None]]:
    """(session, start, reason, hours) of the creations and marks that a partition's records from
    the offset `since` on make due. The naive way: every mark is judged at every record."""
    clock = -1
    opened: dict[tuple[str, int], int] = {}
    ended: set[tuple[str, int]] = set()
    creations: dict[tuple[str, int], int] = {}
    done: set[tuple[str, int, str, float | None]] = set()
    for record in records:
        if record.timestamp > clock:
            if record.offset >= since:
                done |= _due(opened, ended, creations, clock, record.timestamp)
            clock = record.timestamp
        event = record.event
        if event is None:
            continue
        slot = event.session_id, event.scheduled_start
        if event.event_type is not EventType.SCHEDULED:
            opened.setdefault(slot, clock)
            ended.add(slot)
            if event.new_start is None or event.new_start <= event.occurred_at:
                continue
            slot = event.session_id, event.new_start
        if slot not in opened:
            opened[slot] = clock
            if record.offset >= since and slot[1] > clock:
                creations[slot] = clock
    return done


def _due(
    opened: dict[tuple[str, int], int],
    ended: set[tuple[str, int]],
    creations: dict[tuple[str, int], int],
    clock: int,
    now: int,
) -> set[tuple[str, int, str, float | None]]:
    """Of instants from `clock` on that are before `now`."""
    found: set[tuple[str, int, str, float | None]] = set()
    for slot, at in list(creations.items()):
        del creations[slot]
        if slot not in ended:
            found.add((*slot, "creation", None))
        assert at == clock
    for slot, at in opened.items():
        for hours in (72.0, 24.0, 6.0, 2.0):
            mark = slot[1] - int(hours * HOUR_MS)
            if clock <= mark < now and mark > at and slot not in ended:
                found.add((*slot, "mark", hours))
    return found
