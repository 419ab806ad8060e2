"""Two numbers that set a model right by what has become of its predictions, under guard."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from models.calibration import guarded_calibrator
from models.predictor import Model
from tutor_quality.errors import InvalidInput
from tutor_quality.model_health.logits import Calibrator, Floats, Labels, logistic
from tutor_quality.model_health.metrics import clipped

FEWEST = 500
FEWEST_BAD = 50
HELD_OUT = 0.3
MOST_SHIFT = 2.0
SLOPES = (0.5, 2.0)


@dataclass(frozen=True, slots=True)
class Recalibration:
    model: Model
    outcomes: int
    held_out: int
    log_loss_before: float
    """On the latest outcomes, by the numbers fitted to the earlier ones."""
    log_loss_after: float

    @property
    def figures(self) -> dict[str, float]:
        calibrator = self.model.calibrator
        return {
            "shift": calibrator.shift,
            "slope": calibrator.slope,
            "outcomes": self.outcomes,
            "held_out": self.held_out,
            "log_loss_before": self.log_loss_before,
            "log_loss_after": self.log_loss_after,
        }


def recalibrated(model: Model, raw: Floats, y: Labels) -> Recalibration:
    """`raw`: logits before calibration, one for each slot, in the order of the slots' starts.

    Raises InvalidInput when outcomes are too few, when the latest ones are not foretold better
    beyond chance, or when the numbers are so far off that training anew is the mend.
    """
    if len(y) < FEWEST or int(y.sum()) < FEWEST_BAD:
        raise InvalidInput(
            f"too few outcomes: {len(y)} slots, {int(y.sum())} bad; it takes {FEWEST} and "
            f"{FEWEST_BAD}. Wait for more"
        )
    cut = round(len(y) * (1 - HELD_OUT))
    trial = _corrected(model.calibrator, raw[:cut], y[:cut])
    before, after = (_losses(c, raw[cut:], y[cut:]) for c in (model.calibrator, trial))
    _refuse_chance(before - after)
    final = _corrected(model.calibrator, raw, y)
    _refuse_extremes(final, model.calibrator)
    return Recalibration(
        replace(model, calibrator=final),
        len(y),
        len(y) - cut,
        float(before.mean()),
        float(after.mean()),
    )


def _corrected(calibrator: Calibrator, raw: Floats, y: Labels) -> Calibrator:
    """On top of the calibration that it has, towards which the correction is shrunk."""
    more = guarded_calibrator(calibrator(raw), y)
    return Calibrator(more.shift + more.slope * calibrator.shift, more.slope * calibrator.slope)


def _losses(calibrator: Calibrator, raw: Floats, y: Labels) -> NDArray[np.float64]:
    p = clipped(logistic(calibrator(raw)))
    return np.where(y == 1, -np.log(p), -np.log1p(-p))


def _refuse_chance(gain: NDArray[np.float64]) -> None:
    error = float(gain.std() / np.sqrt(len(gain)))
    if gain.mean() <= error:
        raise InvalidInput(
            f"nothing to set right: the latest outcomes gain {gain.mean():.5f} ± {error:.5f} nats"
        )


def _refuse_extremes(new: Calibrator, old: Calibrator) -> None:
    least, most = SLOPES
    if abs(new.shift - old.shift) > MOST_SHIFT or not least <= new.slope / old.slope <= most:
        raise InvalidInput(
            f"shift {new.shift:.2f} and slope {new.slope:.2f} are beyond what a recalibration may "
            "mend: train a new model (`tq train reschedule --from-kafka`)"
        )
