"""A history replayed in the order of its instants, with a look at each slot where asked."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.features.reschedule import features
from tutor_quality.features.spec import FeatureSpec
from tutor_quality.features.state import HOUR_MS, Slot, TutorState, fold

CREATION = math.inf
"""As hours before the start: when the slot became known."""
LEAD_MARKS = (CREATION, 72.0, 24.0, 6.0, 2.0)

Mark = float
"""Hours before the start at which a slot is looked at, or CREATION."""


@dataclass(frozen=True, slots=True)
class Row:
    """A slot as it was known at `as_of`."""

    tutor_id: str
    slot: Slot
    as_of: int
    mark: Mark
    vector: list[float]


def replay(
    events: Iterable[SessionEvent],
    spec: FeatureSpec,
    marks: Callable[[Slot], Iterable[Mark]] = lambda slot: LEAD_MARKS,
    states: dict[str, TutorState] | None = None,
) -> Iterator[Row]:
    """A row per open slot and mark, in the order of `as_of`.

    Events come in the order of `in_order`. At one instant bookings are known first, then slots
    are looked at, then outcomes happen. A mark before the slot's creation is left out, unless
    it is the slot's only one; then the slot is looked at when it is created.
    """
    states = {} if states is None else states
    due: list[tuple[int, int, str, str, int, Mark]] = []
    known: set[tuple[str, int]] = set()
    for event in events:
        yield from _rows(due, _before(event), states, spec)
        state = states.setdefault(event.tutor_id, TutorState())
        fold(state, event, spec)
        slot = _opened(state, event)
        if slot is not None and (slot.session_id, slot.start) not in known:
            known.add((slot.session_id, slot.start))
            _schedule(due, event.tutor_id, slot, tuple(marks(slot)))
    yield from _rows(due, (1 << 62, 0), states, spec)


def in_order(events: Iterable[SessionEvent]) -> list[SessionEvent]:
    """By instant; at one instant bookings first, then as they stood."""
    return sorted(events, key=_before)


def _before(event: SessionEvent) -> tuple[int, int]:
    return event.occurred_at, 0 if event.event_type is EventType.SCHEDULED else 2


def _opened(state: TutorState, event: SessionEvent) -> Slot | None:
    """The slot that this very event made known, if it is open."""
    start = event.scheduled_start if event.event_type is EventType.SCHEDULED else event.new_start
    slot = None if start is None else state.slot(event.session_id, start)
    if slot is None or slot.ending is not None or slot.created != event.occurred_at:
        return None
    return slot


def _schedule(
    due: list[tuple[int, int, str, str, int, Mark]],
    tutor_id: str,
    slot: Slot,
    marks: tuple[Mark, ...],
) -> None:
    for mark in marks:
        at = slot.created if mark == CREATION else slot.start - round(mark * HOUR_MS)
        if at >= slot.created or len(marks) == 1:
            at = max(at, slot.created)
            heapq.heappush(due, (at, 1, slot.session_id, tutor_id, slot.start, mark))


def _rows(
    due: list[tuple[int, int, str, str, int, Mark]],
    until: tuple[int, int],
    states: dict[str, TutorState],
    spec: FeatureSpec,
) -> Iterator[Row]:
    while due and due[0][:2] < until:
        as_of, _, session_id, tutor_id, start, mark = heapq.heappop(due)
        state = states[tutor_id]
        slot = state.slot(session_id, start)
        if slot is not None and slot.ending is None:
            yield Row(tutor_id, slot, as_of, mark, features(state, slot, as_of, spec))
