"""The population stability index of live vectors against the training set."""

import numpy as np
import pytest

from tutor_quality.model_health.live import shifts
from tutor_quality.model_health.shift import Profile


def drawn(n: int, mean: float = 0.0, gaps: float = 0.1, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(mean, 1.0, n).astype(np.float32)
    values[rng.random(n) < gaps] = np.nan
    return values


def test_the_same_population_is_stable() -> None:
    assert Profile.of(0, drawn(20_000)).index(drawn(1_000, seed=1)) < 0.05


@pytest.mark.parametrize("change", [{"mean": 1.0}, {"gaps": 0.6}])
def test_another_population_is_seen(change: dict[str, float]) -> None:
    assert Profile.of(0, drawn(20_000)).index(drawn(1_000, seed=1, **change)) > 0.25


def test_a_flag_has_as_many_bins_as_values() -> None:
    flags = (np.arange(1_000) % 4 == 0).astype(np.float32)
    profile = Profile.of(3, flags)
    assert profile.index(flags) == pytest.approx(0, abs=1e-6)
    assert profile.index(1 - flags) > 0.5


def test_a_feature_that_was_never_known_has_one_bin_for_that() -> None:
    nothing = np.full(10, np.nan, dtype=np.float32)
    profile = Profile.of(0, nothing)
    assert (profile.edges, profile.index(nothing)) == ([], 0.0)


def test_the_calendar_is_no_shift() -> None:
    """A day's vectors all have one weekday."""
    one_day = np.zeros((1_000, 2), dtype=np.float32)
    one_day[:, 1] = drawn(1_000, gaps=0)
    week = Profile.of(0, (np.arange(7_000) % 7).astype(np.float32))
    same = Profile.of(1, drawn(20_000, gaps=0))
    profiles = {"up to 6 h": {"day_of_week": week.to_json(), "tutor_effect_14d": same.to_json()}}
    rows = [{"band": 0, "vector": vector.astype("<f4").tobytes()} for vector in one_day]
    found = shifts(rows, profiles)
    assert set(found) == {"tutor_effect_14d"} and found["tutor_effect_14d"] < 0.1
