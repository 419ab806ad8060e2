"""From a history to a reschedule model that was judged on what came later, and its card."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from models.datasets import Dataset, Left, dataset, split
from models.evaluation import by_group, by_lead_band, intervals, metrics, precision_recall
from models.leaks import gain_shares, leaks, refuse_foresight, suspicions
from models.predictor import Model
from models.training import Fit, fit, refuse_too_little
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.features import FeatureSpec, replay
from tutor_quality.model_health.metrics import lead_bands, reliability
from tutor_quality.model_health.shift import Profile

TEST_SHARE = 0.25
GOLDEN_ROWS = 32


@dataclass(frozen=True, slots=True)
class Trained:
    model: Model
    golden: np.ndarray[Any, Any]
    """Vectors (n, k) whose answers the artefact remembers."""
    about: dict[str, Any]
    """Figures of the card."""


def train(events: list[SessionEvent], spec: FeatureSpec, seed: int) -> Trained:
    """Events in order. Raises InvalidInput when data is too little or a column leaks.

    The figures are of a model that never saw the later quarter; the model that is returned has
    then learned from all mature rows, in the same way.
    """
    data, left = dataset(events, spec)
    refuse_too_little(data)
    refuse_foresight(events, lambda told: replay(told, spec), np.random.default_rng(seed))
    earlier, later = split(data, TEST_SHARE)
    trial = fit(earlier, spec, seed)
    refuse_leaks(trial.model, earlier, later)
    final = fit(data, spec, seed)
    rng = np.random.default_rng(seed)
    golden = data.x[rng.choice(len(data), size=min(GOLDEN_ROWS, len(data)), replace=False)]
    about = {
        **_about(events, data, left, final),
        "profiles": _profiles(data, spec),
        "suspicions": {leak.feature: leak.why for leak in suspicions(trial.model, earlier)},
        "test": _judged(trial.model, earlier, later, rng),
    }
    return Trained(final.model, golden, about)


def refuse_leaks(model: Model, earlier: Dataset, later: Dataset) -> None:
    found = leaks(model, earlier, later)
    if found:
        what = "; ".join(f"{leak.feature}: {leak.why}" for leak in found)
        raise InvalidInput(
            f"leak: {what}. Such a column was probably written after the outcome: take it out of "
            "the mapping's context (or columns), or give it as it was when the slot was booked"
        )


def _about(events: list[SessionEvent], data: Dataset, left: Left, final: Fit) -> dict[str, Any]:
    strongest = sorted(gain_shares(final.model).items(), key=lambda item: -item[1])[:12]
    return {
        "events": len(events),
        "rows": len(data),
        "bad_share": float(data.y.mean()),
        "rows_left_out": {
            "censored": left.censored,
            "unresolved": left.unresolved,
            "immature": left.immature,
        },
        "tutors": int(data.tutor.max()) + 1,
        "first_start": int(data.start.min()),
        "last_start": int(data.start.max()),
        "rounds": final.rounds,
        "line_share": final.model.line_share,
        "calibrator": {
            "shift": final.model.calibrator.shift,
            "slope": final.model.calibrator.slope,
        },
        "strongest_features": {name: round(share, 4) for name, share in strongest},
    }


def _judged(
    model: Model, earlier: Dataset, later: Dataset, rng: np.random.Generator
) -> dict[str, Any]:
    p = model.probabilities(later.x)
    base = np.full(len(later), earlier.y.mean())
    seen = np.isin(later.tutor, np.unique(earlier.tutor))
    return {
        **metrics(later.y, p),
        "intervals_90": intervals(later.y, p, later.tutor, rng),
        "base_rate_log_loss": metrics(later.y, base)["log_loss"],
        "reliability": reliability(later.y, p),
        "precision_recall": precision_recall(later.y, p),
        "by_lead_band": by_lead_band(later.y, p, later.hours),
        "by_tutor": by_group(later.y, p, np.where(seen, "seen in training", "new")),
    }


def _profiles(data: Dataset, spec: FeatureSpec) -> dict[str, dict[str, Any]]:
    """By lead band and bounded feature, what live vectors are compared with."""
    bands = lead_bands(data.hours)
    return {
        str(band): {
            feature.name: Profile.of(column, data.x[bands == band, column]).to_json()
            for column, feature in enumerate(spec.features)
            if np.isfinite([feature.low, feature.high]).all()
        }
        for band in np.unique(bands)
    }
