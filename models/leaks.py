"""The gate that a declared column must pass: facts known at booking do not give the ending away.

Features made from history cannot leak (a test shifts the future and compares vectors); columns
of a file can, when they were written after the ending. The original system's worst fault was one:
a duration that was stored only for lessons that were held.
"""

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from models.datasets import Dataset
from models.predictor import Model
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.errors import InvalidInput
from tutor_quality.features import Row
from tutor_quality.features.replay import in_order

GREATEST_AUC_SHARE = 0.95
GREATEST_GAIN_SHARE = 0.60
GREATEST_MISSING_AUC = 0.60
WEAKEST_AUC = 0.70
"""A column that ranks worse alone gives no ending away, however weak the rest of the model is."""
BINS = 64
FEWEST_PURE = 400
"""Rows with one value that never, or always, end badly …"""
UNLIKELY = 50.0
"""… although so many would have ended the other way at the overall rate."""
FROM_FILE = ("duration_minutes",)
Looks = Callable[[Iterable[SessionEvent]], Iterable[Row]]
FORESIGHT_TUTORS = 20
FORESIGHT_SHIFT_MS = 7 * 24 * 3_600_000


@dataclass(frozen=True, slots=True)
class Leak:
    feature: str
    why: str


def leaks(model: Model, earlier: Dataset, later: Dataset) -> list[Leak]:
    """Columns of the file that know too much; `earlier` sets the rules, `later` judges them."""
    strength = _auc(later.y, model.logits(later.x)) - 0.5
    gains = gain_shares(model)
    return [
        Leak(name, why)
        for number, name in _from_file(model)
        for why in (
            _too_strong(earlier, later, number, strength, gains.get(name, 0.0)),
            _telling_gap(later, number),
        )
        if why
    ]


def refuse_foresight(
    events: Sequence[SessionEvent], looks: Looks, rng: np.random.Generator
) -> None:
    """Of some tutors, vectors up to the middle of the history must be the same to the last bit
    when all that comes later is told otherwise. Raises InvalidInput if one knows the future."""
    tutors = sorted({event.tutor_id for event in events})
    some = set(rng.choice(tutors, size=min(FORESIGHT_TUTORS, len(tutors)), replace=False).tolist())
    told = [event for event in events if event.tutor_id in some]
    middle = told[len(told) // 2].occurred_at
    poisoned = in_order(_poisoned(event, middle) for event in told)
    honest, other = (
        [row for row in looks(history) if row.as_of <= middle] for history in (told, poisoned)
    )
    if _bytes(honest) != _bytes(other):
        raise InvalidInput("leak: what happens after a look changes its vector; report this bug")


def _poisoned(event: SessionEvent, middle: int) -> SessionEvent:
    """What is later than the middle happens otherwise, and another week."""
    if event.occurred_at <= middle:
        return event
    later = event.occurred_at + FORESIGHT_SHIFT_MS
    if event.event_type is EventType.SCHEDULED:
        return replace(event, occurred_at=later)
    return replace(
        event, occurred_at=later, event_type=EventType.NO_SHOW, initiator=None, new_start=None
    )


def _bytes(rows: Iterable[Row]) -> list[tuple[str, int, int, bytes]]:
    return [
        (row.slot.session_id, row.slot.start, row.as_of, array("f", row.vector).tobytes())
        for row in rows
    ]


def suspicions(model: Model, earlier: Dataset) -> list[Leak]:
    """Columns for a person to look at: honest data can have values that exclude an ending.

    (In OULAD, some kinds of assessment were never handed in by anyone.)
    """
    return [
        Leak(name, why)
        for number, name in _from_file(model)
        for why in (_too_pure(earlier, number),)
        if why
    ]


def _from_file(model: Model) -> list[tuple[int, str]]:
    """Number and name of the features that are not made from history."""
    return [
        (number, name)
        for number, name in enumerate(model.spec.names)
        if name.startswith("context.") or name in FROM_FILE
    ]


def gain_shares(model: Model) -> dict[str, float]:
    """Each feature's share of the trees' total gain."""
    gains = model.trees.get_score(importance_type="total_gain")
    total = sum(gains.values()) or 1.0
    names = model.spec.names
    return {names[int(key[1:])]: float(gain) / total for key, gain in gains.items()}


def _too_strong(
    earlier: Dataset, later: Dataset, number: int, strength: float, gain: float
) -> str | None:
    alone = abs(_auc(later.y, _rates(earlier, later, number)) - 0.5)
    if alone < WEAKEST_AUC - 0.5:
        return None
    if alone > GREATEST_AUC_SHARE * strength:
        return f"alone it ranks as well as the whole model (AUC {0.5 + alone:.3f})"
    if gain > GREATEST_GAIN_SHARE:
        return f"it has {gain:.0%} of the model's gain (alone AUC {0.5 + alone:.3f})"
    return None


def _telling_gap(later: Dataset, number: int) -> str | None:
    missing = np.isnan(later.x[:, number]).astype(np.float64)
    auc = _auc(later.y, missing)
    if abs(auc - 0.5) <= GREATEST_MISSING_AUC - 0.5:
        return None
    return f"whether it is empty tells the ending (AUC {max(auc, 1 - auc):.3f})"


def _too_pure(data: Dataset, number: int) -> str | None:
    """A value that excludes one ending, as "parking used" excludes a cancelled booking."""
    bins = _bins(data.x[:, number], data.x[:, number])
    count = np.bincount(bins)
    bad = np.bincount(bins, weights=data.y)
    base = data.y.mean()
    never = (bad == 0) & (count * base > UNLIKELY)
    always = (bad == count) & (count * (1 - base) > UNLIKELY)
    pure = (never | always) & (count >= FEWEST_PURE)
    if not pure.any():
        return None
    return f"{int(count[pure].sum())} rows with some of its values all end the same way"


def _rates(earlier: Dataset, later: Dataset, number: int) -> NDArray[np.float64]:
    """Of each later row, the earlier share of bad endings among rows with such a value."""
    edges = earlier.x[:, number]
    bins = _bins(edges, edges)
    count = np.bincount(bins, minlength=BINS + 2)
    bad = np.bincount(bins, weights=earlier.y, minlength=BINS + 2)
    rates = (bad + 5 * earlier.y.mean()) / (count + 5)
    found: NDArray[np.float64] = rates[_bins(later.x[:, number], edges)]
    return found


def _bins(values: NDArray[np.float32], like: NDArray[np.float32]) -> NDArray[np.int64]:
    """Missing is bin 0; the others are cut at quantiles of `like`."""
    known = like[~np.isnan(like)]
    if not len(known):
        return np.zeros(len(values), dtype=np.int64)
    distinct = np.unique(known)
    if len(distinct) > BINS:
        distinct = np.unique(np.quantile(known, np.linspace(0, 1, BINS)))
    places = np.searchsorted(distinct, np.nan_to_num(values, nan=0.0), side="right")
    return np.where(np.isnan(values), 0, np.clip(places, 1, BINS + 1))


def _auc(y: NDArray[np.int8], score: NDArray[np.float64]) -> float:
    return float(roc_auc_score(y, score)) if 0 < y.sum() < len(y) else 0.5
