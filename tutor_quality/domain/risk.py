"""The one risk function: API, mail, alerts and dashboard show what it says.

Rates are never formed to judge them: k of n slots is above a threshold t exactly when
k * 10,000 > t * 10,000 * n, in integers. So every implementation gives the same answer.
"""

from dataclasses import dataclass
from enum import IntEnum

WINDOW_DAYS = (7, 30, 90)
DAY_MS = 86_400_000
WINDOW_MS = tuple(days * DAY_MS for days in WINDOW_DAYS)

BASIS = 10_000
"""Thresholds are counted in ten-thousandths."""
ENOUGH_SLOTS = 5
Z_SQUARED_MILLIONTHS = 2_705_543
"""1.644854² in millionths: the two-sided 90 % interval."""


class Verdict(IntEnum):
    """Low, or high with how sure that is; greater is surer."""

    LOW = 0
    INSUFFICIENT = 1
    """High, by fewer than 5 slots in the windows that flag."""
    RAW = 2
    """High, as counted."""
    CONFIRMED = 3
    """High, and the Wilson 90 % lower bound of the rate is above the threshold too."""


class Level(IntEnum):
    """Bands of the greatest rate; the values are those of the Avro enum RiskLevel."""

    LOW = 0
    WARNING = 1
    HIGH = 2


@dataclass(frozen=True, slots=True)
class RiskRule:
    """Thresholds in ten-thousandths."""

    threshold: int = 1_500
    warning: int = 1_000

    @classmethod
    def of_fractions(cls, threshold: float, warning: float) -> "RiskRule":
        return cls(round(threshold * BASIS), round(warning * BASIS))

    def verdict_of_window(self, reschedules: int, total: int) -> Verdict:
        """Of one window with `reschedules` of `total` slots.

        The Wilson lower bound exceeds t exactly when k > n t and (k - n t)² > z² n t (1 - t)
        (score-test inversion, Wilson 1927); here both sides are scaled to integers.
        """
        excess = reschedules * BASIS - self.threshold * total
        if excess <= 0:
            return Verdict.LOW
        if total < ENOUGH_SLOTS:
            return Verdict.INSUFFICIENT
        variance = total * self.threshold * (BASIS - self.threshold)
        if excess * excess * 1_000_000 > Z_SQUARED_MILLIONTHS * variance:
            return Verdict.CONFIRMED
        return Verdict.RAW

    def is_warning(self, reschedules: int, total: int) -> bool:
        """Whether a window's rate is in the warning band or above."""
        return total > 0 and reschedules * BASIS >= self.warning * total

    def is_high(self, reschedules: int, total: int) -> bool:
        return reschedules * BASIS > self.threshold * total


def rate(reschedules: int, total: int) -> float | None:
    """A fraction in [0, 1]; None when there were no sessions: zero is a measurement."""
    return reschedules / total if total else None
