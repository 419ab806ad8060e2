"""The row of one tutor: a set of facts, and exact rolling windows over them.

This is the rule in plain Python: what `kernels.py` does compiled, and is held to by tests, the
simulation and the proof. The score stage itself runs the compiled one.

The row is a pure function of the tutor's records in log order, and its facts and counts do not
even depend on the order: the same facts, in any order and any number of times, give the same
counts at the same clock.

Outcomes stand in time order. For each window one cursor marks where it begins, and one cursor
common to all marks the clock: an outcome enters when the clock reaches it and leaves window d when
the clock reaches `occurred_at + d`. Between those instants no count changes, so the row needs to
look only at the next one, `due`.
"""

from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from enum import IntEnum
from struct import Struct

from tutor_quality.domain.counts import LANE, WEIGHTS
from tutor_quality.domain.risk import WINDOW_MS, RiskRule, Verdict

NEVER = 2**63 - 1
WINDOWS = range(len(WINDOW_MS))
KEEP_MS = WINDOW_MS[-1]
"""A slot is forgotten when both its start and its outcome are this long past."""


class Cause(IntEnum):
    """Why a verdict changed; the values are those of the Avro enum Cause."""

    EVENT = 0
    EXPIRY = 1
    ENTRY = 2
    """An outcome dated ahead of its record came into the windows."""


class Fate(IntEnum):
    """What became of a record; every offset has exactly one."""

    APPLIED = 0
    DUPLICATE = 1
    """The fact was known, or a later fact about the slot is."""
    LATE = 2
    """Too old to touch any window or open slot; it is history only."""
    SKIPPED = 3
    """Applied before: its fate was decided then."""


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of verdict at the exact instant it became true."""

    number: int
    """1, 2, 3, … per tutor."""
    instant: int
    verdict: Verdict
    previous: Verdict
    totals: tuple[int, ...]
    """Slots with an outcome, per window."""
    reschedules: tuple[int, ...]
    """Of those, moved or cancelled by the tutor."""
    cause: Cause
    offset: int
    """Of the record being applied."""
    slot_at: int | None
    """Expiry and entry: when the slot's outcome occurred."""


class TutorRow:
    """Everything the score stage knows of one tutor. Times are milliseconds since the epoch."""

    __slots__ = (
        "applied",
        "at",
        "bits",
        "clock",
        "counts",
        "due",
        "entered",
        "event_id",
        "first",
        "key",
        "occurred",
        "oldest_open",
        "open_slots",
        "start",
        "transitions",
        "verdict",
    )

    def __init__(self) -> None:
        self.applied = -1
        """Offset of the last record applied."""
        self.clock = -1
        """Greatest timestamp among the tutor's records."""
        self.transitions = 0
        self.verdict = Verdict.LOW
        self.open_slots: dict[int, tuple[int, int]] = {}
        """Slot key -> (start, when it was booked)."""
        self.oldest_open = NEVER
        """No open slot starts before this."""

        # Outcomes in the order of (when it occurred, slot key), one list per column.
        self.at: list[int] = []
        self.key: list[int] = []
        self.event_id: list[bytes] = []
        self.start: list[int] = []
        self.bits: list[int] = []
        self.occurred: dict[int, int] = {}
        """Slot key -> when its outcome occurred, to find its place."""

        self.entered = 0
        """Outcomes before this place have occurred by the clock."""
        self.first = [0] * len(WINDOW_MS)
        """Per window: its outcomes are those from this place up to `entered`."""
        self.counts = [0] * len(WINDOW_MS)
        """Per window: packed counts, see `counts.py`."""
        self.due = NEVER
        """The next instant at which a count changes if nothing arrives."""

    # Time

    def advance(self, instant: int, rule: RiskRule, offset: int, changes: list[Transition]) -> None:
        """Move the clock to `instant`, judging at every instant passed where a count changes."""
        while self.due <= instant:
            self._pass(self.due, rule, offset, changes)
        if instant > self.clock:
            self.clock = instant

    def _pass(self, instant: int, rule: RiskRule, offset: int, changes: list[Transition]) -> None:
        """Let the outcomes enter and leave that are due at exactly `instant`."""
        at, bits, counts, first = self.at, self.bits, self.counts, self.first
        self.clock = instant
        place = self.entered
        while place < len(at) and at[place] <= instant:
            weight = WEIGHTS[bits[place]]
            for window in WINDOWS:
                counts[window] += weight
            place += 1
        cause, slot_at = Cause.ENTRY, instant
        self.entered = place
        for window in reversed(WINDOWS):
            edge = instant - WINDOW_MS[window]
            place = first[window]
            while place < self.entered and at[place] <= edge:
                counts[window] -= WEIGHTS[bits[place]]
                place += 1
                cause, slot_at = Cause.EXPIRY, edge
            first[window] = place
        self._find_due()
        self.judge(rule, cause, offset, slot_at, changes)

    def _find_due(self) -> None:
        at, entered = self.at, self.entered
        due = at[entered] if entered < len(at) else NEVER
        for window in WINDOWS:
            place = self.first[window]
            if place < entered:
                leaves = at[place] + WINDOW_MS[window]
                if leaves < due:
                    due = leaves
        self.due = due

    # Facts

    def open(self, key: int, start: int, booked_at: int) -> Fate:
        """A fact that books a slot; the earliest booking is kept."""
        if start + KEEP_MS <= self.clock:
            return Fate.LATE
        if key in self.occurred:
            return Fate.DUPLICATE
        known = self.open_slots.get(key)
        if known is not None and known[1] <= booked_at:
            return Fate.DUPLICATE
        self.open_slots[key] = (start, booked_at)
        self.oldest_open = min(self.oldest_open, start)
        return Fate.APPLIED

    def close(self, key: int, start: int, bits: int, occurred_at: int, event_id: bytes) -> Fate:
        """A fact that gives a slot its outcome; the greatest (occurred_at, event_id) wins."""
        if max(occurred_at, start) + KEEP_MS <= self.clock:
            return Fate.LATE
        known = self.occurred.get(key)
        if known is None:
            self.open_slots.pop(key, None)
        else:
            place = self._place(key, known)
            if (known, self.event_id[place]) >= (occurred_at, event_id):
                return Fate.DUPLICATE
            self._remove(place)
        self._insert(key, start, bits, occurred_at, event_id)
        self._find_due()
        return Fate.APPLIED

    def _place(self, key: int, occurred_at: int) -> int:
        return self.key.index(key, bisect_left(self.at, occurred_at))

    def _insert(self, key: int, start: int, bits: int, occurred_at: int, event_id: bytes) -> None:
        at = self.at
        self.occurred[key] = occurred_at
        place = len(at)
        if at and occurred_at <= at[-1]:
            place = bisect_left(at, occurred_at)
            while place < len(at) and at[place] == occurred_at and self.key[place] < key:
                place += 1
        at.insert(place, occurred_at)
        self.key.insert(place, key)
        self.event_id.insert(place, event_id)
        self.start.insert(place, start)
        self.bits.insert(place, bits)
        if occurred_at <= self.clock:
            self.entered += 1
            self._count(occurred_at, WEIGHTS[bits], 1)

    def _remove(self, place: int) -> None:
        occurred_at = self.at.pop(place)
        weight = WEIGHTS[self.bits.pop(place)]
        del self.occurred[self.key.pop(place)]
        del self.event_id[place], self.start[place]
        if occurred_at <= self.clock:
            self.entered -= 1
            self._count(occurred_at, -weight, -1)

    def _count(self, occurred_at: int, weight: int, one: int) -> None:
        """Account for an outcome at or before the clock that was inserted or removed."""
        for window in WINDOWS:
            if occurred_at > self.clock - WINDOW_MS[window]:
                self.counts[window] += weight
            else:
                self.first[window] += one

    # Risk

    def total(self, window: int) -> int:
        return self.entered - self.first[window]

    def reschedules(self, window: int) -> int:
        return self.counts[window] & LANE

    def judge(
        self,
        rule: RiskRule,
        cause: Cause,
        offset: int,
        slot_at: int | None,
        changes: list[Transition],
    ) -> None:
        """Compare the verdict with the counts at the clock; append the transition if it changed."""
        verdict = Verdict.LOW
        threshold = rule.threshold
        for window in WINDOWS:
            reschedules = self.counts[window] & LANE
            total = self.entered - self.first[window]
            # The first test is the rule's own, inlined: most windows of most tutors end here.
            if reschedules * 10_000 > threshold * total:
                verdict = max(verdict, rule.verdict_of_window(reschedules, total))
        if verdict == self.verdict:
            return
        previous, self.verdict = self.verdict, verdict
        self.transitions += 1
        changes.append(
            Transition(
                number=self.transitions,
                instant=self.clock,
                verdict=verdict,
                previous=previous,
                totals=tuple(self.total(window) for window in WINDOWS),
                reschedules=tuple(self.reschedules(window) for window in WINDOWS),
                cause=cause,
                offset=offset,
                slot_at=slot_at,
            )
        )

    # Memory and bytes

    def forget_open(self) -> None:
        """Drop the open slots that began before the longest window."""
        edge = self.clock - KEEP_MS
        if self.oldest_open > edge:
            return
        self.open_slots = {key: slot for key, slot in self.open_slots.items() if slot[0] > edge}
        self.oldest_open = min((start for start, _ in self.open_slots.values()), default=NEVER)

    def forget(self) -> None:
        """Drop the slots whose start and outcome are both out of the longest window."""
        self.forget_open()
        edge = self.clock - KEEP_MS
        passed = self.first[-1]
        kept = [place for place in range(passed) if self.start[place] > edge]
        if len(kept) == passed:
            return
        for place in set(range(passed)).difference(kept):
            del self.occurred[self.key[place]]
        self.event_id[:passed] = [self.event_id[place] for place in kept]
        for column in (self.at, self.key, self.start, self.bits):
            column[:passed] = [column[place] for place in kept]
        dropped = passed - len(kept)
        self.entered -= dropped
        self.first = [place - dropped for place in self.first]

    def encode(self) -> bytes:
        """The row's bytes: equal for equal records, whatever batches they came in."""
        self.forget()
        slots = sorted((slot, key) for key, slot in self.open_slots.items())
        return b"".join(
            (
                _HEADER.pack(
                    FORMAT,
                    self.applied,
                    self.clock,
                    self.transitions,
                    self.verdict,
                    self.due,
                    len(self.at),
                    len(slots),
                ),
                array("q", self.at).tobytes(),
                array("Q", self.key).tobytes(),
                b"".join(self.event_id),
                array("q", self.start).tobytes(),
                array("H", self.bits).tobytes(),
                array("Q", [key for _, key in slots]).tobytes(),
                array("q", [start for (start, _), _ in slots]).tobytes(),
                array("q", [booked for (_, booked), _ in slots]).tobytes(),
            )
        )

    @classmethod
    def decode(cls, value: bytes) -> "TutorRow":
        """The row that `encode` made; cursors and counts follow from the outcomes and the clock."""
        row = cls()
        version, row.applied, row.clock, row.transitions, verdict, _, outcomes, slots = (
            _HEADER.unpack_from(value)
        )
        if version != FORMAT:
            raise ValueError(f"row format {version} is unknown; this program writes {FORMAT}")
        row.verdict = Verdict(verdict)
        reader = _Columns(value, _HEADER.size)
        row.at = reader.take("q", outcomes)
        row.key = reader.take("Q", outcomes)
        row.event_id = reader.take_ids(outcomes)
        row.start = reader.take("q", outcomes)
        row.bits = reader.take("H", outcomes)
        keys, starts, booked = (reader.take(code, slots) for code in "Qqq")
        row.open_slots = dict(zip(keys, zip(starts, booked, strict=True), strict=True))
        row.oldest_open = min(starts, default=NEVER)
        row.occurred = dict(zip(row.key, row.at, strict=True))
        row._recount()
        return row

    def _recount(self) -> None:
        self.entered = bisect_right(self.at, self.clock)
        for window in WINDOWS:
            first = bisect_right(self.at, self.clock - WINDOW_MS[window])
            self.first[window] = first
            self.counts[window] = sum(WEIGHTS[bits] for bits in self.bits[first : self.entered])
        self._find_due()


FORMAT = 1
_HEADER = Struct("<BqqIBqII")
HEADER_BYTES = _HEADER.size


def applied_offset(value: bytes) -> int:
    """The offset applied last, read from a row's bytes without decoding the rest."""
    applied: int = _HEADER.unpack_from(value)[1]
    return applied


def clock_instant(value: bytes) -> int:
    """`TutorRow.clock`, read from a row's bytes without decoding the rest."""
    clock: int = _HEADER.unpack_from(value)[2]
    return clock


def due_instant(value: bytes) -> int:
    """`TutorRow.due`, read from a row's bytes without decoding the rest."""
    due: int = _HEADER.unpack_from(value)[5]
    return due


class _Columns:
    """Reads columns one after the other from a row's bytes."""

    def __init__(self, value: bytes, position: int) -> None:
        self._value = value
        self._position = position

    def take(self, code: str, count: int) -> list[int]:
        column = array(code)
        column.frombytes(self._bytes(count * column.itemsize))
        return column.tolist()

    def take_ids(self, count: int) -> list[bytes]:
        raw = self._bytes(16 * count)
        return [raw[place : place + 16] for place in range(0, len(raw), 16)]

    def _bytes(self, length: int) -> bytes:
        begin = self._position
        self._position += length
        return self._value[begin : self._position]
