"""Columns that were written after the ending are found; honest ones pass."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import pytest

from models.datasets import Dataset, split
from models.leaks import refuse_foresight, suspicions
from models.recipe import refuse_leaks
from models.training import fit
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.features import ContextColumn, FeatureSpec, Row, replay

Plant = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def _noisy(share: float) -> Plant:
    return lambda y, rng: np.where(rng.random(len(y)) < share, 1 - y, y)


PLANTS: dict[str, Plant] = {
    "the label itself": lambda y, rng: y,
    "the label turned round": lambda y, rng: 1 - y,
    "the label with one error in a hundred": _noisy(0.01),
    "the label with one error in fifty": _noisy(0.02),
    "a number that is greater for bad endings": lambda y, rng: y * 2 + rng.random(len(y)),
    "a duration stored only for held lessons": lambda y, rng: np.where(y == 1, np.nan, 60),
    "the same, with 60 in the gaps": lambda y, rng: np.where(
        y == 1, 60, rng.integers(61, 90, len(y))
    ),
    "a rating that bad endings lack": lambda y, rng: np.where(
        y == 1, np.nan, rng.integers(1, 6, len(y))
    ),
    "a field filled for some bad endings": lambda y, rng: np.where(
        (y == 1) & (rng.random(len(y)) < 0.5), 1.0, np.nan
    ),
    "fees that follow the ending": lambda y, rng: np.where(y == 1, 0, rng.lognormal(3, 1, len(y))),
}


@pytest.fixture(scope="module")
def few(rows: Dataset) -> Dataset:
    return rows.where(np.arange(len(rows)) % 4 == 0)


def planted(rows: Dataset, values: np.ndarray) -> Dataset:
    return replace(rows, x=np.column_stack([rows.x, values]).astype(np.float32))


def judge(rows: Dataset, spec: FeatureSpec, values: np.ndarray) -> None:
    earlier, later = split(planted(rows, values), 0.3)
    with_column = replace(spec, context=(ContextColumn("planted", "number"),))
    refuse_leaks(fit(earlier, with_column, seed=0).model, earlier, later)


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS.keys())
def test_a_column_that_knows_the_ending_is_refused_by_name(
    few: Dataset, spec: FeatureSpec, plant: Plant
) -> None:
    with pytest.raises(InvalidInput, match=r"context\.planted"):
        judge(few, spec, plant(few.y, np.random.default_rng(0)))


def test_an_honest_column_passes(few: Dataset, spec: FeatureSpec) -> None:
    rng = np.random.default_rng(0)
    judge(few, spec, few.y * 0.3 + rng.normal(0, 1, len(few)))


def test_a_value_that_excludes_an_ending_is_shown_to_a_person(
    rows: Dataset, spec: FeatureSpec
) -> None:
    rng = np.random.default_rng(0)
    parking = ((rows.y == 0) & (rng.random(len(rows)) < 0.2)).astype(float)
    earlier, _ = split(planted(rows, parking), 0.3)
    model = fit(earlier, replace(spec, context=(ContextColumn("parking", "number"),)), 0).model
    assert [leak.feature for leak in suspicions(model, earlier)] == ["context.parking"]


def test_vectors_that_know_nothing_of_the_future_pass(
    history: list[SessionEvent], spec: FeatureSpec
) -> None:
    refuse_foresight(history, lambda told: replay(told, spec), np.random.default_rng(0))


def test_vectors_that_know_how_a_slot_ends_are_refused(
    history: list[SessionEvent], spec: FeatureSpec
) -> None:
    def cheating(told: Iterable[SessionEvent]) -> list[Row]:
        rows = list(replay(told, spec))
        return [
            replace(row, vector=[*row.vector, row.slot.ending is None or row.slot.ending.at])
            for row in rows
        ]

    with pytest.raises(InvalidInput, match="changes its vector"):
        refuse_foresight(history, cheating, np.random.default_rng(0))
