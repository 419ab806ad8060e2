"""The score stage's core in plain Python: one record, one row, one score after the other.

Tests and the simulation hold the compiled core to it, byte for byte.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from uuid import UUID, uuid5

from schemas.codec import encode
from schemas.scores import Saying
from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind, LifecycleColumns
from tutor_quality.domain.counts import unpack
from tutor_quality.domain.fold import Change
from tutor_quality.domain.risk import WINDOW_DAYS, RiskRule, Verdict, rate
from tutor_quality.domain.slots import outcome_bits, slot_key
from tutor_quality.domain.tutor import NEVER, Cause, Fate, Transition, TutorRow


@dataclass(slots=True)
class ReferenceRows:
    """As `TutorRows`, of rows by key."""

    rule: RiskRule
    rows: dict[bytes, TutorRow] = field(default_factory=lambda: defaultdict(TutorRow))
    fates: list[Fate] = field(default_factory=list)
    """Of all records so far."""
    transitions: list[Change] = field(default_factory=list)

    def fold(self, columns: LifecycleColumns) -> None:
        for record in _records(columns):
            self.fates.append(self._apply(*record))

    def _apply(
        self, key: bytes, offset: int, timestamp: int, kind: Kind, fact: "Fact | None"
    ) -> Fate:
        if kind is Kind.MARK:
            return Fate.APPLIED
        row = self.rows[key]
        if offset <= row.applied:
            return Fate.SKIPPED
        changes: list[Transition] = []
        row.applied = offset
        row.advance(timestamp, self.rule, offset, changes)
        fate = Fate.APPLIED if fact is None else _tell(row, kind, fact)
        if fate is Fate.APPLIED and fact is not None and kind is not Kind.SCHEDULED:
            row.judge(self.rule, Cause.EVENT, offset, None, changes)
        self.transitions += [(key, change) for change in changes]
        return fate


@dataclass(frozen=True, slots=True)
class Fact:
    event_id: bytes
    session_id: bytes
    start: int
    occurred_at: int
    bits: int
    new_start: int | None


def _tell(row: TutorRow, kind: Kind, fact: Fact) -> Fate:
    key = slot_key(fact.session_id, fact.start)
    if kind is Kind.SCHEDULED:
        return row.open(key, fact.start, fact.occurred_at)
    fate = row.close(key, fact.start, fact.bits, fact.occurred_at, fact.event_id)
    if fact.new_start is not None:
        # The move books its new slot even where a later fact has the old one's outcome.
        new_key = slot_key(fact.session_id, fact.new_start)
        if row.open(new_key, fact.new_start, fact.occurred_at) is Fate.APPLIED:
            return Fate.APPLIED
    return fate


def _records(
    columns: LifecycleColumns,
) -> Iterable[tuple[bytes, int, int, Kind, Fact | None]]:
    for at in range(len(columns.offset)):
        kind = Kind(columns.kind[at])
        key = str(UUID(bytes=columns.tutor_id[at].tobytes())).encode()
        fact = None if kind in (Kind.TICK, Kind.MARK) else _fact(columns, at, kind)
        yield key, int(columns.offset[at]), int(columns.timestamp[at]), kind, fact


def _fact(columns: LifecycleColumns, at: int, kind: Kind) -> Fact:
    start = int(columns.scheduled_start[at])
    first = int(columns.is_first_session[at])
    initiator = int(columns.initiator[at])
    bits = outcome_bits(
        kind,
        initiator=None if initiator < 0 else Initiator(initiator),
        scheduled_start=start,
        duration_minutes=_or_none(int(columns.duration_minutes[at]), -1),
        started_at=_or_none(int(columns.started_at[at]), NULL_TIME),
        ended_at=_or_none(int(columns.ended_at[at]), NULL_TIME),
        rating=_or_none(int(columns.rating[at]), 0),
        is_first_session=None if first < 0 else bool(first),
    )
    new_start = int(columns.new_start[at]) if kind is Kind.RESCHEDULED else NULL_TIME
    return Fact(
        columns.event_id[at].tobytes(),
        columns.session_id[at].tobytes(),
        start,
        int(columns.occurred_at[at]),
        bits,
        _or_none(new_start, NULL_TIME),
    )


def _or_none(number: int, null: int) -> int | None:
    return None if number == null else number


def score(key: bytes, row: TutorRow, saying: Saying) -> bytes:
    """The row's score by the general encoder."""
    row.forget_open()
    rule = saying.rule
    windows = list(enumerate(WINDOW_DAYS))
    counts = [(row.reschedules(window), row.total(window)) for window, _ in windows]
    fields: dict[str, object] = {
        "tutor_id": key.decode(),
        "generation": saying.generation,
        "version": row.applied,
        "partition": saying.partition,
        "as_of": row.clock,
        "next_change_at": None if row.due == NEVER else row.due,
        "is_high_risk": row.verdict is not Verdict.LOW,
        "risk_threshold": saying.threshold,
        "risk_level": _level(row, counts, rule),
        "reasons": [f"{days}d" for window, days in windows if rule.is_high(*counts[window])],
        "evidence": _evidence(row.verdict),
        "transition": row.transitions,
        "open_slots": len(row.open_slots),
    }
    for window, days in windows:
        moved, total = counts[window]
        attendance = unpack(row.counts[window])._asdict()
        fields[f"total_sessions_{days}d"] = total
        fields[f"tutor_reschedules_{days}d"] = attendance.pop("tutor_reschedules")
        fields[f"reschedule_rate_{days}d"] = rate(moved, total)
        fields[f"attendance_{days}d"] = attendance
    return encode("tutor_score", fields)


def _level(row: TutorRow, counts: Sequence[tuple[int, int]], rule: RiskRule) -> str:
    """A tutor without sessions is low."""
    if row.verdict is not Verdict.LOW:
        return "high"
    return "warning" if any(rule.is_warning(*one) for one in counts) else "low"


def risk_changed(key: bytes, change: Transition, saying: Saying) -> bytes:
    totals = zip(WINDOW_DAYS, change.totals, strict=True)
    reschedules = zip(WINDOW_DAYS, change.reschedules, strict=True)
    fields: dict[str, object] = {
        "event_id": _id("risk-changed", key, change, saying),
        "tutor_id": key.decode(),
        "generation": saying.generation,
        "transition": change.number,
        "occurred_at": change.instant,
        "is_high_risk": change.verdict is not Verdict.LOW,
        "was_high_risk": change.previous is not Verdict.LOW,
        "evidence": _evidence(change.verdict),
        "previous_evidence": _evidence(change.previous),
        "reasons": _reasons(change, saying),
        **{f"total_sessions_{days}d": count for days, count in totals},
        **{f"tutor_reschedules_{days}d": count for days, count in reschedules},
        "risk_threshold": saying.threshold,
        "cause": Cause(change.cause).name.lower(),
        "cause_offset": change.offset,
        "cause_slot_at": change.slot_at,
    }
    return encode("risk_changed", fields)


def alert(key: bytes, change: Transition, saying: Saying) -> bytes:
    counts = zip(WINDOW_DAYS, change.reschedules, change.totals, strict=True)
    fields: dict[str, object] = {
        "event_id": _id("alert", key, change, saying),
        "kind": _kind(change),
        "tutor_id": key.decode(),
        "session_id": None,
        "occurred_at": change.instant,
        "evidence": _evidence(change.verdict),
        "reasons": _reasons(change, saying),
        **{f"reschedule_rate_{days}d": rate(moved, total) for days, moved, total in counts},
        "risk_threshold": saying.threshold,
        "probability": None,
        "scheduled_start": None,
    }
    return encode("high_risk_alert", fields)


def _id(kind: str, key: bytes, change: Transition, saying: Saying) -> str:
    return str(uuid5(saying.namespace, f"{kind}:{key.decode()}:{change.number}"))


def _reasons(change: Transition, saying: Saying) -> list[str]:
    counts = zip(WINDOW_DAYS, change.reschedules, change.totals, strict=True)
    return [f"{days}d" for days, moved, total in counts if saying.rule.is_high(moved, total)]


def _kind(change: Transition) -> str:
    if change.verdict is Verdict.LOW:
        return "tutor_left"
    return "tutor_entered" if change.previous is Verdict.LOW else "tutor_evidence_changed"


def _evidence(verdict: Verdict) -> str | None:
    return None if verdict is Verdict.LOW else verdict.name.lower()
