"""Probabilities and logits, and the straight line that sets logits right."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]
WIDE = 10.0
"""Prior standard deviation that only keeps separable sets finite."""
NEWTON_STEPS = 12


def logit(p: Floats) -> Floats:
    z: Floats = np.log(p) - np.log1p(-p)
    return z


def logistic(z: Floats) -> Floats:
    return 1.0 / (1.0 + np.exp(-np.clip(z, -60, 60)))


@dataclass(frozen=True, slots=True)
class Calibrator:
    """logit = shift + slope * the model's logit; keeps contributions additive."""

    shift: float = 0.0
    slope: float = 1.0

    def __call__(self, z: Floats) -> Floats:
        return self.shift + self.slope * z


@dataclass(frozen=True, slots=True)
class Line:
    """The calibrator that outcomes ask for, with standard errors; (0, 1) = nothing to set right."""

    shift: float
    slope: float
    shift_error: float
    slope_error: float

    @property
    def calibrator(self) -> Calibrator:
        return Calibrator(self.shift, self.slope)


def fit_line(z: Floats, y: NDArray[Any], weight: Floats | None = None) -> Line:
    """Maximum likelihood; errors as if slots ended independently of each other.

    `y` are labels, or shares of `weight` labels with one logit.
    """
    w = np.ones_like(z) if weight is None else weight
    theta, prior = np.array([0.0, 1.0]), np.array([0.0, 1.0])
    design = np.stack([np.ones_like(z), z])
    information = np.eye(2) / WIDE**2
    for _ in range(NEWTON_STEPS):
        q = logistic(theta @ design)
        information = (design * (w * q * (1 - q))) @ design.T + np.eye(2) / WIDE**2
        step = design @ (w * (y - q)) - (theta - prior) / WIDE**2
        theta = np.clip(theta + np.linalg.solve(information, step), [-8.0, 0.02], [8.0, 20.0])
    errors = np.sqrt(np.diag(np.linalg.inv(information)))
    return Line(float(theta[0]), float(theta[1]), float(errors[0]), float(errors[1]))
