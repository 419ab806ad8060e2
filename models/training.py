"""Fit on the past, stop and calibrate on what came after it, then fit again on all of it."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import xgboost

from models.calibration import NewsCurves, guarded_calibrator
from models.datasets import Dataset, split, thinned
from models.linear import Linear
from models.predictor import Model, matrix
from tutor_quality.errors import InvalidInput
from tutor_quality.features import FeatureSpec
from tutor_quality.model_health.logits import Calibrator, logistic
from tutor_quality.model_health.metrics import log_loss

PARAMETERS = {
    "objective": "binary:logistic",
    "eval_metric": "logloss",
    "tree_method": "hist",
    "eta": 0.06,
    "max_depth": 6,
    "min_child_weight": 10,
    "subsample": 0.8,
    "colsample_bytree": 0.5,
    "max_cat_to_onehot": 8,
    "nthread": 1,
}
MOST_ROUNDS = 600
PATIENCE = 25
LINE_SHARES = (0.0, 0.15, 0.3, 0.45, 0.6)
MOST_ROWS = 600_000
MOST_LINE_ROWS = 60_000
VALIDATION_SHARE = 0.2
FEWEST_ROWS = 200
FEWEST_BAD = 20


@dataclass(frozen=True, slots=True)
class Fit:
    model: Model
    rounds: int
    validation_log_loss: float


def fit(data: Dataset, spec: FeatureSpec, seed: int) -> Fit:
    """A model of all rows; the last fifth by time decides rounds, blend and calibration.

    Raises InvalidInput when there is too little to learn from.
    """
    rng = np.random.default_rng(seed)
    data = thinned(data, MOST_ROWS, rng)
    earlier, later = split(data, VALIDATION_SHARE)
    refuse_too_little(earlier)
    refuse_too_little(later)
    trees, rounds = _early_stopped(earlier, later, spec, seed)
    draft = Model(
        spec=spec,
        trees=trees,
        line=_line(earlier, spec, rng),
        line_share=0.0,
        calibrator=Calibrator(),
        curves=NewsCurves.fit(data.y, data.hours, data.news_share),
        trained_until=int(data.start.max()),
    )
    draft, loss = _blended(draft, later)
    calibrator = guarded_calibrator(draft.logits(later.x), later.y)
    full = replace(
        draft,
        trees=_boosted(data, spec, seed, rounds),
        line=_line(data, spec, rng),
        calibrator=calibrator,
    )
    return Fit(full, rounds, loss)


def refuse_too_little(data: Dataset) -> None:
    bad = int(data.y.sum())
    if len(data) < FEWEST_ROWS or min(bad, len(data) - bad) < FEWEST_BAD:
        raise InvalidInput(
            f"too little to learn from: a part has {len(data)} rows of slots that have started, "
            f"{bad} of them bad; give a longer history, or check outcomes and label in the mapping"
        )


def _early_stopped(
    earlier: Dataset, later: Dataset, spec: FeatureSpec, seed: int
) -> tuple[Any, int]:
    trees = xgboost.train(
        {**PARAMETERS, "seed": seed},
        matrix(earlier.x, spec, earlier.y),
        MOST_ROUNDS,
        evals=[(matrix(later.x, spec, later.y), "later")],
        early_stopping_rounds=PATIENCE,
        verbose_eval=False,
    )
    rounds = int(trees.best_iteration) + 1
    return trees[:rounds], rounds


def _boosted(data: Dataset, spec: FeatureSpec, seed: int, rounds: int) -> Any:
    return xgboost.train({**PARAMETERS, "seed": seed}, matrix(data.x, spec, data.y), rounds)


def _line(data: Dataset, spec: FeatureSpec, rng: np.random.Generator) -> Linear:
    some = thinned(data, MOST_LINE_ROWS, rng)
    return Linear.fit(some.x, some.y, [feature.category for feature in spec.features])


def _blended(draft: Model, later: Dataset) -> tuple[Model, float]:
    """With the share of the line that does best on later rows; also that log loss."""
    trees = draft.logits(later.x)
    line = draft.line.logits(later.x)
    losses = [
        (log_loss(later.y, logistic((1 - share) * trees + share * line)), share)
        for share in LINE_SHARES
    ]
    loss, share = min(losses)
    return replace(draft, line_share=share), loss
