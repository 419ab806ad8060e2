"""Slots as numbers: a 64-bit key, and what an outcome says packed into few bits.

The whole-batch functions over columns are what the score stage runs; the scalar ones beside them
state the rule and are what tests hold the columns to.
"""

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind, LifecycleColumns

LATE_START_MS = 5 * 60_000
EARLY_END_MS = 10 * 60_000
MINUTE_MS = 60_000

# An outcome's bits, from the lowest: kind (3), then one flag each, then the rating (3).
TUTOR_RESCHEDULED = 1 << 3
START_KNOWN = 1 << 4
LATE_START = 1 << 5
END_KNOWN = 1 << 6
EARLY_END = 1 << 7
FIRST_SESSION = 1 << 8
RATING_SHIFT = 9
OUTCOME_BITS = 12
KIND_MASK = 7

_MASK = (1 << 64) - 1
# Constants of the splitmix64 finaliser (Steele, Lea, Flood, OOPSLA 2014).
_GOLDEN, _FIRST, _SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def slot_key(session_id: bytes, scheduled_start: int) -> int:
    """64-bit hash of a slot; `session_id` is the UUID's 16 bytes.

    Two slots of one tutor share a key with a probability of about n²/2⁶⁵: 3e-12 for 10,000.
    """
    high = int.from_bytes(session_id[:8], "big")
    low = int.from_bytes(session_id[8:], "big")
    return _mix(_mix(_mix(high) ^ low) ^ (scheduled_start & _MASK))


def _mix(value: int) -> int:
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * _FIRST) & _MASK
    value = ((value ^ (value >> 27)) * _SECOND) & _MASK
    return value ^ (value >> 31)


def slot_keys(
    session_id: NDArray[np.uint8], scheduled_start: NDArray[np.int64]
) -> NDArray[np.uint64]:
    """`slot_key` of each row; `session_id` has shape (n, 16)."""
    words = np.ascontiguousarray(session_id).view(">u8").astype(np.uint64).reshape(-1, 2)
    hashed = _mix_all(_mix_all(words[:, 0]) ^ words[:, 1])
    return _mix_all(hashed ^ scheduled_start.view(np.uint64))


def _mix_all(value: NDArray[np.uint64]) -> NDArray[np.uint64]:
    value = value + np.uint64(_GOLDEN)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(_FIRST)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(_SECOND)
    return value ^ (value >> np.uint64(31))


def outcome_bits(
    kind: Kind,
    *,
    initiator: Initiator | None = None,
    scheduled_start: int = 0,
    duration_minutes: int | None = None,
    started_at: int | None = None,
    ended_at: int | None = None,
    rating: int | None = None,
    is_first_session: bool | None = None,
) -> int:
    """What an outcome contributes to the counts of a window; start, end and rating count for
    completed slots only."""
    bits = int(kind)
    if kind in (Kind.RESCHEDULED, Kind.CANCELLED) and initiator is Initiator.TUTOR:
        bits |= TUTOR_RESCHEDULED
    if is_first_session:
        bits |= FIRST_SESSION
    if kind is not Kind.COMPLETED:
        return bits
    if started_at is not None:
        bits |= START_KNOWN
        bits |= LATE_START if started_at - scheduled_start > LATE_START_MS else 0
    if ended_at is not None and duration_minutes is not None:
        planned_end = scheduled_start + duration_minutes * MINUTE_MS
        bits |= END_KNOWN
        bits |= EARLY_END if planned_end - ended_at > EARLY_END_MS else 0
    return bits | (rating or 0) << RATING_SHIFT


def all_outcome_bits(columns: LifecycleColumns) -> NDArray[np.uint16]:
    """`outcome_bits` of each record."""
    kind = columns.kind
    completed = kind == Kind.COMPLETED
    moved = (kind == Kind.RESCHEDULED) | (kind == Kind.CANCELLED)
    start_known = completed & (columns.started_at != NULL_TIME)
    end_known = completed & (columns.ended_at != NULL_TIME) & (columns.duration_minutes >= 0)
    late = start_known & (columns.started_at - columns.scheduled_start > LATE_START_MS)
    planned_end = columns.scheduled_start + columns.duration_minutes.astype(np.int64) * MINUTE_MS
    early = end_known & (planned_end - columns.ended_at > EARLY_END_MS)
    bits = kind.astype(np.uint16)
    for flags, bit in (
        (moved & (columns.initiator == Initiator.TUTOR), TUTOR_RESCHEDULED),
        (start_known, START_KNOWN),
        (late, LATE_START),
        (end_known, END_KNOWN),
        (early, EARLY_END),
        (columns.is_first_session == 1, FIRST_SESSION),
    ):
        bits |= flags.astype(np.uint16) * np.uint16(bit)
    rating = np.where(completed, columns.rating, 0).astype(np.uint16)
    return bits | rating << np.uint16(RATING_SHIFT)
