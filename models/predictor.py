"""Vectors in, calibrated probabilities and reasons out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from models.calibration import NewsCurves
from models.linear import Linear
from tutor_quality.features import Feature, FeatureSpec
from tutor_quality.model_health.logits import Calibrator, logistic

Floats = NDArray[np.float64]
REASONS = 3


@dataclass(frozen=True, slots=True)
class Reason:
    feature: str
    value: float | str | None
    """As the feature is; None = not known."""
    contribution: float
    """Part in the prediction's logit; positive = makes a bad ending likelier."""


@dataclass(frozen=True, slots=True)
class Model:
    """A blend of trees and a line in logit, set right by a calibrator."""

    spec: FeatureSpec
    trees: Any
    """xgboost.Booster; one thread, because two are slower on small batches."""
    line: Linear
    line_share: float
    """Weight of the line in the blend, in [0, 1]."""
    calibrator: Calibrator
    curves: NewsCurves
    trained_until: int
    """Slots that start later were not learned from, ms."""

    def logits(self, x: NDArray[np.float32]) -> Floats:
        """Calibrated, of vectors (n, k) in spec order."""
        return self.calibrator(self.raw_logits(x))

    def raw_logits(self, x: NDArray[np.float32]) -> Floats:
        """Before calibration: what a recalibration is fitted to."""
        trees: Floats = self.trees.predict(matrix(x, self.spec), output_margin=True)
        return self._blend(trees, self.line.logits(x))

    def probabilities(self, x: NDArray[np.float32]) -> Floats:
        return logistic(self.logits(x))

    def contributions(self, x: NDArray[np.float32]) -> Floats:
        """(n, k + 1): parts of the calibrated logit, the constant last; they add up to it.

        Along the paths of the trees: Shapley values would cost 75 times as much and name the same
        strongest feature in seven of eight predictions (correlation of the parts 0.98).
        """
        trees: Floats = self.trees.predict(
            matrix(x, self.spec), pred_contribs=True, approx_contribs=True
        )
        parts = self._blend(trees, self.line.contributions(x)) * self.calibrator.slope
        parts[:, -1] += self.calibrator.shift
        return parts

    def _blend(self, trees: Floats, line: Floats) -> Floats:
        return (1 - self.line_share) * trees.astype(np.float64) + self.line_share * line

    def reasons(self, x: NDArray[np.float32]) -> list[list[Reason]]:
        """The strongest features of each prediction, strongest first."""
        parts = self.contributions(x)[:, :-1]
        top = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :REASONS]
        rows = zip(
            top.tolist(),
            np.take_along_axis(x, top, axis=1).tolist(),
            np.take_along_axis(parts, top, axis=1).tolist(),
            strict=True,
        )
        features = self.spec.features
        return [
            [_reason(self.spec, features, *one) for one in zip(*row, strict=True)] for row in rows
        ]


def _reason(
    spec: FeatureSpec,
    features: Sequence[Feature],
    number: int,
    value: float,
    contribution: float,
) -> Reason:
    feature = features[number]
    if math.isnan(value):
        return Reason(feature.name, None, contribution)
    if not feature.category:
        return Reason(feature.name, value, contribution)
    values = spec.context[number - len(features)].values
    text = values[int(value)] if value < len(values) else "another value"
    return Reason(feature.name, text, contribution)


def matrix(x: NDArray[np.float32], spec: FeatureSpec, y: NDArray[np.int8] | None = None) -> Any:
    return xgboost.DMatrix(
        x, y, feature_types=feature_types(spec), enable_categorical=True, nthread=1
    )


def feature_types(spec: FeatureSpec) -> list[str]:
    return ["c" if feature.category else "q" for feature in spec.features]


def vectors(rows: Sequence[Sequence[float]], spec: FeatureSpec) -> NDArray[np.float32]:
    """(n, k); works for n = 0 too."""
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(spec.features))
