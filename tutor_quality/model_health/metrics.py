"""Whether probabilities mean what they say, over any set of predictions whose ends are known."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor_quality.model_health.logits import Floats, Labels, fit_line, logit

ECE_BINS = 15
FIGURES = ("brier", "log_loss", "ece", "slope", "o_e")
LEAD_BANDS = (
    ("up to 6 h", 6.0),
    ("6 to 24 h", 24.0),
    ("1 to 3 days", 72.0),
    ("3 to 7 days", 168.0),
    ("7 to 30 days", 720.0),
    ("over 30 days", np.inf),
)
"""Name, and the most hours from the prediction to the start."""


def clipped(p: Floats) -> Floats:
    """Away from 0 and 1, where logarithms end."""
    return np.clip(p.astype(np.float64), 1e-9, 1 - 1e-9)


def calibration(y: Labels, p: Floats) -> dict[str, Any]:
    """Of labels 0/1 and probabilities; what a set with one label cannot tell is None."""
    if not len(y):
        return {"n": 0, "bad": 0, **dict.fromkeys(FIGURES)}
    p = clipped(p)
    both = 0 < int(y.sum()) < len(y)
    return {
        "n": len(y),
        "bad": int(y.sum()),
        "brier": float(np.mean((p - y) ** 2)),
        "log_loss": log_loss(y, p),
        "ece": expected_calibration_error(y, p),
        "slope": fit_line(logit(p), y).slope if both else None,
        "o_e": float(y.sum() / p.sum()),
    }


def log_loss(y: Labels, p: Floats) -> float:
    """Mean, in nats."""
    return float(-np.mean(np.where(y == 1, np.log(p), np.log1p(-p))))


def reliability(y: Labels, p: Floats, bins: int = ECE_BINS) -> list[dict[str, float]]:
    """Predicted and observed shares in bins of equal mass."""
    parts = np.array_split(np.argsort(p, kind="stable"), min(bins, len(p)))
    return [
        {"n": len(part), "predicted": float(p[part].mean()), "observed": float(y[part].mean())}
        for part in parts
    ]


def expected_calibration_error(y: Labels, p: Floats) -> float:
    gaps = [row["n"] * abs(row["predicted"] - row["observed"]) for row in reliability(y, p)]
    return float(sum(gaps) / len(y))


def lead_bands(hours: Floats) -> NDArray[np.str_]:
    """The band of each prediction by the hours from it to the start."""
    places = np.searchsorted([upper for _, upper in LEAD_BANDS[:-1]], hours)
    return np.array([name for name, _ in LEAD_BANDS])[places]
