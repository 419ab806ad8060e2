from dataclasses import replace

import numpy as np
import pytest

from models.backtest import backtest
from models.datasets import Dataset, base_rate
from models.evaluation import metrics
from models.recipe import Trained, train
from models.training import fit
from tests.unit.models.conftest import CONFIG, DAY_MS
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.features import FeatureSpec, Label, LabelRule
from tutor_quality.features.replay import CREATION, in_order
from tutor_quality.simulation import SimulationConfig, simulate


def test_a_model_beats_the_base_rate_on_what_came_later(trained: Trained) -> None:
    test = trained.about["test"]
    assert test["auc"] > 0.65
    assert test["log_loss"] < test["base_rate_log_loss"] - 0.01
    assert test["intervals_90"]["auc"][0] < test["auc"] < test["intervals_90"]["auc"][1]


def test_the_same_seed_and_data_give_the_same_model(rows: Dataset, spec: FeatureSpec) -> None:
    few = rows.where(np.arange(len(rows)) % 4 == 0)
    one, two = (fit(few, spec, seed=3).model for _ in range(2))
    assert one.probabilities(few.x).tolist() == two.probabilities(few.x).tolist()


def test_too_short_a_history_is_refused_with_what_is_missing(
    history: list[SessionEvent], spec: FeatureSpec
) -> None:
    with pytest.raises(InvalidInput, match="too little to learn from"):
        train(history[:300], spec, seed=0)


def test_where_outcomes_depend_on_nothing_no_model_ranks_them() -> None:
    null = replace(CONFIG, null=True)
    later = replace(null, events=90_000, tutors=150)
    rule = LabelRule.tutor_moved()
    past = _events(null, 2)
    model = train(past, FeatureSpec(rule, base_rate(past, rule)), seed=0).model
    made = backtest(model, [], _events(later, 3), CREATION).predictions
    y = np.array(
        [p.slot.ending is not None and p.slot.ending.label is Label.BAD for p in made], np.int8
    )
    found = metrics(y, np.array([p.probability for p in made]))
    assert found["auc"] == pytest.approx(0.5, abs=0.01)


def _events(config: SimulationConfig, seed: int) -> list[SessionEvent]:
    assert config.end_ms - config.start_ms == 240 * DAY_MS
    return in_order(event for _, event in simulate(config, np.random.default_rng(seed)))
