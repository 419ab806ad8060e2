"""What answers when no model can: the tutor's and the student's posterior, else the tutor's rate
shrunk towards the platform's, else the platform's rate. Made from the same vectors."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.scorer import Reason
from tutor_quality.features import FeatureSpec

VERSION = "rules-v1"
POSTERIOR, SHRUNK, GLOBAL = "posterior", "shrunk_rate", "global_rate"
PRIOR_SLOTS = 10.0
"""The platform's rate counts like so many slots of the tutor."""


@dataclass(frozen=True, slots=True)
class Answer:
    logit: float
    source: str
    reasons: list[Reason]


class Ladder:
    """One for each specification."""

    def __init__(self, spec: FeatureSpec) -> None:
        names = spec.names
        self._base = math.log(spec.base_rate / (1 - spec.base_rate))
        self._base_rate = spec.base_rate
        self._tutor = names.index("tutor_effect_180d")
        self._evidence = names.index("tutor_evidence_180d")
        self._student = names.index("student_effect")
        self._rate = names.index("tutor_reschedule_rate_90d")
        self._total = names.index("tutor_total_sessions_90d")

    def answers(self, x: NDArray[np.float32]) -> list[Answer]:
        """Of vectors (n, k)."""
        return [self._answer(row) for row in x.astype(np.float64)]

    def _answer(self, row: NDArray[np.float64]) -> Answer:
        tutor, student = float(row[self._tutor]), float(row[self._student])
        known = math.isfinite(tutor) and math.isfinite(student)
        if known and (row[self._evidence] > 0 or student):
            reasons = [
                Reason("tutor_effect_180d", tutor, tutor),
                Reason("student_effect", student, student),
            ]
            reasons.sort(key=lambda reason: -abs(reason.contribution))
            return Answer(self._base + tutor + student, POSTERIOR, reasons)
        total, rate = float(row[self._total]), float(row[self._rate])
        if 0 < total < math.inf and 0 <= rate <= 1:
            return self._shrunk(rate, total)
        return Answer(self._base, GLOBAL, [])

    def _shrunk(self, rate: float, total: float) -> Answer:
        """Between the tutor's rate and the platform's, never 0 or 1."""
        share = (rate * total + self._base_rate * PRIOR_SLOTS) / (total + PRIOR_SLOTS)
        logit = math.log(share / (1 - share))
        reason = Reason("tutor_reschedule_rate_90d", rate, logit - self._base)
        return Answer(logit, SHRUNK, [reason])
