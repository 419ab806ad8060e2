"""Counts, flags and transitions by the definition: count everything anew, judge everywhere."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tutor_quality.verify.log import Outcome, Record

DAY_MS = 86_400_000
WINDOWS = (7, 30, 90)
"""Days."""
WHOLE = 10_000
"""Thresholds are compared as ten-thousandths, in integers."""
Z_SQUARED = 2_705_543
"""1.644854² in millionths: the 90 % interval."""

Counts = tuple[tuple[int, int], ...]
"""Per window: slots with an outcome, and those that the tutor moved or cancelled."""


def winners(records: Iterable[Record]) -> list[Outcome]:
    """Per slot the outcome with the greatest (occurred_at, event_id)."""
    best: dict[tuple[str, int], Outcome] = {}
    for record in records:
        claim = record.outcome
        if claim is None:
            continue
        known = best.get(claim.slot)
        if known is None or _rank(claim) > _rank(known):
            best[claim.slot] = claim
    return list(best.values())


def _rank(outcome: Outcome) -> tuple[int, str]:
    return outcome.occurred_at, outcome.event_id


def counts_at(outcomes: Iterable[Outcome], instant: int) -> Counts:
    """Over the windows (instant - d days, instant]."""
    kept = [(outcome.occurred_at, outcome.by_tutor) for outcome in outcomes]
    inside = (
        [by for at, by in kept if instant - days * DAY_MS < at <= instant] for days in WINDOWS
    )
    return tuple((len(window), sum(window)) for window in inside)


def reasons(counts: Counts, threshold: int) -> list[str]:
    """Windows whose rate is strictly above the threshold, in ten-thousandths."""
    pairs = zip(WINDOWS, counts, strict=True)
    return [f"{days}d" for days, (n, k) in pairs if WHOLE * k > threshold * n]


def evidence(counts: Counts, threshold: int) -> str | None:
    """The surest of the windows that flag; None when none does."""
    order = [None, "insufficient", "raw", "confirmed"]
    return order[max((_sureness(n, k, threshold) for n, k in counts), default=0)]


def _sureness(n: int, k: int, threshold: int) -> int:
    excess = WHOLE * k - threshold * n
    if excess <= 0:
        return 0
    if n < 5:
        return 1
    # The Wilson lower bound is above t when (k - nt)² > z² n t (1 - t).
    spread = Z_SQUARED * n * threshold * (WHOLE - threshold)
    return 3 if excess * excess * 1_000_000 > spread else 2


@dataclass(frozen=True, slots=True)
class Change:
    """A transition of risk; `evidence` after it, None while low."""

    instant: int
    offset: int
    """Of the record that was being applied."""
    evidence: str | None


def changes(records: Sequence[Record], threshold: int) -> list[Change]:
    """Every transition: the clock goes from record to record, stopping wherever a count could
    change; then the record's fact is taken in."""
    state, clock, last = _Slots(len(records)), -1, None
    found: list[Change] = []

    def judge(instant: int, offset: int) -> None:
        nonlocal last
        now = evidence(state.counts_at(instant), threshold)
        if now != last:
            found.append(Change(instant, offset, now))
        last = now

    for record in records:
        for instant in state.instants(clock, record.timestamp):
            judge(instant, record.offset)
        clock = max(clock, record.timestamp)
        state.take(record.outcome)
        judge(clock, record.offset)
    return found


class _Slots:
    """Winning outcomes as arrays, so that counting anew is quick."""

    def __init__(self, most: int) -> None:
        self._rows: dict[tuple[str, int], int] = {}
        self._winner: list[Outcome] = []
        self._at: NDArray[np.int64] = np.zeros(most, np.int64)
        self._by: NDArray[np.bool_] = np.zeros(most, np.bool_)

    def take(self, claim: Outcome | None) -> None:
        if claim is None:
            return
        row = self._rows.setdefault(claim.slot, len(self._rows))
        if row == len(self._winner):
            self._winner.append(claim)
        elif _rank(claim) > _rank(self._winner[row]):
            self._winner[row] = claim
        self._at[row], self._by[row] = self._winner[row].occurred_at, self._winner[row].by_tutor

    def instants(self, after: int, until: int) -> list[int]:
        """In (after, until]: where an outcome enters the windows or leaves one."""
        at = self._at[: len(self._rows)]
        edges = np.concatenate([at, *(at + days * DAY_MS for days in WINDOWS)])
        stops: list[int] = np.unique(edges[(edges > after) & (edges <= until)]).tolist()
        return stops

    def counts_at(self, instant: int) -> Counts:
        at, by = self._at[: len(self._rows)], self._by[: len(self._rows)]
        inside = [(at > instant - days * DAY_MS) & (at <= instant) for days in WINDOWS]
        return tuple((int(w.sum()), int((w & by).sum())) for w in inside)
