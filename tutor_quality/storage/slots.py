"""Which facts of a batch speak for their slot; the same order as the domain's."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.columns import NULL_TIME, Kind, LifecycleColumns

Mask = NDArray[np.bool_]
Keys = tuple[NDArray[Any], ...]


@dataclass(frozen=True, slots=True)
class Winners:
    """Aligned with the facts of a batch."""

    fresh: Mask
    """The first record of its event id."""
    books: Mask
    """The fact with the greatest (explicit, occurred_at, event_id) that opens its slot."""
    decides: Mask
    """The outcome with the greatest (occurred_at, event_id) of its slot."""
    booked_start: NDArray[np.int64]
    """Start of the slot that the fact opens, NULL_TIME for none."""
    opened_at: NDArray[np.int64]
    """Of facts that book: the least occurred_at of the facts that open the slot."""


def winners(facts: LifecycleColumns, partitions: NDArray[np.int64]) -> Winners:
    """`facts` are session events, no ticks; `partitions` of their records, aligned."""
    event, session = _halves(facts.event_id), _halves(facts.session_id)
    explicit = facts.kind == Kind.SCHEDULED
    newest = (facts.occurred_at, *event)
    booked_start = np.where(explicit, facts.scheduled_start, facts.new_start)
    records = _Groups(np.ones_like(explicit), event, (partitions, facts.offset))
    bookings = _Groups(booked_start != NULL_TIME, (*session, booked_start), (explicit, *newest))
    outcomes = _Groups(~explicit, (*session, facts.scheduled_start), newest)
    return Winners(
        fresh=records.firsts(),
        books=bookings.lasts(),
        decides=outcomes.lasts(),
        booked_start=booked_start,
        opened_at=bookings.least(facts.occurred_at),
    )


def _halves(uuids: NDArray[np.uint8]) -> Keys:
    """Two numbers that sort as the UUID does."""
    halves = np.ascontiguousarray(uuids).view(">u8").astype(np.uint64)
    return halves[:, 0], halves[:, 1]


class _Groups:
    """Rows of equal `group`, ascending by `rank` within it."""

    def __init__(self, among: Mask, group: Keys, rank: Keys) -> None:
        rows = np.flatnonzero(among)
        self._order = rows[np.lexsort([key[rows] for key in reversed((*group, *rank))])]
        self._starts = np.ones(len(rows), np.bool_)
        self._starts[1:] = np.logical_or.reduce(
            [np.diff(key[self._order]).astype(np.bool_) for key in group]
        )
        self._n = len(among)

    def firsts(self) -> Mask:
        return self._mask(self._starts)

    def lasts(self) -> Mask:
        return self._mask(np.roll(self._starts, -1))

    def least(self, values: NDArray[np.int64]) -> NDArray[np.int64]:
        """Of each group, at its last row; 0 elsewhere."""
        out = np.zeros(self._n, np.int64)
        if len(self._order):
            starts = np.flatnonzero(self._starts)
            out[self.lasts_in_order()] = np.minimum.reduceat(values[self._order], starts)
        return out

    def lasts_in_order(self) -> NDArray[np.int64]:
        return self._order[np.roll(self._starts, -1)]

    def _mask(self, chosen: Mask) -> Mask:
        mask = np.zeros(self._n, np.bool_)
        mask[self._order[chosen]] = True
        return mask
