"""The counts of one window, packed into one integer so that a slot enters or leaves in one step.

Each count is a lane of 32 bits; adding a slot's weight adds to all of its counts at once. A lane
cannot overflow: it would take four thousand million slots of one tutor within 90 days.
"""

from typing import NamedTuple

import numpy as np

from tutor_quality.domain.columns import Kind
from tutor_quality.domain.slots import (
    EARLY_END,
    END_KNOWN,
    FIRST_SESSION,
    KIND_MASK,
    LATE_START,
    OUTCOME_BITS,
    RATING_SHIFT,
    START_KNOWN,
    TUTOR_RESCHEDULED,
)


class Counts(NamedTuple):
    """Counts over the slots with an outcome in one window; the order is that of the lanes."""

    tutor_reschedules: int
    completed: int
    no_shows: int
    cancelled: int
    """Cancelled or moved, by anyone."""
    starts_known: int
    late_starts: int
    ends_known: int
    early_ends: int
    ratings: int
    rating_sum: int
    first_sessions: int
    first_sessions_lost: int


LANE_BITS = 32
LANE = (1 << LANE_BITS) - 1
"""Masks the first lane: the tutor's reschedules."""
_BYTES = len(Counts._fields) * LANE_BITS // 8


def _counts(bits: int) -> Counts:
    """What one slot contributes, by its outcome bits."""
    kind = bits & KIND_MASK
    rating = bits >> RATING_SHIFT
    first = bool(bits & FIRST_SESSION)
    return Counts(
        tutor_reschedules=bool(bits & TUTOR_RESCHEDULED),
        completed=kind == Kind.COMPLETED,
        no_shows=kind == Kind.NO_SHOW,
        cancelled=kind in (Kind.RESCHEDULED, Kind.CANCELLED),
        starts_known=bool(bits & START_KNOWN),
        late_starts=bool(bits & LATE_START),
        ends_known=bool(bits & END_KNOWN),
        early_ends=bool(bits & EARLY_END),
        ratings=rating > 0,
        rating_sum=rating,
        first_sessions=first,
        first_sessions_lost=first and kind != Kind.COMPLETED,
    )


LANES = np.array([_counts(bits) for bits in range(1 << OUTCOME_BITS)], np.int32)
"""The counts of one slot, by its outcome bits."""
WEIGHTS = tuple(
    sum(count << LANE_BITS * lane for lane, count in enumerate(counts)) for counts in LANES.tolist()
)
"""The same, packed."""


def unpack(packed: int) -> Counts:
    raw = packed.to_bytes(_BYTES, "little")
    return Counts(*memoryview(raw).cast("I"))
