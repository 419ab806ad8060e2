"""How good probabilities are: ranking, sharpness and whether they mean what they say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from models.calibration import fit_calibrator, logit

ECE_BINS = 15
SMALLEST_GROUP = 50
LEAD_BANDS = (
    ("up to 6 h", 6.0),
    ("6 to 24 h", 24.0),
    ("1 to 3 days", 72.0),
    ("3 to 7 days", 168.0),
    ("7 to 30 days", 720.0),
    ("over 30 days", np.inf),
)

Floats = NDArray[np.float64]
Labels = NDArray[np.int8]


def metrics(y: Labels, p: Floats) -> dict[str, Any]:
    """Of labels 0/1 and probabilities; what a set with one label cannot tell is None."""
    if not len(y):
        return {"n": 0}
    p = np.clip(p.astype(np.float64), 1e-9, 1 - 1e-9)
    both = 0 < int(y.sum()) < len(y)
    return {
        "n": len(y),
        "bad": int(y.sum()),
        "auc": float(roc_auc_score(y, p)) if both else None,
        "pr_auc": float(average_precision_score(y, p)) if both else None,
        "brier": float(np.mean((p - y) ** 2)),
        "log_loss": log_loss(y, p),
        "ece": expected_calibration_error(y, p),
        "slope": fit_calibrator(logit(p), y).slope if both else None,
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


def by_group(y: Labels, p: Floats, groups: NDArray[np.str_]) -> dict[str, dict[str, Any]]:
    """Metrics per group of at least SMALLEST_GROUP predictions."""
    names, counts = np.unique(groups, return_counts=True)
    return {
        str(name): metrics(y[groups == name], p[groups == name])
        for name, count in zip(names, counts, strict=True)
        if count >= SMALLEST_GROUP
    }


def intervals(
    y: Labels, p: Floats, clusters: NDArray[np.int64], rng: np.random.Generator, rounds: int = 60
) -> Mapping[str, tuple[float, float]]:
    """90 % intervals of AUC, log loss and Brier score, resampling whole clusters (tutors)."""
    members = [np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters)]
    draws = []
    for _ in range(rounds):
        chosen = rng.integers(len(members), size=len(members))
        rows = np.concatenate([members[number] for number in chosen])
        if 0 < y[rows].sum() < len(rows):
            gap = (p[rows] - y[rows]) ** 2
            draws.append((roc_auc_score(y[rows], p[rows]), log_loss(y[rows], p[rows]), gap.mean()))
    if not draws:
        return {}
    low, high = np.quantile(np.array(draws), [0.05, 0.95], axis=0)
    names = ("auc", "log_loss", "brier")
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}
