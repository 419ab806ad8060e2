"""The alarm on calibration: how seldom it is false, and how soon it is right."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tutor_quality.model_health.drift import ALPHA, FEWEST, Drift, drift
from tutor_quality.model_health.logits import logistic

MONTH = 3_000
TUTORS = 60


def month(
    rng: np.random.Generator,
    *,
    n: int = MONTH,
    shift: float = 0.0,
    begin: int = 0,
    of_tutor: float = 0.0,
) -> Drift:
    """Outcomes of predictions around 14 %; from number `begin` on the truth is `shift` more.

    `of_tutor`: spread of what the model does not know about each tutor, in logit.
    """
    tutor: NDArray[np.int64] = rng.integers(TUTORS, size=n)
    z = rng.normal(-2.2, 1.0, n)
    unknown = rng.normal(0.0, of_tutor, TUTORS)[tutor]
    truth = z + unknown + np.where(np.arange(n) >= begin, shift, 0.0)
    y = (rng.random(n) < logistic(truth)).astype(np.int8)
    return drift(logistic(z), y, tutor)


def test_of_a_thousand_months_without_drift_fewer_than_one_in_a_hundred_raise_an_alarm() -> None:
    rng = np.random.default_rng(1)
    alarms = sum(month(rng).state == "drifting" for _ in range(1_000))
    assert alarms <= 1_000 * ALPHA


def test_tutors_whom_the_model_knows_badly_are_no_reason_for_alarms() -> None:
    rng = np.random.default_rng(2)
    alarms = sum(month(rng, of_tutor=0.3).state == "drifting" for _ in range(500))
    assert alarms <= 10


@pytest.mark.parametrize(("shift", "direction"), [(0.5, "too low"), (-0.5, "too high")])
def test_half_a_logit_is_seen_within_two_thousand_outcomes(shift: float, direction: str) -> None:
    rng = np.random.default_rng(3)
    found = [month(rng, shift=shift, begin=1_000) for _ in range(100)]
    assert sum(f.state == "drifting" and f.direction == direction for f in found) >= 95


def test_the_alarm_says_about_where_it_began() -> None:
    rng = np.random.default_rng(4)
    begins = [month(rng, shift=0.7, begin=1_000).since for _ in range(50)]
    assert 800 < np.median([begin for begin in begins if begin is not None]) < 1_200


def test_a_handful_of_outcomes_is_not_judged() -> None:
    found = month(np.random.default_rng(5), n=FEWEST - 1, shift=3.0)
    assert (found.state, found.direction) == ("too few", None)


def test_the_verdict_does_not_depend_on_how_tutors_are_numbered() -> None:
    rng = np.random.default_rng(6)
    p = logistic(rng.normal(-2, 1, 500))
    y = (rng.random(500) < p).astype(np.int8)
    tutor = rng.integers(9, size=500)
    assert drift(p, y, tutor) == replace(drift(p, y, tutor * 1000 + 7))
