"""The obvious computation of a tutor from the raw log, written from design/domain.md alone: it
shares no code with the product but the event type."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from tutor_quality.domain.sessions import EventType, SessionEvent

DAY = 86_400_000
WINDOWS = (7 * DAY, 30 * DAY, 90 * DAY)
THRESHOLD = 0.15
Told = tuple[int, int, SessionEvent | None]
"""Offset, timestamp of the record, event; None is a tick."""
Counts = tuple[tuple[int, int], ...]
"""Per window: slots with an outcome, and those that the tutor moved or cancelled."""


def by_tutor(event: SessionEvent) -> bool:
    moved = event.event_type in (EventType.RESCHEDULED, EventType.CANCELLED)
    return moved and event.initiator == "tutor"


class Facts:
    """The winning outcome of each slot."""

    def __init__(self) -> None:
        self.winners: dict[tuple[str, int], SessionEvent] = {}

    def tell(self, event: SessionEvent) -> None:
        if event.event_type == EventType.SCHEDULED:
            return
        slot = (event.session_id, event.scheduled_start)
        known = self.winners.get(slot)
        if known is None or (event.occurred_at, event.event_id) > (
            known.occurred_at,
            known.event_id,
        ):
            self.winners[slot] = event

    def counts(self, instant: int) -> Counts:
        inside = [
            (instant - event.occurred_at, by_tutor(event))
            for event in self.winners.values()
            if event.occurred_at <= instant
        ]
        return tuple(
            (
                sum(age < length for age, _ in inside),
                sum(moved for age, moved in inside if age < length),
            )
            for length in WINDOWS
        )

    def edges(self, after: int, until: int) -> list[int]:
        """Instants at which a count can change, after < instant <= until."""
        instants = {
            event.occurred_at + length
            for event in self.winners.values()
            for length in (0, *WINDOWS)
        }
        return sorted(instant for instant in instants if after < instant <= until)


def verdict(counts: Counts) -> int:
    """0 low; high with 1 insufficient, 2 raw, 3 confirmed evidence."""
    best = 0
    for total, moved in counts:
        if total == 0 or moved / total <= THRESHOLD:
            continue
        if total < 5:
            best = max(best, 1)
        else:
            best = max(best, 3 if wilson_lower_bound(moved, total) > THRESHOLD else 2)
    return best


def wilson_lower_bound(successes: int, total: int, z: float = 1.6448536269514722) -> float:
    share = successes / total
    centre = share + z * z / (2 * total)
    spread = z * sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    return (centre - spread) / (1 + z * z / total)


@dataclass
class Naive:
    clock: int
    counts: Counts
    verdict: int
    transitions: list[tuple[int, int, int]]
    """(number, instant, verdict)"""


def naive_tutor(records: Sequence[Told]) -> Naive:
    """Judge at every instant at which anything could change, by counting everything anew."""
    facts = Facts()
    clock = -1
    current = 0
    transitions: list[tuple[int, int, int]] = []

    def judge(instant: int) -> None:
        nonlocal current
        now = verdict(facts.counts(instant))
        if now != current:
            current = now
            transitions.append((len(transitions) + 1, instant, now))

    for _, timestamp, event in records:
        if timestamp > clock:
            for instant in facts.edges(clock, timestamp):
                judge(instant)
            clock = timestamp
        if event is not None:
            facts.tell(event)
            judge(clock)
    return Naive(clock, facts.counts(clock), current, transitions)


def counts_after(records: Sequence[Told], applied: int, instant: int) -> Counts:
    """The counts at `instant` by the facts up to the offset `applied`."""
    facts = Facts()
    for offset, _, event in records:
        if event is not None and offset <= applied:
            facts.tell(event)
    return facts.counts(instant)
