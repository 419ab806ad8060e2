"""The rows of one partition, and the fold of a batch of records over them.

This is the whole interface of the core: batches of columns in; touched rows, transitions and
fates out; row bytes in and out. Nothing here knows Faust or Kafka.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tutor_quality.domain.columns import NULL_TIME, Kind, LifecycleColumns
from tutor_quality.domain.risk import RiskRule
from tutor_quality.domain.slots import all_outcome_bits, slot_keys
from tutor_quality.domain.tutor import (
    NEVER,
    Cause,
    Fate,
    Transition,
    TutorRow,
    applied_offset,
    clock_instant,
    due_instant,
)


@dataclass(slots=True)
class Folded:
    """What a batch did."""

    touched: dict[bytes, TutorRow] = field(default_factory=dict)
    """Rows with a record applied, by key: each has one new score."""
    transitions: list[tuple[bytes, Transition]] = field(default_factory=list)
    """In the order in which they became true, per tutor."""
    fates: bytearray = field(default_factory=bytearray)
    """One `Fate` per record."""


class TutorRows:
    """The rows of one partition by key; a row stays bytes until it is needed."""

    def __init__(self, rule: RiskRule) -> None:
        self._rule = rule
        self._rows: dict[bytes, TutorRow | bytes] = {}
        self._next_due = NEVER

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._rows)

    def __contains__(self, key: bytes) -> bool:
        return key in self._rows

    def load(self, key: bytes, value: bytes) -> bool:
        """Take a row from the changelog; False when the one at hand has applied more.

        A zombie's late write may stand behind a newer row, so the order in the changelog
        decides nothing; the applied offset does.
        """
        known = self._rows.get(key)
        if known is not None and _applied(known) >= applied_offset(value):
            return _applied(known) == applied_offset(value)
        self._rows[key] = value
        self._next_due = min(self._next_due, due_instant(value))
        return True

    def row(self, key: bytes) -> TutorRow:
        """The tutor's row, a new one for a new tutor."""
        row = self._rows.get(key)
        if isinstance(row, TutorRow):
            return row
        row = TutorRow() if row is None else TutorRow.decode(row)
        self._rows[key] = row
        return row

    def applied(self) -> int:
        """The greatest offset that any row has applied; -1 when there are none."""
        return max(map(_applied, self._rows.values()), default=-1)

    def applied_after(self, offset: int) -> list[bytes]:
        """Keys of the rows that have applied a later record."""
        return [key for key, row in self._rows.items() if _applied(row) > offset]

    def clock(self) -> int:
        """The greatest clock of any row; -1 when there are none."""
        return max(map(_clock, self._rows.values()), default=-1)

    def due(self, instant: int) -> list[bytes]:
        """Keys of the rows of which a count changes at or before `instant`."""
        if self._next_due > instant:
            return []
        due = {key: _due(row) for key, row in self._rows.items()}
        self._next_due = min(due.values(), default=NEVER)
        return [key for key, when in due.items() if when <= instant]

    def next_due(self) -> int:
        """No count of any row changes before this instant unless a record arrives."""
        return self._next_due

    def fold(self, columns: LifecycleColumns) -> Folded:
        """Apply the records in order; those that a row has applied before are skipped."""
        folded = Folded()
        touched, fates, rule = folded.touched, folded.fates, self._rule
        changes: list[Transition] = []
        for key, offset, timestamp, *fact in _facts(columns):
            if not key:  # Marks the partition's time only.
                fates.append(Fate.APPLIED)
                continue
            row = touched.get(key) or self.row(key)
            if offset <= row.applied:
                fates.append(Fate.SKIPPED)
                continue
            touched[key] = row
            row.applied = offset
            if timestamp > row.clock:
                row.advance(timestamp, rule, offset, changes)
            fates.append(_apply(row, rule, offset, changes, *fact))
            if changes:
                folded.transitions.extend((key, change) for change in changes)
                changes.clear()
        for row in touched.values():
            self._next_due = min(self._next_due, row.due)
        return folded


def _facts(columns: LifecycleColumns) -> Iterable[tuple[Any, ...]]:
    """(key, offset, timestamp, kind, occurred_at, event_id, slot key, start, bits, new slot key,
    new start) of each record, as Python values."""
    identity = columns.event_id.tobytes()
    return zip(
        columns.key,
        columns.offset.tolist(),
        columns.timestamp.tolist(),
        columns.kind.tolist(),
        columns.occurred_at.tolist(),
        [identity[place : place + 16] for place in range(0, len(identity), 16)],
        slot_keys(columns.session_id, columns.scheduled_start).tolist(),
        columns.scheduled_start.tolist(),
        all_outcome_bits(columns).tolist(),
        slot_keys(columns.session_id, columns.new_start).tolist(),
        columns.new_start.tolist(),
        strict=True,
    )


def _apply(
    row: TutorRow,
    rule: RiskRule,
    offset: int,
    changes: list[Transition],
    kind: int,
    occurred_at: int,
    event_id: bytes,
    slot: int,
    start: int,
    bits: int,
    new_slot: int,
    new_start: int,
) -> Fate:
    if kind == Kind.TICK:
        return Fate.APPLIED
    if kind == Kind.SCHEDULED:
        return row.open(slot, start, occurred_at)
    fate = row.close(slot, start, bits, occurred_at, event_id)
    if kind == Kind.RESCHEDULED and new_start != NULL_TIME:
        # The move books its new slot even where a later fact has the old one's outcome.
        opened = row.open(new_slot, new_start, occurred_at)
        fate = Fate.APPLIED if opened is Fate.APPLIED else fate
    if fate is Fate.APPLIED:
        row.judge(rule, Cause.EVENT, offset, None, changes)
    return fate


def _applied(row: TutorRow | bytes) -> int:
    return row.applied if isinstance(row, TutorRow) else applied_offset(row)


def _clock(row: TutorRow | bytes) -> int:
    return row.clock if isinstance(row, TutorRow) else clock_instant(row)


def _due(row: TutorRow | bytes) -> int:
    return row.due if isinstance(row, TutorRow) else due_instant(row)
