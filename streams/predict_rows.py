"""The states of one partition's tutors, and when their slots are looked at.

Everything follows from the partition's records in their order. A look at an instant is taken once
the partition's time has passed it, from all that was recorded before: so a replay sees the same.
No Faust, no Kafka and no clock in here.
"""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from struct import Struct
from typing import NamedTuple

import orjson

from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.features import FeatureSpec, Slot, TutorState, fold, vectors
from tutor_quality.features.codec import decode_state, encode_state
from tutor_quality.features.state import DAY_MS, HOUR_MS

MARKS = (72.0, 24.0, 6.0, 2.0)
"""Hours before the start."""
AT_CREATION, AT_CHANGE = -1.0, 0.0
"""In the place of a mark's hours."""
CHANGE_LOGIT = 0.25
"""A tutor's effect that has moved so far since the last look changes what is shown."""
CHANGE_AHEAD_MS = 14 * DAY_MS
"""A changed tutor's slots are looked at so long before their start; marks see to the others."""
PARTITION = b"partition"
"""Key of the partition's own record in the changelog."""
NEVER = 1 << 62

_HEAD = Struct("<I8sqqddI")
"""generation, fingerprint, applied, clock, told effects, bytes of what is awaited."""


class Reason(StrEnum):
    """Why a slot is looked at."""

    CREATION = "creation"
    MARK = "mark"
    CHANGE = "change"
    REFRESH = "refresh"
    PROMOTION = "promotion"
    CATCH_UP = "catch-up"


Due = tuple[int, bytes, str, int, float]
"""(instant, tutor, session or "" for all, start, hours of the mark or AT_...)"""


class Look(NamedTuple):
    """A slot as it was known at `as_of`."""

    key: bytes
    """The tutor's id."""
    session_id: str
    start: int
    student_id: str
    as_of: int
    reason: Reason
    mark_hours: float | None
    offset: int
    """The tutor's last record that was known."""
    vector: list[float]


@dataclass(slots=True)
class PredictRow:
    """One tutor."""

    state: TutorState = field(default_factory=TutorState)
    applied: int = -1
    """Offset of the tutor's last record."""
    told: tuple[float, float] = (math.nan, math.nan)
    """The effects when all its slots were looked at last."""
    awaited: list[Due] = field(default_factory=list)
    """Looks at the clock's instant, which has not been passed."""


@dataclass(frozen=True, slots=True)
class Version:
    """Rows that speak of another log or of other features are as good as none."""

    generation: int
    fingerprint: str

    def pack(self, row: PredictRow, clock: int) -> bytes:
        awaited = orjson.dumps([due[2:] for due in row.awaited if due[0] >= clock])
        fingerprint = bytes.fromhex(self.fingerprint)
        head = _HEAD.pack(self.generation, fingerprint, row.applied, clock, *row.told, len(awaited))
        return head + awaited + encode_state(row.state)

    def owns(self, value: bytes) -> bool:
        generation, fingerprint, *_ = _HEAD.unpack_from(value)
        return bool((generation, fingerprint.hex()) == (self.generation, self.fingerprint))


def order_of(value: bytes) -> tuple[int, int]:
    """(applied, clock) of a packed row: the greater is the newer."""
    _, _, applied, clock, *_ = _HEAD.unpack_from(value)
    return applied, clock


def unpack(key: bytes, value: bytes) -> PredictRow:
    _, _, applied, clock, one, other, size = _HEAD.unpack_from(value)
    end = _HEAD.size + size
    awaited = [(clock, key, *rest) for rest in orjson.loads(value[_HEAD.size : end])]
    return PredictRow(decode_state(value[end:]), applied, (one, other), awaited)


class PredictRows:
    """All tutors of the partition; a row stays bytes until it is needed."""

    def __init__(self, spec: FeatureSpec, generation: int) -> None:
        self.spec = spec
        self.version = Version(generation, spec.fingerprint)
        self.position = 0
        """Offset after the last record of the partition that was folded."""
        self.clock = -1
        """The partition's time: the greatest timestamp of its records."""
        self.live = False
        """Looks are taken; else facts are only folded, to catch up."""
        self.touched: set[bytes] = set()
        """Rows changed since they were packed last."""
        self._rows: dict[bytes, PredictRow | bytes] = {}
        self._due: list[Due] = []
        names = spec.names
        self._effects = names.index("tutor_effect_45d"), names.index("tutor_early_effect")

    def __len__(self) -> int:
        return len(self._rows)

    def has(self, key: bytes) -> bool:
        return key in self._rows

    def load(self, key: bytes, value: bytes) -> bool:
        """Take a row from the changelog; False when it is not ours or not the newest."""
        if not self.version.owns(value):
            return False
        known = self._rows.get(key)
        if isinstance(known, bytes) and order_of(known) > order_of(value):
            return False
        self._rows[key] = value
        return True

    def begin(self, position: int, clock: int, *, live: bool) -> None:
        """Where an earlier owner stood; to be called once, when the rows are loaded."""
        self.position, self.clock, self.live = position, clock, live
        if live:
            for key in self._rows:
                row_clock = self._clock_of(key)
                self._schedule_all(key, max(clock, row_clock))

    def packed(self) -> list[tuple[bytes, bytes]]:
        """Rows touched since the last call."""
        touched, self.touched = self.touched, set()
        return [(key, self.version.pack(self.row(key), self.clock)) for key in sorted(touched)]

    def row(self, key: bytes) -> PredictRow:
        """The tutor's row, a new one for a new tutor."""
        row = self._rows.get(key)
        if isinstance(row, PredictRow):
            return row
        row = PredictRow() if row is None else unpack(key, row)
        self._rows[key] = row
        return row

    def next_due(self) -> int:
        """Nothing is to be looked at before the time has passed this instant."""
        return self._due[0][0] if self._due else NEVER

    def fold(
        self, records: Iterable[tuple[int, int, bytes, SessionEvent | None]]
    ) -> Iterator[Look]:
        """Records as (offset, timestamp, key, fact or None for a tick), in order; those that were
        folded before are skipped."""
        for offset, timestamp, key, event in records:
            if offset < self.position:
                continue
            self.position = offset + 1
            if timestamp > self.clock:
                yield from self._pass_time(timestamp)
            if event is not None:
                row = self.row(key)
                if offset > row.applied:
                    row.applied = offset
                    self._apply(key, row, event)

    def look_again(self, reason: Reason) -> Iterator[Look]:
        """At every upcoming slot, as of the partition's time."""
        for key in sorted(self._rows):
            row = self.row(key)
            looks = list(self._look_at(key, row, self._upcoming(row, NEVER), self.clock, reason))
            if looks:
                self._tell(key, row, looks[0].vector)
            yield from looks

    def go_live(self) -> Iterator[Look]:
        """What fell due in the catch-up is made up for by one look at every upcoming slot."""
        self.live = True
        for key in self._rows:
            self._schedule_all(key, self.clock + 1)
        yield from self.look_again(Reason.CATCH_UP)

    def fall_silent(self) -> None:
        """There is so much to catch up with that nobody waits for looks at what is over."""
        self.live = False
        self._due.clear()

    def refresh(self, key: bytes, session_id: str, start: int | None, as_of: int) -> Iterator[Look]:
        """Nothing for a session that is not known or has no upcoming slot."""
        if key not in self._rows:
            return
        row = self.row(key)
        slots = [
            slot
            for slot in self._upcoming(row, NEVER)
            if slot.session_id == session_id and start in (None, slot.start)
        ]
        yield from self._look_at(key, row, slots, max(as_of, self.clock), Reason.REFRESH)

    def _clock_of(self, key: bytes) -> int:
        row = self._rows[key]
        return order_of(row)[1] if isinstance(row, bytes) else self.clock

    def _apply(self, key: bytes, row: PredictRow, event: SessionEvent) -> None:
        self.touched.add(key)
        row.awaited = [due for due in row.awaited if due[0] >= self.clock]
        start = event.scheduled_start
        if event.event_type is not EventType.SCHEDULED:
            self._await(key, row, "", 0, AT_CHANGE)
            start = start if event.new_start is None else event.new_start
        known = row.state.slot(event.session_id, start) is not None
        fold(row.state, event, self.spec)
        slot = row.state.slot(event.session_id, start)
        if self.live and not known and slot is not None and slot.ending is None:
            # A mark at this very instant is what the look at the creation is.
            self._schedule(key, slot, self.clock + 1)
            if slot.start > self.clock:
                self._await(key, row, slot.session_id, slot.start, AT_CREATION)

    def _await(
        self, key: bytes, row: PredictRow, session_id: str, start: int, hours: float
    ) -> None:
        """Look as soon as the clock's instant is over, when all of it is known."""
        due = (self.clock, key, session_id, start, hours)
        if self.live and due not in row.awaited:
            row.awaited.append(due)
            heapq.heappush(self._due, due)

    def _schedule_all(self, key: bytes, begin: int) -> None:
        """Looks from the instant `begin` on."""
        row = self.row(key)
        for slot in row.state.slots.values():
            if slot.ending is None and slot.start > begin:
                self._schedule(key, slot, begin)
        for due in row.awaited:
            if due[0] >= begin:
                heapq.heappush(self._due, due)

    def _schedule(self, key: bytes, slot: Slot, begin: int) -> None:
        for hours in MARKS:
            at = slot.start - round(hours * HOUR_MS)
            if at >= begin:
                heapq.heappush(self._due, (at, key, slot.session_id, slot.start, hours))

    def _pass_time(self, now: int) -> Iterator[Look]:
        """Looks at all instants before `now`, in order."""
        while self._due and self._due[0][0] < now:
            due = heapq.heappop(self._due)
            self.clock = max(self.clock, due[0])
            yield from self._look(*due)
        self.clock = now

    def _look(
        self, at: int, key: bytes, session_id: str, start: int, hours: float
    ) -> Iterable[Look]:
        row = self.row(key)
        if hours == AT_CHANGE:
            return self._look_if_changed(at, key, row)
        slot = row.state.slot(session_id, start)
        if slot is None or slot.ending is not None:
            return ()
        reason = Reason.CREATION if hours == AT_CREATION else Reason.MARK
        return self._look_at(key, row, [slot], at, reason, None if hours < 0 else hours)

    def _look_if_changed(self, at: int, key: bytes, row: PredictRow) -> Sequence[Look]:
        upcoming = self._upcoming(row, at + CHANGE_AHEAD_MS)
        first = list(self._look_at(key, row, upcoming[:1], at, Reason.CHANGE))
        if not first or not self._has_changed(row, first[0].vector):
            return ()
        self._tell(key, row, first[0].vector)
        return [*first, *self._look_at(key, row, upcoming[1:], at, Reason.CHANGE)]

    def _has_changed(self, row: PredictRow, vector: list[float]) -> bool:
        """Also when nothing has ever been told."""
        now = (vector[place] for place in self._effects)
        return not all(
            abs(new - old) < CHANGE_LOGIT for new, old in zip(now, row.told, strict=True)
        )

    def _tell(self, key: bytes, row: PredictRow, vector: list[float]) -> None:
        one, other = self._effects
        row.told = vector[one], vector[other]
        self.touched.add(key)

    def _upcoming(self, row: PredictRow, until: int) -> list[Slot]:
        """Open slots that start after the partition's time and up to `until`, in order."""
        return row.state.upcoming(self.clock, until)

    def _look_at(
        self,
        key: bytes,
        row: PredictRow,
        slots: Iterable[Slot],
        at: int,
        reason: Reason,
        mark_hours: float | None = None,
    ) -> Iterator[Look]:
        """A fact may claim to be up to five minutes newer than its record: `as_of` is then too."""
        as_of, some = max(at, row.state.now), list(slots)
        for slot, vector in zip(
            some, vectors(row.state, some, as_of, self.spec) if some else (), strict=True
        ):
            yield Look(
                key,
                slot.session_id,
                slot.start,
                slot.student_id,
                as_of,
                reason,
                mark_hours,
                row.applied,
                vector,
            )
