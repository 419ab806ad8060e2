"""What the score stage says to others, as records. Pure: everything follows from rows and
transitions, so that a replay says the same with the same ids."""

from collections.abc import Iterable
from functools import cached_property
from uuid import NAMESPACE_DNS, UUID, uuid5

from schemas.codec import encode
from schemas.scores import encode_scores
from streams.outlet import Outgoing
from tutor_quality.domain.fold import Change, Numbers, Packed, TutorRows
from tutor_quality.domain.risk import WINDOW_DAYS, RiskRule, Verdict, rate
from tutor_quality.domain.tutor import Cause, Transition

NAMESPACE = uuid5(NAMESPACE_DNS, "tutor-quality")


class Outputs:
    """Encodes outputs of one partition of one generation of the input topic."""

    def __init__(self, rule: RiskRule, generation: int, partition: int, threshold: float) -> None:
        """`threshold`: the fraction that the rule was made of, as shown to readers."""
        self._rule = rule
        self._partition = partition
        self._threshold = threshold
        self.generation = generation

    @cached_property
    def _ids(self) -> UUID:
        return uuid5(NAMESPACE, f"generation:{self.generation}")

    def scores(self, rows: TutorRows, numbers: Numbers) -> Packed:
        """One score per tutor; the row's applied offset is its version."""
        return encode_scores(
            rows,
            numbers,
            self._rule,
            threshold=self._threshold,
            generation=self.generation,
            partition=self._partition,
        )

    def risk_changes(self, changes: Iterable[Change]) -> list[Outgoing]:
        return [
            Outgoing(key, encode("risk_changed", self._risk_changed(key, change)))
            for key, change in changes
        ]

    def alerts(self, changes: Iterable[Change]) -> list[Outgoing]:
        return [
            Outgoing(key, encode("high_risk_alert", self._alert(key, change)))
            for key, change in changes
        ]

    def _id(self, kind: str, key: bytes, change: Transition) -> str:
        return str(uuid5(self._ids, f"{kind}:{key.decode()}:{change.number}"))

    def _risk_changed(self, key: bytes, change: Transition) -> dict[str, object]:
        totals = zip(WINDOW_DAYS, change.totals, strict=True)
        reschedules = zip(WINDOW_DAYS, change.reschedules, strict=True)
        return {
            "event_id": self._id("risk-changed", key, change),
            "tutor_id": key.decode(),
            "generation": self.generation,
            "transition": change.number,
            "occurred_at": change.instant,
            "is_high_risk": change.verdict is not Verdict.LOW,
            "was_high_risk": change.previous is not Verdict.LOW,
            "evidence": _evidence(change.verdict),
            "previous_evidence": _evidence(change.previous),
            "reasons": self._reasons(change),
            **{f"total_sessions_{days}d": count for days, count in totals},
            **{f"tutor_reschedules_{days}d": count for days, count in reschedules},
            "risk_threshold": self._threshold,
            "cause": Cause(change.cause).name.lower(),
            "cause_offset": change.offset,
            "cause_slot_at": change.slot_at,
        }

    def _alert(self, key: bytes, change: Transition) -> dict[str, object]:
        counts = zip(WINDOW_DAYS, change.reschedules, change.totals, strict=True)
        return {
            "event_id": self._id("alert", key, change),
            "kind": _alert_kind(change),
            "tutor_id": key.decode(),
            "session_id": None,
            "occurred_at": change.instant,
            "evidence": _evidence(change.verdict),
            "reasons": self._reasons(change),
            **{f"reschedule_rate_{days}d": rate(moved, total) for days, moved, total in counts},
            "risk_threshold": self._threshold,
            "probability": None,
            "scheduled_start": None,
        }

    def _reasons(self, change: Transition) -> list[str]:
        counts = zip(WINDOW_DAYS, change.reschedules, change.totals, strict=True)
        return [f"{days}d" for days, moved, total in counts if self._rule.is_high(moved, total)]


def _alert_kind(change: Transition) -> str:
    if change.verdict is Verdict.LOW:
        return "tutor_left"
    return "tutor_entered" if change.previous is Verdict.LOW else "tutor_evidence_changed"


def _evidence(verdict: Verdict) -> str | None:
    return None if verdict is Verdict.LOW else verdict.name.lower()
