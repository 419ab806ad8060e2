"""Walked in machine code, a model says what XGBoost and the line say of it."""

import json
from typing import Any

import numpy as np
import pytest
import xgboost
from numpy.typing import NDArray

from models import scorer as scorers
from models.datasets import Dataset
from models.linear import Linear
from models.predictor import Model, matrix
from models.recipe import Trained
from models.scorer import REASONS, Scorer
from models.training import PARAMETERS, fit
from tutor_quality.features import ContextColumn, FeatureSpec, LabelRule
from tutor_quality.model_health.logits import logit

Floats = NDArray[np.float64]
CODES = 62


def parts_by_xgboost(model: Model, x: NDArray[np.float32]) -> Floats:
    """Before calibration, the constant last."""
    trees = model.trees.predict(matrix(x, model.spec), pred_contribs=True, approx_contribs=True)
    parts: Floats = (1 - model.line_share) * trees
    return parts + model.line_share * parts_by_line(model.line, x)


def parts_by_line(line: Linear, x: NDArray[np.float32]) -> Floats:
    parts = np.zeros((len(x), line.width + 1))
    for term, weight in zip(line.terms, line.weights, strict=True):
        parts[:, term.feature] += weight * term.column(x)
    parts[:, -1] = line.intercept
    return parts


@pytest.fixture(scope="module")
def scorer(trained: Trained) -> Scorer:
    return Scorer(trained.model)


@pytest.fixture(scope="module")
def with_categories(rows: Dataset, spec: FeatureSpec) -> tuple[Model, NDArray[np.float32]]:
    """A model whose trees ask for many values of a category, and vectors with unseen ones."""
    rng = np.random.default_rng(3)
    values = tuple(f"value {code}" for code in range(CODES - 1))
    wider = FeatureSpec(
        LabelRule.tutor_moved(), spec.base_rate, (ContextColumn("town", "category", values),)
    )
    code = rng.integers(0, CODES, len(rows)).astype(np.float32)
    code[rng.random(len(rows)) < 0.1] = np.nan
    y = (rng.random(len(rows)) < np.where(code % 3 == 1, 0.6, 0.1)).astype(np.int8)
    data = Dataset(
        np.column_stack([rows.x, code]), y, rows.as_of, rows.start, rows.known, rows.tutor
    )
    model = fit(data, wider, seed=0).model
    x = data.x[:2_000].copy()
    x[:40, -1] = np.linspace(0, 200, 40).round()
    return model, x


def test_logits_are_those_of_xgboost_and_the_line(
    trained: Trained, rows: Dataset, scorer: Scorer
) -> None:
    logits, _ = scorer.scored(rows.x)
    assert logits == pytest.approx(trained.model.raw_logits(rows.x), abs=1e-5)


def test_parts_are_those_of_xgboost_and_the_line(
    trained: Trained, rows: Dataset, scorer: Scorer
) -> None:
    _, parts = scorer.scored(rows.x[:5_000])
    assert parts == pytest.approx(parts_by_xgboost(trained.model, rows.x[:5_000]), abs=1e-5)


def test_categories_missing_and_unseen_values_go_where_xgboost_sends_them(
    with_categories: tuple[Model, NDArray[np.float32]],
) -> None:
    model, x = with_categories
    logits, parts = Scorer(model).scored(x)
    assert logits == pytest.approx(model.raw_logits(x), abs=1e-5)
    assert parts == pytest.approx(parts_by_xgboost(model, x), abs=1e-5)
    assert np.ptp(parts[:, -2]) > 0.5


def test_values_beyond_any_measure_are_answered_as_by_xgboost(
    trained: Trained, rows: Dataset, scorer: Scorer
) -> None:
    x = rows.x[:400].copy()
    rng = np.random.default_rng(5)
    strange = np.array([np.nan, -1e30, 1e30, 0.0, -0.0, 1e-38], np.float32)
    hit = rng.random(x.shape) < 0.3
    x[hit] = rng.choice(strange, hit.sum())
    assert scorer.scored(x)[0] == pytest.approx(trained.model.raw_logits(x), abs=1e-5)


def test_the_parts_of_a_prediction_add_up_to_its_logit(
    trained: Trained, rows: Dataset, scorer: Scorer
) -> None:
    raw, parts = scorer.scored(rows.x[:2_000])
    assert parts.sum(axis=1) == pytest.approx(raw, abs=1e-9)
    said = logit(trained.model.probabilities(rows.x[:2_000]))
    assert trained.model.calibrator(raw) == pytest.approx(said, abs=1e-5)


def test_a_prediction_does_not_depend_on_the_others_of_its_batch(
    rows: Dataset, scorer: Scorer
) -> None:
    together, _ = scorer.scored(rows.x[:20])
    alone = [scorer.scored(rows.x[i : i + 1])[0][0] for i in range(20)]
    assert together.tolist() == alone


def test_reasons_are_the_strongest_parts_in_order(
    trained: Trained, rows: Dataset, scorer: Scorer
) -> None:
    _, parts = scorer.scored(rows.x[:50])
    sizes = np.sort(np.abs(parts[:, :-1]), axis=1)[:, ::-1] * trained.model.calibrator.slope
    for row, strongest in zip(scorer.reasons(rows.x[:50], parts), sizes, strict=True):
        assert [abs(r.contribution) for r in row] == strongest[:REASONS].tolist()
        assert len({reason.feature for reason in row}) == REASONS


def test_of_equal_parts_the_first_features_are_named(scorer: Scorer) -> None:
    x = np.ones((1, scorer._width), np.float32)
    (row,) = scorer.reasons(x, np.full((1, scorer._width + 1), -0.5))
    assert [reason.feature for reason in row] == [name for name, _ in scorer._named[:REASONS]]


def test_a_reason_shows_the_category_or_that_nothing_is_known(
    with_categories: tuple[Model, NDArray[np.float32]],
) -> None:
    model, x = with_categories
    scorer = Scorer(model)
    some = np.full((3, x.shape[1]), np.nan, np.float32)
    some[:2, -1] = 4, 99
    parts = np.zeros((3, x.shape[1] + 1))
    parts[:, -2] = 1.0
    shown = [row[0].value for row in scorer.reasons(some, parts)]
    assert shown == ["value 4", "another value", None]


@pytest.mark.parametrize(
    ("part", "value"),
    [("left_children", 0), ("right_children", 10_000), ("split_indices", 10_000)],
)
def test_trees_that_would_leave_their_bounds_are_refused(
    trained: Trained, part: str, value: int
) -> None:
    (tree,) = _trees(trained.model.trees[:1])
    tree[part][0] = value
    with pytest.raises(ValueError, match="its trees"):
        scorers._nodes(tree, 0, len(trained.model.spec.features), 1.0)


def test_more_codes_than_a_word_has_bits_are_refused(rows: Dataset) -> None:
    x = np.random.default_rng(0).integers(0, 90, (4_000, 1)).astype(np.float32)
    label = (x[:, 0] % 2).astype(np.int8)
    data = xgboost.DMatrix(x, label, feature_types=["c"], enable_categorical=True)
    (tree,) = _trees(xgboost.train(dict(PARAMETERS, colsample_bytree=1), data, 1))
    with pytest.raises(ValueError, match="64 values"):
        scorers._nodes(tree, 0, 1, 1.0)


def _trees(booster: Any) -> list[dict[str, Any]]:
    document = json.loads(booster.save_raw("json"))
    found: list[dict[str, Any]] = document["learner"]["gradient_booster"]["model"]["trees"]
    return found
