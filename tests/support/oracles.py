"""The obvious computations that the fast ones are held to. Slow on purpose, and written from
design/domain.md alone: they share no code with the product but its event type and its names."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from tutor_quality.domain.sessions import EventType, SessionEvent

WINDOWS = tuple(days * 86_400_000 for days in (7, 30, 90))
OUTCOMES = (
    EventType.RESCHEDULED,
    EventType.CANCELLED,
    EventType.COMPLETED,
    EventType.NO_SHOW,
)
Record = tuple[int, int, SessionEvent | None]
"""Offset, timestamp of the record, event; None is a tick."""


def winners(events: Sequence[SessionEvent]) -> list[SessionEvent]:
    """The winning outcome of each slot."""
    best: dict[tuple[str, int], SessionEvent] = {}
    for event in events:
        if event.event_type not in OUTCOMES:
            continue
        slot = (event.session_id, event.scheduled_start)
        known = best.get(slot)
        if known is None or (event.occurred_at, event.event_id) > (
            known.occurred_at,
            known.event_id,
        ):
            best[slot] = event
    return list(best.values())


def in_window(events: Sequence[SessionEvent], instant: int, length: int) -> list[SessionEvent]:
    return [e for e in winners(events) if instant - length < e.occurred_at <= instant]


def by_tutor(event: SessionEvent) -> bool:
    moved = event.event_type in (EventType.RESCHEDULED, EventType.CANCELLED)
    return moved and event.initiator == "tutor"


def counts_at(events: Sequence[SessionEvent], instant: int) -> list[tuple[int, int]]:
    """Per window: (slots with an outcome, those that the tutor moved or cancelled)."""
    return [
        (len(inside), sum(map(by_tutor, inside)))
        for inside in (in_window(events, instant, length) for length in WINDOWS)
    ]


def attendance_at(events: Sequence[SessionEvent], instant: int, length: int) -> dict[str, int]:
    inside = in_window(events, instant, length)
    completed = [e for e in inside if e.event_type == EventType.COMPLETED]
    started = [e for e in completed if e.started_at is not None]
    ended = [e for e in completed if e.ended_at is not None and e.duration_minutes is not None]
    rated = [e.rating for e in completed if e.rating is not None]
    first = [e for e in inside if e.is_first_session]
    return {
        "tutor_reschedules": sum(map(by_tutor, inside)),
        "completed": len(completed),
        "no_shows": sum(e.event_type == EventType.NO_SHOW for e in inside),
        "cancelled": sum(
            e.event_type in (EventType.RESCHEDULED, EventType.CANCELLED) for e in inside
        ),
        "starts_known": len(started),
        "late_starts": sum((e.started_at or 0) - e.scheduled_start > 300_000 for e in started),
        "ends_known": len(ended),
        "early_ends": sum(
            e.scheduled_start + (e.duration_minutes or 0) * 60_000 - (e.ended_at or 0) > 600_000
            for e in ended
        ),
        "ratings": len(rated),
        "rating_sum": sum(rated),
        "first_sessions": len(first),
        "first_sessions_lost": sum(e.event_type != EventType.COMPLETED for e in first),
    }


def open_slots_at(events: Sequence[SessionEvent], instant: int) -> set[tuple[str, int]]:
    """Slots that a fact booked, without an outcome, that began within the longest window."""
    booked = {
        (e.session_id, e.scheduled_start) for e in events if e.event_type == EventType.SCHEDULED
    }
    booked |= {
        (e.session_id, e.new_start)
        for e in events
        if e.event_type == EventType.RESCHEDULED and e.new_start is not None
    }
    closed = {(e.session_id, e.scheduled_start) for e in events if e.event_type in OUTCOMES}
    return {slot for slot in booked - closed if slot[1] > instant - WINDOWS[-1]}


def verdict(counts: Sequence[tuple[int, int]], threshold: float = 0.15) -> int:
    """0 low; high with 1 insufficient, 2 raw, 3 confirmed evidence. By the textbook formula."""
    best = 0
    for total, moved in counts:
        if total == 0 or moved / total <= threshold:
            continue
        if total < 5:
            best = max(best, 1)
        elif wilson_lower_bound(moved, total) > threshold:
            best = max(best, 3)
        else:
            best = max(best, 2)
    return best


def wilson_lower_bound(successes: int, total: int, z: float = 1.6448536269514722) -> float:
    share = successes / total
    centre = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)


@dataclass
class NaiveState:
    clock: int
    counts: list[tuple[int, int]]
    verdict: int
    transitions: list[tuple[int, int, int]]
    """(number, instant, verdict)"""


def naive_tutor(records: Sequence[Record]) -> NaiveState:
    """Judge at every instant at which anything could change, by counting everything anew."""
    known: list[SessionEvent] = []
    clock = -1
    current = 0
    transitions: list[tuple[int, int, int]] = []

    def judge(instant: int) -> None:
        nonlocal current
        now = verdict(counts_at(known, instant))
        if now != current:
            current = now
            transitions.append((len(transitions) + 1, instant, now))

    for _, timestamp, event in records:
        if timestamp > clock:
            edges = {e.occurred_at + length for e in winners(known) for length in (0, *WINDOWS)}
            for instant in sorted(edge for edge in edges if clock < edge <= timestamp):
                judge(instant)
            clock = timestamp
        if event is not None:
            known.append(event)
            judge(clock)
    return NaiveState(clock, counts_at(known, clock), current, transitions)
