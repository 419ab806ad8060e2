import numpy as np
import pytest

from models.calibration import (
    NewsCurves,
    Recalibrator,
    guarded_calibrator,
)
from tutor_quality.features import Label
from tutor_quality.model_health.logits import Calibrator, fit_line, logistic

DAY_MS = 86_400_000


def drawn(n: int, shift: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and labels whose true logit is `shift` more."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-1.0, 1.0, n)
    return z, (rng.random(n) < logistic(z + shift)).astype(np.int8)


def test_a_fitted_line_finds_the_shift_and_slope() -> None:
    z, y = drawn(50_000, 0.4)
    found = fit_line(2 * z, y)
    assert found.shift == pytest.approx(0.4, abs=0.05)
    assert found.slope == pytest.approx(0.5, abs=0.02)


def test_the_guard_keeps_a_handful_of_outcomes_from_moving_anything() -> None:
    z, y = drawn(30, 2.0)
    found = guarded_calibrator(z, y)
    assert abs(found.shift) < 0.15 and abs(found.slope - 1) < 0.05


def test_labels_that_are_all_alike_give_finite_numbers() -> None:
    z, _ = drawn(1_000, 0)
    found = fit_line(z, np.ones(1_000, dtype=np.int8))
    assert np.isfinite([found.shift, found.slope]).all()


def replayed(shift: float, n: int = 6_000) -> Recalibrator:
    """Bad endings become known half-way to the start, good ones only at the start."""
    z, y = drawn(n, shift)
    hours = np.full(n, 60 * 24.0)
    share = np.where(y == 1, 0.5, 1.0)
    recalibrator = Recalibrator(NewsCurves.fit(y, hours, share))
    begin = 1_700_000_000_000
    as_of = begin + np.arange(n) * (120 * DAY_MS // n)
    known = as_of + (share * 60 * DAY_MS).astype(np.int64)
    order = iter(sorted((int(at), i) for i, at in enumerate(known)))
    due = next(order)
    for i in range(n):
        while due[0] < as_of[i]:
            recalibrator.settle(due[1], due[0], Label.BAD if y[due[1]] else Label.GOOD)
            due = next(order)
        recalibrator.at(int(as_of[i]))
        recalibrator.add(i, int(as_of[i]), int(as_of[i]) + 60 * DAY_MS, float(z[i]))
    return recalibrator


def test_bad_news_that_comes_early_does_not_bias_the_recalibration() -> None:
    assert abs(replayed(0.0).calibrator.shift) < 0.1


def test_the_recalibration_follows_a_drift() -> None:
    assert replayed(0.5).calibrator.shift > 0.25


def test_without_outcomes_nothing_is_recalibrated() -> None:
    n = 100
    curves = NewsCurves.fit(np.zeros(n, np.int8), np.ones(n), np.ones(n))
    recalibrator = Recalibrator(curves)
    assert recalibrator.at(0) == recalibrator.at(30 * DAY_MS) == Calibrator()
