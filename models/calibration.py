"""Two numbers that set a model's logits right, fitted once or kept fitted while outcomes come."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor_quality.features import Label
from tutor_quality.model_health.logits import NEWTON_STEPS, Calibrator, Floats, logistic

DAY_MS = 86_400_000
SHIFT_SPREAD = 0.3
SLOPE_SPREAD = 0.1
"""Prior standard deviations: the guard against following noise."""
OUTCOME_WEIGHT = 0.1
"""Slots of a platform do not end independently; ten of them inform like one that does."""
CURVE_POINTS = 41


def guarded_calibrator(z: Floats, y: NDArray[np.int8]) -> Calibrator:
    """Shrunk to the identity by the prior of the stream's recalibration."""
    known = np.ones(len(z))
    weight = known * OUTCOME_WEIGHT
    none = np.zeros(len(z))
    return Calibrator(*_fit(z, y == 1, known, none, none, weight, (SHIFT_SPREAD, SLOPE_SPREAD)))


def _fit(
    z: Floats,
    bad: NDArray[np.bool_],
    known: Floats,
    bad_seen: Floats,
    good_seen: Floats,
    weight: Floats,
    spread: tuple[float, float],
) -> tuple[float, float]:
    """MAP of (shift, slope). An open slot says that neither ending has shown itself yet.

    `bad_seen` and `good_seen`: chance that a bad or good ending would be known by now. Without
    them early news would bias the fit: on the hotel data bad endings are known months before
    good ones.
    """
    theta, prior = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    precision = np.diag([1 / spread[0] ** 2, 1 / spread[1] ** 2])
    design = np.stack([np.ones_like(z), z])
    for _ in range(NEWTON_STEPS):
        q = logistic(theta @ design)
        survival = q * (1 - bad_seen) + (1 - q) * (1 - good_seen)
        open_slope = q * (1 - q) * (good_seen - bad_seen) / np.maximum(survival, 1e-9)
        slope = np.where(known > 0, bad - q, open_slope)
        curvature = np.where(known > 0, q * (1 - q), open_slope**2)
        step = design @ (weight * slope) - precision @ (theta - prior)
        theta = theta + np.linalg.solve(
            (design * (weight * curvature)) @ design.T + precision, step
        )
        theta = np.clip(theta, [-8.0, 0.02], [8.0, 20.0])
    return float(theta[0]), float(theta[1])


@dataclass(frozen=True, slots=True)
class NewsCurves:
    """When endings become known: share of the time from prediction to start, per horizon.

    `bad[h]` and `good[h]` are cumulative at CURVE_POINTS even points of [0, 1]; what is known
    at the start or later counts at 1.
    """

    bad: Floats
    good: Floats

    @classmethod
    def fit(cls, y: NDArray[np.int8], hours: Floats, share: Floats) -> "NewsCurves":
        """From mature predictions; share = when the ending was known, clipped to [0, 1]."""
        horizon = horizon_of(hours)
        rows = [
            [_cumulative(share[(y == label) & (horizon == h)]) for h in range(len(HORIZONS) + 1)]
            for label in (1, 0)
        ]
        return cls(np.array(rows[0]), np.array(rows[1]))

    def seen(self, hours: Floats, share: Floats) -> tuple[Floats, Floats]:
        """Chance that a bad and that a good ending is known once `share` of the time is over."""
        place = np.minimum(share * (CURVE_POINTS - 1), CURVE_POINTS - 1.001)
        low = place.astype(np.int64)
        part = place - low
        horizon = horizon_of(hours)
        at = [
            curve[horizon, low] * (1 - part) + curve[horizon, low + 1] * part
            for curve in (self.bad, self.good)
        ]
        return at[0], at[1]

    def to_json(self) -> dict[str, Any]:
        return {"bad": self.bad.round(5).tolist(), "good": self.good.round(5).tolist()}

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> "NewsCurves":
        return cls(np.array(document["bad"], float), np.array(document["good"], float))


HORIZONS = np.array([6.0, 24.0, 72.0, 720.0])


def horizon_of(hours: Floats) -> NDArray[np.int64]:
    return np.searchsorted(HORIZONS, hours)


def _cumulative(share: Floats) -> Floats:
    """Nothing is known before the start where too few endings were seen to tell."""
    grid = np.linspace(0, 1, CURVE_POINTS)
    if len(share) < 100:
        return (grid >= 1).astype(np.float64)
    curve: Floats = np.searchsorted(np.sort(share), grid, side="right") / len(share)
    curve[-1] = np.mean(share < 1)
    return curve


class Recalibrator:
    """Keeps (shift, slope) fitted to what becomes known of the predictions made.

    `add` predictions and `settle` endings as they happen; `at` gives the calibrator to use.
    """

    HALF_LIFE_MS = 45 * DAY_MS
    REFIT_MS = 7 * DAY_MS
    FEWEST_BAD = 50
    KEEP_MS = 400 * DAY_MS

    def __init__(self, curves: NewsCurves) -> None:
        self._curves = curves
        self._number: dict[object, int] = {}
        self._rows: list[tuple[int, int, float]] = []
        """(as_of, start, logit)"""
        self._ends: list[tuple[int, Label | None]] = []
        self._refitted: int | None = None
        self.calibrator = Calibrator()

    def add(self, key: object, as_of: int, start: int, z: float) -> None:
        self._number[key] = len(self._rows)
        self._rows.append((as_of, start, z))
        self._ends.append((0, None))

    def settle(self, key: object, at: int, label: Label) -> None:
        """An ending; unknown keys are none of ours."""
        number = self._number.pop(key, None)
        if number is not None:
            self._ends[number] = (at, label)

    def at(self, now: int) -> Calibrator:
        """Of all that was added and settled; refitted once in a while."""
        if self._refitted is None:
            self._refitted = now
        if now - self._refitted >= self.REFIT_MS:
            self._refitted = now
            self._refit(now)
        return self.calibrator

    def _refit(self, now: int) -> None:
        ends = [label for _, label in self._ends]
        if sum(label is Label.BAD for label in ends) < self.FEWEST_BAD:
            return
        as_of, start, z = (np.array(column) for column in zip(*self._rows, strict=True))
        recent = as_of > now - self.KEEP_MS
        known = np.array([label in (Label.BAD, Label.GOOD) for label in ends])
        until = np.array([at if label is not None else now for at, label in self._ends])
        span = np.maximum(start - as_of, 1)
        share = np.clip((until - as_of) / span, 0, 1)
        bad_seen, good_seen = self._curves.seen(span / 3_600_000, share)
        weight = OUTCOME_WEIGHT * 0.5 ** ((now - as_of) / self.HALF_LIFE_MS) * recent
        bad = np.array([label is Label.BAD for label in ends])
        theta = _fit(
            z, bad, known.astype(float), bad_seen, good_seen, weight, (SHIFT_SPREAD, SLOPE_SPREAD)
        )
        self.calibrator = Calibrator(*theta)
