"""An alarm when probabilities stop meaning what they say, with few false ones.

Two cumulative sums ask, outcome by outcome, whether logits that are half a unit too low or too
high would explain what was seen. For each starting point the likelihood ratio exceeds 1 / a with
probability a at most, so over n outcomes the threshold log(2 n / ALPHA) keeps false alarms of a
window below ALPHA, however often it is looked at. Slots of one tutor do not end independently:
evidence is divided by the design effect, which keeps that bound.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tutor_quality.model_health.logits import Floats, Labels, logistic, logit
from tutor_quality.model_health.metrics import clipped

SHIFT = 0.5
"""In logit: 15 % against 10 %."""
ALPHA = 0.01
FEWEST = 200

State = Literal["too few", "stable", "drifting"]


@dataclass(frozen=True, slots=True)
class Drift:
    state: State
    n: int
    """Outcomes looked at."""
    direction: Literal["too low", "too high"] | None
    """drifting: how the probabilities have become."""
    since: int | None
    """drifting: number of the outcome it began with."""
    evidence: float
    """The greater of the two sums."""
    threshold: float
    design_effect: float


def drift(p: Floats, y: Labels, tutor: NDArray[np.int64]) -> Drift:
    """Of predictions in the order of their slots' starts, one for each slot."""
    n = len(y)
    threshold = float(np.log(2 * max(n, 1) / ALPHA))
    if n < FEWEST:
        return Drift("too few", n, None, None, 0.0, threshold, 1.0)
    effect = design_effect(p, y, tutor)
    low, high = (excursion(evidence(p, y, shift) / effect) for shift in (SHIFT, -SHIFT))
    direction: Literal["too low", "too high"] = "too low" if low >= high else "too high"
    most, since = max(low, high)
    if most < threshold:
        return Drift("stable", n, None, None, most, threshold, effect)
    return Drift("drifting", n, direction, since, most, threshold, effect)


def evidence(p: Floats, y: Labels, shift: float) -> Floats:
    """Log likelihood ratio of each outcome for logits that should be `shift` more."""
    p = clipped(p)
    other = logistic(logit(p) + shift)
    ratios: Floats = np.where(y == 1, np.log(other / p), np.log1p(-other) - np.log1p(-p))
    return ratios


def excursion(ratios: Floats) -> tuple[float, int]:
    """(the greatest rise of the running sum, number of the outcome that the rise begins with)."""
    total = np.concatenate([[0.0], np.cumsum(ratios)])
    lowest = np.minimum.accumulate(total)
    end = int(np.argmax(total - lowest))
    return float(total[end] - lowest[end]), int(np.argmin(total[: end + 1]))


def design_effect(p: Floats, y: Labels, tutor: NDArray[np.int64]) -> float:
    """Variance of tutors' residuals over what independent slots would have; 1 at least."""
    _, number = np.unique(tutor, return_inverse=True)
    residual = np.bincount(number, weights=y - p)
    variance = np.bincount(number, weights=p * (1 - p))
    if len(residual) < 3:
        return 1.0
    # A shift that all tutors share is what the alarm looks for, not a reason for doubt.
    common = residual.sum() / variance.sum()
    spread = (residual - common * variance) ** 2 / np.maximum(variance, 1e-9)
    return float(max(1.0, spread.sum() / (len(residual) - 1)))
