"""The records of one partition as columns: what the codec gives and the fold takes."""

from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NULL_TIME = -(2**63)
"""Stands for null in a column of times."""


class Kind(IntEnum):
    """What a record says; the event kinds have the order of the Avro enum."""

    SCHEDULED = 0
    RESCHEDULED = 1
    CANCELLED = 2
    COMPLETED = 3
    NO_SHOW = 4
    TICK = 5
    MARK = 6
    """A tick that marks the partition's time only."""


class Initiator(IntEnum):
    """Who moved or cancelled a slot; -1 in a column stands for null."""

    TUTOR = 0
    STUDENT = 1
    SYSTEM = 2


class LifecycleColumns(NamedTuple):
    """Valid records of one partition of the lifecycle topic in offset order.

    Every array has length n. Times are milliseconds since the epoch, NULL_TIME for null; for
    ticks only `offset`, `timestamp`, `tutor_id`, `kind` and `occurred_at` (the instant that was
    due) mean anything, for marks not even the tutor.
    """

    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    """Of the Kafka record."""
    tutor_id: NDArray[np.uint8]
    """(n, 16): the UUID's bytes; the record's key is the same in text, lower case."""
    kind: NDArray[np.uint8]
    event_id: NDArray[np.uint8]
    """(n, 16): the UUID's bytes."""
    session_id: NDArray[np.uint8]
    """(n, 16)"""
    scheduled_start: NDArray[np.int64]
    occurred_at: NDArray[np.int64]
    duration_minutes: NDArray[np.int32]
    """-1 = null."""
    new_start: NDArray[np.int64]
    initiator: NDArray[np.int8]
    """-1 = null."""
    started_at: NDArray[np.int64]
    ended_at: NDArray[np.int64]
    rating: NDArray[np.int8]
    """0 = null."""
    is_first_session: NDArray[np.int8]
    """-1 = null."""

    def take(self, places: NDArray[np.int64] | slice) -> "LifecycleColumns":
        return LifecycleColumns._make(column[places] for column in self)
