"""Predictions for a past as they would have been made in it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.calibration import Recalibrator
from models.datasets import HOUR_MS
from models.evaluation import by_group, by_lead_band, metrics
from models.predictor import Model, vectors
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.features import Label, Row, Slot, TutorState, replay
from tutor_quality.features.replay import in_order
from tutor_quality.model_health.logits import logistic
from tutor_quality.model_health.metrics import reliability

BATCH = 4096
SlotKey = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Prediction:
    tutor_id: str
    slot: Slot
    as_of: int
    probability: float


@dataclass(frozen=True, slots=True)
class Backtest:
    predictions: list[Prediction]
    """Of slots with a known label."""
    asked: int
    """Slots to predict."""
    closed: int
    """… that had ended when it was time to predict."""
    censored: int
    unresolved: int
    shift: float
    slope: float
    """Recalibration at the end."""


def backtest(
    model: Model,
    history: Iterable[SessionEvent],
    data: Iterable[SessionEvent],
    lead_hours: float,
) -> Backtest:
    """Replays both in event order; predicts each slot of `data` once, `lead_hours` before its
    start or when it became known, whichever is later, if it is open then."""
    data = list(data)
    asked = {_key(event) for event in data if event.event_type is EventType.SCHEDULED}
    rows = list(_looks(model, in_order([*history, *data]), asked, lead_hours))
    probabilities, recalibrator = _predicted(model, rows)
    labels = [None if row.slot.ending is None else row.slot.ending.label for row in rows]
    predictions = [
        Prediction(row.tutor_id, row.slot, row.as_of, float(p))
        for row, p, label in zip(rows, probabilities, labels, strict=True)
        if label in (Label.BAD, Label.GOOD)
    ]
    return Backtest(
        predictions=predictions,
        asked=len(asked),
        closed=len(asked) - len(rows),
        censored=labels.count(Label.CENSORED),
        unresolved=labels.count(None),
        shift=recalibrator.calibrator.shift,
        slope=recalibrator.calibrator.slope,
    )


def _key(event: SessionEvent) -> SlotKey:
    return event.session_id, event.scheduled_start


def _looks(
    model: Model, events: Sequence[SessionEvent], asked: set[SlotKey], lead_hours: float
) -> Iterable[Row]:
    def marks(slot: Slot) -> tuple[float, ...]:
        return (lead_hours,) if (slot.session_id, slot.start) in asked else ()

    states: dict[str, TutorState] = {}
    return replay(events, model.spec, marks, states)


def _predicted(model: Model, rows: Sequence[Row]) -> tuple[NDArray[np.float64], Recalibrator]:
    """Rows come in the order of their instants; each sees only endings from before its own."""
    recalibrator = Recalibrator(model.curves)
    logits = _logits(model, rows)
    endings = sorted(
        (row.slot.ending.at, number)
        for number, row in enumerate(rows)
        if row.slot.ending is not None and row.slot.start > model.trained_until
    )
    settled = 0
    calibrated = np.empty(len(rows))
    for number, row in enumerate(rows):
        while settled < len(endings) and endings[settled][0] < row.as_of:
            at, which = endings[settled]
            ending = rows[which].slot.ending
            assert ending is not None
            recalibrator.settle(which, at, ending.label)
            settled += 1
        calibrated[number] = recalibrator.at(row.as_of)(logits[number])
        if row.slot.start > model.trained_until:
            recalibrator.add(number, row.as_of, row.slot.start, float(logits[number]))
    return logistic(calibrated), recalibrator


def _logits(model: Model, rows: Sequence[Row]) -> NDArray[np.float64]:
    batches = [
        model.logits(vectors([row.vector for row in rows[at : at + BATCH]], model.spec))
        for at in range(0, len(rows), BATCH)
    ]
    return np.concatenate(batches) if batches else np.empty(0)


def report(model: Model, result: Backtest, seen_tutors: set[str]) -> dict[str, Any]:
    """The metrics over all, by lead band and by group."""
    y = np.array([_is_bad(p) for p in result.predictions], dtype=np.int8)
    p = np.array([prediction.probability for prediction in result.predictions])
    hours = np.array([(p.slot.start - p.as_of) / HOUR_MS for p in result.predictions])
    return {
        **metrics(y, p),
        "slots": {
            "asked": result.asked,
            "closed_before": result.closed,
            "censored": result.censored,
            "unresolved": result.unresolved,
        },
        "recalibration": {"shift": result.shift, "slope": result.slope},
        "reliability": reliability(y, p) if len(y) else [],
        "by_lead_band": by_lead_band(y, p, hours),
        "by_group": {
            name: by_group(y, p, values)
            for name, values in _groups(model, result.predictions, seen_tutors).items()
        },
    }


def _is_bad(prediction: Prediction) -> bool:
    return prediction.slot.ending is not None and prediction.slot.ending.label is Label.BAD


def _groups(
    model: Model, predictions: Sequence[Prediction], seen: set[str]
) -> dict[str, NDArray[np.str_]]:
    """Names of groupings: known and new tutors, and each declared category."""
    groups = {"tutor": ["seen" if p.tutor_id in seen else "new" for p in predictions]}
    for number, column in enumerate(model.spec.context):
        if column.type == "category":
            names = (*column.values, "other")
            codes = [p.slot.context[number] for p in predictions]
            groups[column.name] = ["none" if c != c else names[int(c)] for c in codes]
    return {name: np.array(values, dtype=np.str_) for name, values in groups.items()}
