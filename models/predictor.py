"""Vectors in, calibrated probabilities out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from models.calibration import NewsCurves
from models.linear import Linear
from tutor_quality.features import FeatureSpec
from tutor_quality.model_health.logits import Calibrator, logistic

Floats = NDArray[np.float64]


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

    def _blend(self, trees: Floats, line: Floats) -> Floats:
        return (1 - self.line_share) * trees.astype(np.float64) + self.line_share * line


def matrix(x: NDArray[np.float32], spec: FeatureSpec, y: NDArray[np.int8] | None = None) -> Any:
    return xgboost.DMatrix(
        x, y, feature_types=feature_types(spec), enable_categorical=True, nthread=1
    )


def feature_types(spec: FeatureSpec) -> list[str]:
    return ["c" if feature.category else "q" for feature in spec.features]


def vectors(rows: Sequence[Sequence[float]], spec: FeatureSpec) -> NDArray[np.float32]:
    """(n, k); works for n = 0 too."""
    return np.array(rows, dtype=np.float32).reshape(len(rows), len(spec.features))
