"""One small simulated platform and one model of it for all tests of this folder."""

import numpy as np
import pytest

from models.datasets import Dataset, base_rate, dataset
from models.recipe import Trained, train
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.features import FeatureSpec, LabelRule
from tutor_quality.features.replay import in_order
from tutor_quality.simulation import SimulationConfig, simulate

DAY_MS = 86_400_000
START = 1_700_000_000_000
CONFIG = SimulationConfig(start_ms=START, end_ms=START + 240 * DAY_MS, tutors=30, events=12_000)


@pytest.fixture(scope="session")
def history() -> list[SessionEvent]:
    return in_order(event for _, event in simulate(CONFIG, np.random.default_rng(1)))


@pytest.fixture(scope="session")
def spec(history: list[SessionEvent]) -> FeatureSpec:
    rule = LabelRule.tutor_moved()
    return FeatureSpec(rule, base_rate(history, rule))


@pytest.fixture(scope="session")
def rows(history: list[SessionEvent], spec: FeatureSpec) -> Dataset:
    return dataset(history, spec)[0]


@pytest.fixture(scope="session")
def trained(history: list[SessionEvent], spec: FeatureSpec) -> Trained:
    return train(history, spec, seed=0)
