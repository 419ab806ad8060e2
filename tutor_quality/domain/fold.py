"""The rows of one partition, and the fold of a batch of records over them.

This is the whole interface of the core: batches of columns in; touched tutors, transitions and
fates out; row bytes in and out. Nothing here knows Faust or Kafka, and nothing makes a Python
object of a record or of a row: tutors are numbers, which stay the same while the rows are held.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain import kernels, row_bytes
from tutor_quality.domain.arena import CHANGE, Arena, new_arena
from tutor_quality.domain.columns import NULL_TIME, LifecycleColumns
from tutor_quality.domain.risk import RiskRule, Verdict
from tutor_quality.domain.tutor import NEVER, Cause, Transition, TutorRow

Numbers = NDArray[np.int64]
"""Of tutors, in any order."""
Change = tuple[bytes, Transition]
"""Key of the tutor, and what changed."""

CHANGES = 100
"""Transitions that one call of the kernel has room for."""
GROWTH = 8
"""The arena grows by an eighth: what it grows by is written once, what it holds stays in place."""
WASTE = 4
"""Segments are moved together when those that were left are a quarter of the arena."""


@dataclass(frozen=True, slots=True)
class Packed:
    """Keys and values of several records in two buffers."""

    keys: NDArray[np.uint8]
    """36 bytes each: UUIDs in text."""
    values: NDArray[np.uint8]
    ends: NDArray[np.int64]
    """Where each value ends; the first begins at 0."""

    def __len__(self) -> int:
        return len(self.ends)

    def pairs(self) -> Iterator[tuple[bytes, bytes]]:
        keys, values, begin = self.keys.tobytes(), self.values.tobytes(), 0
        for place, end in enumerate(self.ends.tolist()):
            yield keys[KEY_BYTES * place : KEY_BYTES * (place + 1)], values[begin:end]
            begin = end


KEY_BYTES = row_bytes.KEY_BYTES


@dataclass(frozen=True, slots=True)
class Folded:
    """What a batch did."""

    touched: Numbers
    """Tutors with a record applied: each has one new score."""
    changes: NDArray[np.void]
    """Of CHANGE, in the order in which they became true, per tutor."""
    fates: NDArray[np.uint8]
    """One `Fate` per record."""


class TutorRows:
    """The rows of one partition."""

    def __init__(self, rule: RiskRule) -> None:
        self.arena: Arena = new_arena()
        self._threshold = rule.threshold
        self._changes = np.zeros(CHANGES, CHANGE)

    def __len__(self) -> int:
        return int(self.arena.marks["tutors"][0])

    def numbers(self, keys: Iterable[bytes]) -> Numbers:
        """-1 for unknown tutors. Raises ValueError for a key that is no UUID in text."""
        ids = _ids(keys)
        numbers = np.empty(len(ids), np.int64)
        kernels.numbers_of(self.arena, ids, numbers)
        return numbers

    def keys(self, numbers: Numbers) -> list[bytes]:
        raw = self.packed_keys(numbers).tobytes()
        return [raw[place : place + KEY_BYTES] for place in range(0, len(raw), KEY_BYTES)]

    def packed_keys(self, numbers: Numbers) -> NDArray[np.uint8]:
        keys = np.empty(KEY_BYTES * len(numbers), np.uint8)
        row_bytes.put_keys(self.arena, numbers, keys)
        return keys

    # Bytes

    def load(self, keys: Sequence[bytes], values: Sequence[bytes]) -> None:
        """Take rows from the changelog, but for those where the one at hand has applied more.

        A zombie's late write may stand behind a newer row, so the order in the changelog
        decides nothing; the applied offset does. Raises ValueError for what is no row.
        """
        raw = np.frombuffer(b"".join(values), np.uint8)
        ends = np.cumsum(np.fromiter(map(len, values), np.int64, len(values)))
        begins = np.concatenate(([0], ends))
        ids, taken = _ids(keys), np.empty(len(keys), np.uint8)
        done = row_bytes.load_rows(self.arena, raw, begins, ends, ids, 0, taken)
        while done < len(ids):
            self._grow()
            done = row_bytes.load_rows(self.arena, raw, begins, ends, ids, done, taken)
        if (taken == row_bytes.BROKEN).any():
            raise ValueError("the changelog holds what is no row of a format known to this program")

    def encode(self, numbers: Numbers, tail: bytes = b"") -> Packed:
        """The rows' bytes, each followed by `tail`."""
        ends = np.empty(len(numbers), np.int64)
        size = row_bytes.measure_rows(self.arena, numbers, len(tail), ends)
        values = np.empty(size, np.uint8)
        row_bytes.put_rows(self.arena, numbers, np.frombuffer(tail, np.uint8), values, ends)
        return Packed(self.packed_keys(numbers), values, ends)

    def row(self, key: bytes) -> TutorRow:
        """A copy in plain Python, for proofs; an empty row for an unknown tutor."""
        (number,) = numbers = self.numbers([key])
        if number < 0:
            return TutorRow()
        return TutorRow.decode(self.encode(numbers).values.tobytes())

    # Time

    def applied(self) -> int:
        """The greatest offset that any row has applied; -1 when there are none."""
        return int(self._tutors("applied").max(initial=-1))

    def applied_after(self, offset: int) -> Numbers:
        """Tutors whose rows have applied a later record."""
        return np.flatnonzero(self._tutors("applied") > offset)

    def clock(self) -> int:
        """The greatest clock of any row; -1 when there are none."""
        return int(self._tutors("clock").max(initial=-1))

    def due(self, instant: int) -> Numbers:
        """Tutors of whom a count changes at or before `instant`."""
        if self.next_due() > instant:
            return np.empty(0, np.int64)
        due = self._tutors("due")
        self.arena.marks["next_due"] = due.min(initial=NEVER)
        return np.flatnonzero(due <= instant)

    def next_due(self) -> int:
        """No count of any row changes before this instant unless a record arrives."""
        return int(self.arena.marks["next_due"][0])

    def awaited(self, numbers: Numbers) -> list[tuple[int, int]]:
        """Of each tutor the instant when a count changes next, and the offset applied last."""
        tutors = self.arena.tutors
        due, applied = tutors["due"][numbers].tolist(), tutors["applied"][numbers].tolist()
        return list(zip(due, applied, strict=True))

    def _tutors(self, field: str) -> NDArray[np.int64]:
        return self.arena.tutors[field][: len(self)]

    # Facts

    def fold(self, columns: LifecycleColumns) -> Folded:
        """Apply the records in order; those that a row has applied before are skipped."""
        marks, n = self.arena.marks, len(columns.offset)
        touched, fates = np.empty(n, np.int64), np.empty(n, np.uint8)
        changes: list[NDArray[np.void]] = []
        marks["batch"] += 1
        marks["touched"] = 0
        done = 0
        while True:
            done = kernels.fold(
                self.arena, columns, done, self._threshold, fates, touched, self._changes
            )
            changes.append(self._taken_changes())
            if done == n:
                return Folded(touched[: marks["touched"][0]], np.concatenate(changes), fates)
            self._grow()

    def _taken_changes(self) -> NDArray[np.void]:
        marks = self.arena.marks
        count = int(marks["changes"][0])
        marks["changes"] = 0
        return self._changes[:count].copy()

    def transitions(self, changes: NDArray[np.void]) -> list[Change]:
        """The same in plain Python, for proofs."""
        keys = self.keys(np.ascontiguousarray(changes["tutor"]))
        return list(zip(keys, map(_transition, changes), strict=True))

    # Room

    def _grow(self) -> None:
        marks = self.arena.marks[0]
        if marks["tutors"] == len(self.arena.tutors):
            self._grow_tutors()
        if marks["wanted"]:
            self._grow_slots(int(marks["wanted"]))
            marks["wanted"] = 0

    def compact(self) -> None:
        """Move the segments together."""
        # Of tutors without a slot the segment is empty, and its place does not matter.
        kernels.compact(self.arena, np.argsort(self._tutors("base"), kind="stable"))

    def _grow_tutors(self) -> None:
        arena = self.arena
        count = 2 * len(arena.tutors)
        arena.tutors.resize(count, refcheck=False)
        arena.by_id.resize(2 * count, refcheck=False)
        arena.by_id[:] = 0
        kernels.seat_all(arena)

    def _grow_slots(self, wanted: int) -> None:
        arena, marks = self.arena, self.arena.marks[0]
        if WASTE * marks["waste"] > len(arena.slots):
            self.compact()
        if wanted > len(arena.spare):
            arena.spare.resize(2 * wanted, refcheck=False)
        size = int(marks["top"]) + wanted
        if size > len(arena.slots):
            size += size // GROWTH
            for column in (arena.slots, arena.closed, arena.opened):
                column.resize(size, refcheck=False)
            arena.by_key.resize(2 * size, refcheck=False)


def _ids(keys: Iterable[bytes]) -> NDArray[np.uint8]:
    raw = b"".join(map(_uuid_bytes, keys))
    return np.frombuffer(raw, np.uint8).reshape(-1, 16)


def _uuid_bytes(key: bytes) -> bytes:
    uuid = bytes.fromhex(key.replace(b"-", b"").decode())
    if len(key) != KEY_BYTES or len(uuid) != 16:
        raise ValueError(f"{key!r} is not a UUID in text")
    return uuid


def _transition(change: Any) -> Transition:
    _, number, instant, verdict, previous, totals, reschedules, cause, offset, slot_at = (
        change.tolist()
    )
    return Transition(
        number=number,
        instant=instant,
        verdict=Verdict(verdict),
        previous=Verdict(previous),
        totals=tuple(totals),
        reschedules=tuple(reschedules),
        cause=Cause(cause),
        offset=offset,
        slot_at=None if slot_at == NULL_TIME else slot_at,
    )
