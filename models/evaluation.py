"""How good probabilities are: ranking, sharpness and whether they mean what they say."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, precision_recall_curve, roc_auc_score

from tutor_quality.model_health.logits import Floats, Labels
from tutor_quality.model_health.metrics import LEAD_BANDS, calibration, clipped, lead_bands

CURVE_POINTS = 101


def metrics(y: Labels, p: Floats) -> dict[str, Any]:
    """As by `calibration`, and how well they rank."""
    both = 0 < int(y.sum()) < len(y)
    ranking = {
        "auc": float(roc_auc_score(y, clipped(p))) if both else None,
        "pr_auc": float(average_precision_score(y, clipped(p))) if both else None,
    }
    return {**calibration(y, p), **ranking}


def precision_recall(y: Labels, p: Floats) -> list[tuple[float, float]]:
    """(recall, precision) at so many thresholds as a plot can show."""
    precision, recall, _ = precision_recall_curve(y, p)
    places = np.searchsorted(-recall, -np.linspace(0, 1, CURVE_POINTS))
    places = np.minimum(places, len(recall) - 1)
    return [(float(recall[place]), float(precision[place])) for place in places]


def by_group(y: Labels, p: Floats, groups: NDArray[np.str_]) -> dict[str, dict[str, Any]]:
    """Metrics per group, the small ones too: `n` says how much they tell."""
    return {str(name): metrics(y[groups == name], p[groups == name]) for name in np.unique(groups)}


def by_lead_band(y: Labels, p: Floats, hours: Floats) -> dict[str, dict[str, Any]]:
    """As by `by_group`, the shortest time to the start first."""
    found = by_group(y, p, lead_bands(hours))
    return {name: found[name] for name, _ in LEAD_BANDS if name in found}


def intervals(
    y: Labels, p: Floats, clusters: NDArray[np.int64], rng: np.random.Generator, rounds: int = 60
) -> Mapping[str, tuple[float, float]]:
    """90 % intervals of all metrics, resampling whole clusters (tutors)."""
    members = [np.flatnonzero(clusters == cluster) for cluster in np.unique(clusters)]
    draws = []
    for _ in range(rounds):
        chosen = rng.integers(len(members), size=len(members))
        rows = np.concatenate([members[number] for number in chosen])
        if 0 < y[rows].sum() < len(rows):
            draws.append(metrics(y[rows], p[rows]))
    if not draws:
        return {}
    names = [name for name in draws[0] if name not in ("n", "bad")]
    low, high = np.quantile([[draw[n] for n in names] for draw in draws], [0.05, 0.95], axis=0)
    return {name: (float(low[i]), float(high[i])) for i, name in enumerate(names)}
