import numpy as np
import pytest

from models.datasets import Dataset
from models.predictor import REASONS
from models.recipe import Trained
from tutor_quality.model_health.logits import logit


def test_the_parts_of_a_prediction_add_up_to_its_logit(trained: Trained, rows: Dataset) -> None:
    some = rows.x[:2_000]
    total = trained.model.contributions(some).sum(axis=1)
    assert total == pytest.approx(logit(trained.model.probabilities(some)), abs=1e-5)


def test_a_prediction_does_not_depend_on_the_others_of_its_batch(
    trained: Trained, rows: Dataset
) -> None:
    together = trained.model.probabilities(rows.x[:20])
    alone = [trained.model.probabilities(rows.x[i : i + 1])[0] for i in range(20)]
    assert together.tolist() == alone


def test_reasons_are_the_strongest_parts_in_order(trained: Trained, rows: Dataset) -> None:
    reasons = trained.model.reasons(rows.x[:50])
    parts = np.abs(trained.model.contributions(rows.x[:50])[:, :-1])
    for row, strongest in zip(reasons, np.sort(parts, axis=1)[:, ::-1], strict=True):
        assert [abs(r.contribution) for r in row] == strongest[:REASONS].tolist()


def test_a_reason_without_a_value_says_so(trained: Trained, rows: Dataset) -> None:
    nothing = np.full_like(rows.x[:1], np.nan)
    assert all(reason.value is None for reason in trained.model.reasons(nothing)[0])
