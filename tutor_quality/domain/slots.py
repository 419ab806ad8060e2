"""Slots as numbers: a 64-bit key, and what an outcome says packed into few bits.

These functions state the rules; `kernels.py` has them compiled.
"""

from tutor_quality.domain.columns import Initiator, Kind

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
GOLDEN, MIX_FIRST, MIX_SECOND = 0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB


def slot_key(session_id: bytes, scheduled_start: int) -> int:
    """64-bit hash of a slot; `session_id` is the UUID's 16 bytes.

    Two slots of one tutor share a key with a probability of about n²/2⁶⁵: 3e-12 for 10,000.
    """
    high = int.from_bytes(session_id[:8], "big")
    low = int.from_bytes(session_id[8:], "big")
    return _mix(_mix(_mix(high) ^ low) ^ (scheduled_start & _MASK))


def _mix(value: int) -> int:
    value = (value + GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * MIX_FIRST) & _MASK
    value = ((value ^ (value >> 27)) * MIX_SECOND) & _MASK
    return value ^ (value >> 31)


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
