"""The rows of all tutors of a partition, packed into a few arrays that compiled code works on.

Every tutor has a record in `tutors` and a *segment* of `slots`: from `base` on, `capacity` of them,
of which the first `used` are taken. A slot stays at its place in the segment; `closed` and `opened`
hold the places in order, `by_key` finds a place by slot key. All four arrays are cut alike, so a
segment that is full moves to the end of all of them at once.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.counts import Counts
from tutor_quality.domain.risk import WINDOW_MS
from tutor_quality.domain.tutor import NEVER

FIRST_TUTORS, FIRST_SLOTS = 8, 64
"""Room of a new arena."""

GONE, OPEN, CLOSED = 0, 1, 2
"""State of a slot; one that is gone waits for its segment to be renewed."""

TUTOR = np.dtype(
    [
        ("id_high", np.uint64),
        ("id_low", np.uint64),
        # As in `TutorRow`.
        ("applied", np.int64),
        ("clock", np.int64),
        ("due", np.int64),
        ("transitions", np.int64),
        ("verdict", np.int64),
        ("entered", np.int64),
        ("first", np.int64, len(WINDOW_MS)),
        ("counts", np.int32, (len(WINDOW_MS), len(Counts._fields))),
        # The segment.
        ("base", np.int64),
        ("capacity", np.int64),
        ("used", np.int64),
        ("closed", np.int64),
        ("opened", np.int64),
        ("batch", np.int64),
    ],
    align=True,
)
"""`closed` and `opened` count slots; `batch` is the last one that touched the tutor."""

SLOT = np.dtype(
    [
        ("key", np.uint64),
        ("at", np.int64),
        ("start", np.int64),
        ("id_high", np.uint64),
        ("id_low", np.uint64),
        ("bits", np.int32),
        ("state", np.int32),
    ],
    align=True,
)
"""`at`: when the outcome occurred or, of an open slot, when it was booked."""

CHANGE = np.dtype(
    [
        ("tutor", np.int64),
        ("number", np.int64),
        ("instant", np.int64),
        ("verdict", np.int64),
        ("previous", np.int64),
        ("totals", np.int64, len(WINDOW_MS)),
        ("reschedules", np.int64, len(WINDOW_MS)),
        ("cause", np.int64),
        ("offset", np.int64),
        ("slot_at", np.int64),
    ],
    align=True,
)
"""As `Transition`; `slot_at` is NULL_TIME for none."""

MARKS = np.dtype(
    [
        ("tutors", np.int64),
        ("top", np.int64),
        ("waste", np.int64),
        ("wanted", np.int64),
        ("batch", np.int64),
        ("touched", np.int64),
        ("changes", np.int64),
        ("next_due", np.int64),
    ],
    align=True,
)
"""How much of each array is taken; `waste` are slots below `top` in segments that were left, and
`wanted` the slots of a segment for which there was no room; 0 = there was room."""


class Arena(NamedTuple):
    """The arrays. They grow in place: whoever holds an arena sees it."""

    tutors: NDArray[np.void]
    by_id: NDArray[np.int32]
    """Tutors by hash of their id: number + 1, or 0. Its length is a power of two."""
    slots: NDArray[np.void]
    closed: NDArray[np.int32]
    """Places of the slots with an outcome, in the order of (at, key)."""
    opened: NDArray[np.int32]
    """Places of the open slots, in the order of (start, at, key)."""
    by_key: NDArray[np.int32]
    """Place + 1 of slots by key, or 0; twice as long as `slots`."""
    spare: NDArray[np.void]
    """Room for the slots of one segment while it is renewed."""
    marks: NDArray[np.void]
    """One record."""


def new_arena() -> Arena:
    marks = np.zeros(1, MARKS)
    marks["next_due"] = NEVER
    return Arena(
        tutors=np.zeros(FIRST_TUTORS, TUTOR),
        by_id=np.zeros(2 * FIRST_TUTORS, np.int32),
        slots=np.zeros(FIRST_SLOTS, SLOT),
        closed=np.zeros(FIRST_SLOTS, np.int32),
        opened=np.zeros(FIRST_SLOTS, np.int32),
        by_key=np.zeros(2 * FIRST_SLOTS, np.int32),
        spare=np.zeros(FIRST_SLOTS, SLOT),
        marks=marks,
    )
