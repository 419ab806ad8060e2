from dataclasses import replace

import pytest

from models.backtest import Backtest, backtest, report
from models.recipe import Trained
from tests.unit.models.conftest import DAY_MS, START
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.features.replay import CREATION

CUT = START + 200 * DAY_MS


@pytest.fixture(scope="module")
def parts(history: list[SessionEvent]) -> tuple[list[SessionEvent], list[SessionEvent]]:
    earlier = [event for event in history if event.scheduled_start < CUT]
    return earlier, [event for event in history if event.scheduled_start >= CUT]


def answers(made: Backtest) -> dict[tuple[str, int], tuple[int, float]]:
    return {(p.slot.session_id, p.slot.start): (p.as_of, p.probability) for p in made.predictions}


def test_each_slot_is_predicted_at_its_creation_or_so_long_before_its_start(
    trained: Trained, parts: tuple[list[SessionEvent], list[SessionEvent]]
) -> None:
    for lead_hours in (CREATION, 24.0, 2.0):
        for p in backtest(trained.model, *parts, lead_hours).predictions:
            mark = p.slot.start - lead_hours * 3_600_000
            assert p.as_of == max(p.slot.created, mark)
            assert p.slot.ending is not None and p.slot.ending.at >= p.as_of


def test_every_slot_asked_for_is_predicted_or_accounted_for(
    trained: Trained, parts: tuple[list[SessionEvent], list[SessionEvent]]
) -> None:
    made = backtest(trained.model, *parts, 24.0)
    accounted = len(made.predictions) + made.closed + made.censored + made.unresolved
    assert accounted == made.asked
    assert made.closed > 0


def test_what_happens_after_a_prediction_does_not_change_it(
    trained: Trained, parts: tuple[list[SessionEvent], list[SessionEvent]]
) -> None:
    history, data = parts
    until = CUT + 20 * DAY_MS
    poisoned = [
        replace(event, event_type=EventType.NO_SHOW, initiator=None, new_start=None)
        if event.occurred_at > until and event.event_type is not EventType.SCHEDULED
        else event
        for event in data
    ]
    before = answers(backtest(trained.model, history, data, CREATION))
    after = answers(backtest(trained.model, history, poisoned, CREATION))
    shared = [key for key in before if key in after and before[key][0] <= until]
    assert len(shared) > 200
    assert [before[key] for key in shared] == [after[key] for key in shared]


def test_the_report_has_metrics_over_all_by_lead_band_and_by_group(
    trained: Trained, parts: tuple[list[SessionEvent], list[SessionEvent]]
) -> None:
    history, data = parts
    made = backtest(trained.model, history, data, CREATION)
    found = report(trained.model, made, {event.tutor_id for event in history})
    assert {"n", "auc", "pr_auc", "brier", "log_loss", "ece", "slope", "o_e"} <= set(found)
    assert found["n"] == sum(band["n"] for band in found["by_lead_band"].values())
    assert found["by_group"]["tutor"]["seen"]["n"] == found["n"]


def test_a_report_of_nothing_has_all_its_figures_empty(trained: Trained) -> None:
    found = report(trained.model, backtest(trained.model, [], [], 24.0), set())
    figures = ("auc", "pr_auc", "brier", "log_loss", "ece", "slope", "o_e")
    assert found["n"] == 0
    assert [found[name] for name in figures] == [None] * len(figures)
