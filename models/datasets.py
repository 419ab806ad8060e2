"""A history as rows to learn from: what was known of each slot, and how it ended."""

from array import array
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import orjson
from numpy.typing import NDArray

from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.features import ContextColumn, FeatureSpec, Label, LabelRule, Slot, replay

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
RAREST_VALUE = 20
MOST_VALUES = 60
"""Of a context category; rarer values and further ones share a code."""
EMBARGO_MS = 3 * DAY_MS
"""Between the sets of a split: slots of one group booking or lesson week must not straddle it."""


@dataclass(frozen=True, slots=True)
class Dataset:
    """Columns over rows; times in ms."""

    x: NDArray[np.float32]
    """(n, k) in spec order."""
    y: NDArray[np.int8]
    as_of: NDArray[np.int64]
    start: NDArray[np.int64]
    known: NDArray[np.int64]
    """When the ending happened."""
    tutor: NDArray[np.int64]
    """Number of the tutor in order of appearance."""

    def __len__(self) -> int:
        return len(self.y)

    def where(self, chosen: NDArray[np.generic]) -> "Dataset":
        return Dataset(*(getattr(self, f.name)[chosen] for f in fields(Dataset)))

    @property
    def hours(self) -> NDArray[np.float64]:
        """From the look to the start."""
        hours: NDArray[np.float64] = (self.start - self.as_of) / HOUR_MS
        return hours

    @property
    def news_share(self) -> NDArray[np.float64]:
        """When the ending was known, as a share of the time from the look to the start."""
        span = np.maximum(self.start - self.as_of, 1)
        share: NDArray[np.float64] = np.clip((self.known - self.as_of) / span, 0, 1)
        return share


@dataclass(frozen=True, slots=True)
class Left:
    """Rows that teach nothing, by why."""

    censored: int
    unresolved: int
    """Their start has passed, yet no ending is known."""
    immature: int
    """Their start had not passed when the history ends, whether or not they ended early."""


def context_columns(
    events: Sequence[SessionEvent], declared: Mapping[str, str]
) -> tuple[ContextColumn, ...]:
    """The declared columns (name -> number or category) with the values that occur."""
    counts: dict[str, Counter[str]] = {
        name: Counter() for name, kind in declared.items() if kind == "category"
    }
    for event in events if counts else ():
        if event.event_type is EventType.SCHEDULED and event.context:
            facts = orjson.loads(event.context)
            for name, values in counts.items():
                if facts.get(name) not in (None, ""):
                    values[str(facts[name])] += 1
    return tuple(
        _context_column(name, declared[name], counts.get(name)) for name in sorted(declared)
    )


def _context_column(name: str, kind: str, values: Counter[str] | None) -> ContextColumn:
    if kind != "category" or values is None:
        return ContextColumn(name, "number")
    frequent = sorted(values.items(), key=lambda item: (-item[1], item[0]))[:MOST_VALUES]
    return ContextColumn(
        name, "category", tuple(value for value, count in frequent if count >= RAREST_VALUE)
    )


def base_rate(events: Iterable[SessionEvent], rule: LabelRule) -> float:
    """Share of bad endings among those not censored; within [0.001, 0.999]."""
    labels = Counter(
        rule.label(event.event_type, event.initiator)
        for event in events
        if event.event_type is not EventType.SCHEDULED
    )
    bad, good = labels[Label.BAD], labels[Label.GOOD]
    return min(max(bad / (bad + good), 0.001), 0.999) if bad + good else 0.5


@dataclass(frozen=True, slots=True)
class _Look:
    tutor_id: str
    slot: Slot
    as_of: int

    @property
    def label(self) -> Label | None:
        return None if self.slot.ending is None else self.slot.ending.label


def dataset(events: Sequence[SessionEvent], spec: FeatureSpec) -> tuple[Dataset, Left]:
    """Rows at creation and at the lead-time marks of every slot; events as by `in_order`.

    Slots that are still to come when the history ends are left out even when they ended early:
    bad endings are known earlier than good ones, so taking them in would overstate the bad.
    """
    looks: list[_Look] = []
    values = array("f")  # A list of lists of floats would need seven times the memory.
    for row in replay(events, spec):
        looks.append(_Look(row.tutor_id, row.slot, row.as_of))
        values.extend(row.vector)
    x = np.frombuffer(values, dtype=np.float32).reshape(len(looks), len(spec.features))
    until = max((event.occurred_at for event in events), default=0)
    started = np.array([look.slot.start <= until for look in looks], dtype=np.bool_)
    labels = [look.label for look in looks]
    left = Left(
        censored=_count(started, labels, Label.CENSORED),
        unresolved=_count(started, labels, None),
        immature=len(looks) - int(started.sum()),
    )
    known = np.array([label in (Label.BAD, Label.GOOD) for label in labels], dtype=np.bool_)
    usable = np.flatnonzero(started & known)
    return _columns(x[usable], [looks[number] for number in usable]), left


def _count(started: NDArray[np.bool_], labels: Sequence[Label | None], label: Label | None) -> int:
    return sum(found is label for found, there in zip(labels, started, strict=True) if there)


def _columns(x: NDArray[np.float32], looks: Sequence[_Look]) -> Dataset:
    tutors: dict[str, int] = {}
    return Dataset(
        x=x,
        y=np.array([look.label is Label.BAD for look in looks], dtype=np.int8),
        as_of=np.array([look.as_of for look in looks], dtype=np.int64),
        start=np.array([look.slot.start for look in looks], dtype=np.int64),
        known=np.array([look.slot.ending and look.slot.ending.at for look in looks], np.int64),
        tutor=np.array(
            [tutors.setdefault(look.tutor_id, len(tutors)) for look in looks], dtype=np.int64
        ),
    )


def split(data: Dataset, share: float) -> tuple[Dataset, Dataset]:
    """(earlier, later) by the slots' start; `share` of the rows are later."""
    cut = int(np.quantile(data.start, 1 - share)) if len(data) else 0
    return data.where(data.start < cut - EMBARGO_MS), data.where(data.start >= cut)


def thinned(data: Dataset, most: int, rng: np.random.Generator) -> Dataset:
    if len(data) <= most:
        return data
    return data.where(np.sort(rng.choice(len(data), size=most, replace=False)))
