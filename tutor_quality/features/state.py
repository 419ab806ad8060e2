"""What is remembered of one tutor, and how a fact changes it.

Hits and trials of a slot count from its start on, whichever way it ended: bad endings become
known earlier than good ones, so counting them when they become known would overstate them.
"""

from bisect import bisect_right, insort
from dataclasses import dataclass, field

import orjson

from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.features.instants import Fading, Instants
from tutor_quality.features.labels import Label
from tutor_quality.features.spec import FeatureSpec

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
HALF_LIVES_DAYS = (14, 45, 180)
STUDENT_HALF_LIFE_DAYS = 180
EARLY_HALF_LIFE_DAYS = 30
KEEP_MS = 120 * DAY_MS
"""Longest window (90 days) and a margin for late corrections."""
SWEEP_MS = 7 * DAY_MS
SHORTEST_LEAD_MS = HOUR_MS
LAST = "\uffff"
"""Sorts behind every session id."""

SlotKey = tuple[str, int]
"""(session_id, scheduled_start)"""


@dataclass(slots=True)
class Ending:
    at: int
    event_id: str
    label: Label
    kind: EventType
    initiator: InitiatorName | None


@dataclass(slots=True)
class Slot:
    session_id: str
    start: int
    student_id: str
    created: int
    """When it became known; for a slot whose booking was never seen, when it ended."""
    minutes: int | None
    context: tuple[float, ...]
    earlier: int = 0
    """Slots of the session before this one."""
    ending: Ending | None = None
    started: bool = False
    """Its start has been passed."""

    @property
    def lead(self) -> int:
        return max(self.start - self.created, SHORTEST_LEAD_MS)


@dataclass(slots=True)
class StudentState:
    """A student as this tutor knows them."""

    effect: Fading = field(default_factory=lambda: Fading(STUDENT_HALF_LIFE_DAYS * DAY_MS))
    booked: int = 0
    open: int = 0
    overdue: int = 0
    ended: int = 0
    bad: int = 0
    moved_by_student: int = 0
    last_at: int | None = None
    last_bad: bool = False
    last_margin: int | None = None
    """How long before its start the last held slot was done, ms; negative = after."""


@dataclass(slots=True)
class Siblings:
    """Slots of the tutor with one common start."""

    open: int = 0
    held: int = 0
    bad: int = 0


def _by_start(key: SlotKey) -> tuple[int, str]:
    return key[1], key[0]


@dataclass(slots=True)
class TutorState:
    """`fold` changes it in place; facts may come late, twice or corrected."""

    now: int = 0
    swept: int = 0
    slots: dict[SlotKey, Slot] = field(default_factory=dict)
    waiting: list[tuple[int, str]] = field(default_factory=list)
    """(start, session_id) of slots whose start has not been passed, in order."""
    ended: Instants = field(default_factory=Instants)
    moved: Instants = field(default_factory=Instants)
    """When the tutor moved or cancelled."""
    booked: Instants = field(default_factory=Instants)
    booked_bad: Instants = field(default_factory=Instants)
    """When slots were booked that have ended badly since."""
    open_starts: Instants = field(default_factory=Instants)
    overdue: int = 0
    effects: tuple[Fading, ...] = field(
        default_factory=lambda: tuple(Fading(days * DAY_MS) for days in HALF_LIVES_DAYS)
    )
    early: Fading = field(default_factory=lambda: Fading(EARLY_HALF_LIFE_DAYS * DAY_MS))
    """Hits when they become known; trials grow as open slots run through their lead time."""
    running: float = 0.0
    """Trials that the open slots add per ms."""
    students: dict[str, StudentState] = field(default_factory=dict)
    siblings: dict[int, Siblings] = field(default_factory=dict)

    def slot(self, session_id: str, start: int) -> Slot | None:
        return self.slots.get((session_id, start))

    def starting(self, until: int) -> list[Slot]:
        """Slots that start by `until` and have not been counted as started."""
        due = self.waiting[: bisect_right(self.waiting, (until, LAST))]
        return [self.slots[session_id, start] for start, session_id in due]

    def upcoming(self, after: int, until: int) -> list[Slot]:
        """Open slots that start in (after, until], by start and session."""
        if after < self.now:
            # Slots that started by the newest fact no longer wait.
            found = (self.slots[key] for key in sorted(self.slots, key=_by_start))
        else:
            first = bisect_right(self.waiting, (after, LAST))
            last = bisect_right(self.waiting, (until, LAST))
            found = (self.slots[name, start] for start, name in self.waiting[first:last])
        return [s for s in found if s.ending is None and after < s.start <= until]

    def advance(self, now: int) -> None:
        """Lets time pass up to `now`; slots that start by then count from their start on.

        Only facts do this. A look at the state never changes it, so that it does not matter
        for later vectors how often anyone looked.
        """
        started = self.starting(now)
        del self.waiting[: len(started)]
        for slot in started:
            _start(self, slot)
        self.now = max(self.now, now)
        self.early.flow(self.now, self.running)
        if self.now - self.swept > SWEEP_MS:
            _sweep(self)


def fold(state: TutorState, event: SessionEvent, spec: FeatureSpec) -> TutorState:
    """The state after a fact of this tutor; a fact that is known already changes nothing."""
    state.advance(event.occurred_at)
    if event.event_type is EventType.SCHEDULED:
        _open(state, _booked_slot(event, spec))
    else:
        _end(state, event, spec)
    return state


def _booked_slot(event: SessionEvent, spec: FeatureSpec) -> Slot:
    facts = orjson.loads(event.context) if event.context and spec.context else {}
    return Slot(
        event.session_id,
        event.scheduled_start,
        event.student_id,
        event.occurred_at,
        event.duration_minutes,
        tuple(column.encoded(facts.get(column.name)) for column in spec.context),
    )


def _open(state: TutorState, slot: Slot) -> None:
    key = (slot.session_id, slot.start)
    if key in state.slots:
        _learn_booking(state, state.slots[key], slot)
        return
    state.slots[key] = slot
    insort(state.waiting, (slot.start, slot.session_id))
    state.booked.add(slot.created)
    state.open_starts.add(slot.start)
    state.running += 1 / slot.lead
    state.siblings.setdefault(slot.start, Siblings()).open += 1
    student = state.students.setdefault(slot.student_id, StudentState())
    student.booked += 1
    student.open += 1


def _learn_booking(state: TutorState, known: Slot, booking: Slot) -> None:
    """What a booking tells that comes after an outcome or a move has made its slot known."""
    known.context = booking.context
    if known.ending is None or known.earlier or booking.created >= known.created:
        return
    state.booked.remove(known.created)
    state.booked.add(booking.created)
    if known.ending.label is Label.BAD:
        state.booked_bad.remove(known.created)
        state.booked_bad.add(booking.created)
    known.created = booking.created


def _start(state: TutorState, slot: Slot) -> None:
    slot.started = True
    if slot.ending is None:
        state.early.flow(max(state.early.at, slot.start), state.running)
        state.running -= 1 / slot.lead
        state.overdue += 1
        state.students[slot.student_id].overdue += 1
    else:
        _weigh(state, slot, slot.ending.label, +1)


def _weigh(state: TutorState, slot: Slot, label: Label, sign: int) -> None:
    if label is Label.CENSORED:
        return
    hits = sign * (label is Label.BAD)
    for effect in (*state.effects, state.students[slot.student_id].effect):
        effect.add(slot.start, sign, hits)


def _end(state: TutorState, event: SessionEvent, spec: FeatureSpec) -> None:
    slot = state.slots.get((event.session_id, event.scheduled_start))
    if slot is None:
        # Its booking was lost or comes later; nothing is known but how it ended.
        slot = _booked_slot(event, spec)
        _open(state, slot)
        state.advance(state.now)
    old = slot.ending
    if old is not None and (event.occurred_at, event.event_id) <= (old.at, old.event_id):
        return
    label = spec.label.label(event.event_type, event.initiator)
    new = Ending(event.occurred_at, event.event_id, label, event.event_type, event.initiator)
    if old is None:
        _close(state, slot)
    else:
        _count(state, slot, old, -1)
    slot.ending = new
    _count(state, slot, new, +1)
    _remember(state.students[slot.student_id], slot, new)
    _open_next(state, slot, event)


def _close(state: TutorState, slot: Slot) -> None:
    student = state.students[slot.student_id]
    student.open -= 1
    state.open_starts.remove(slot.start)
    state.siblings[slot.start].open -= 1
    if slot.started:
        state.overdue -= 1
        student.overdue -= 1
    else:
        state.running -= 1 / slot.lead


def _count(state: TutorState, slot: Slot, ending: Ending, sign: int) -> None:
    bad = ending.label is Label.BAD
    moved = ending.initiator is InitiatorName.TUTOR
    for instants, at, applies in (
        (state.ended, ending.at, True),
        (state.moved, ending.at, moved),
        (state.booked_bad, slot.created, bad),
    ):
        if applies:
            instants.add(at) if sign > 0 else instants.remove(at)
    if bad:
        state.early.add(ending.at, 0.0, sign)
    if slot.started:
        _weigh(state, slot, ending.label, sign)
    siblings = state.siblings[slot.start]
    siblings.bad += sign * bad
    siblings.held += sign * (ending.label is Label.GOOD)
    student = state.students[slot.student_id]
    student.ended += sign
    student.bad += sign * bad
    student.moved_by_student += sign * (ending.initiator is InitiatorName.STUDENT)


def _remember(student: StudentState, slot: Slot, ending: Ending) -> None:
    if student.last_at is not None and ending.at < student.last_at:
        return
    student.last_at = ending.at
    student.last_bad = ending.label is Label.BAD
    if ending.kind is EventType.COMPLETED:
        student.last_margin = slot.start - ending.at


def _open_next(state: TutorState, slot: Slot, event: SessionEvent) -> None:
    """A move opens the next slot, unless that had passed already when the move became known."""
    if event.new_start is None or event.new_start <= event.occurred_at:
        return
    if (slot.session_id, event.new_start) in state.slots:
        return
    _open(
        state,
        Slot(
            slot.session_id,
            event.new_start,
            slot.student_id,
            event.occurred_at,
            slot.minutes,
            slot.context,
            slot.earlier + 1,
        ),
    )


def _sweep(state: TutorState) -> None:
    """Forgets what no feature can ask for any more."""
    state.swept = state.now
    horizon = state.now - KEEP_MS
    for instants in (state.ended, state.moved, state.booked, state.booked_bad):
        instants.forget(horizon)
    old = [key for key, slot in state.slots.items() if _is_over(slot, horizon)]
    for key in old:
        del state.slots[key]
    gone = [s for s, group in state.siblings.items() if s < horizon and not group.open]
    for start in gone:
        del state.siblings[start]


def _is_over(slot: Slot, horizon: int) -> bool:
    return (
        slot.ending is not None
        and slot.started
        and max(slot.start, slot.ending.at, slot.created) < horizon
    )
