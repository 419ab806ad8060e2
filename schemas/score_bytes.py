"""The score record, encoded from the arena, compiled. Equal to the general encoder (tests)."""

from schemas.registry import HEADER_BYTES
from tutor_quality.domain.counts import LANES
from tutor_quality.domain.kernels import INSUFFICIENT, LOW, RESCHEDULES, WINDOWS, forget_opened
from tutor_quality.domain.raw import put_double, put_long, put_uuid
from tutor_quality.domain.risk import BASIS, WINDOW_DAYS, Level
from tutor_quality.domain.row_bytes import KEY_BYTES
from tutor_quality.domain.tutor import NEVER
from tutor_quality.jit import compiled, entry

SCORE_SCHEMA = 3
LONGEST = 512
"""Bytes of a score, at most: 50 numbers of 5 bytes and what is fixed."""
LEVEL_LOW, LEVEL_WARNING, LEVEL_HIGH = int(Level.LOW), int(Level.WARNING), int(Level.HIGH)
NULL, PRESENT = 0, 2


@entry
def put_scores(arena, numbers, rule, place, out, ends):
    """The framed scores one after the other; returns where they end.

    `rule` is (threshold, warning, threshold as a fraction), `place` (generation, partition).
    """
    at = 0
    for i in range(len(numbers)):
        t = arena.tutors[numbers[i]]
        forget_opened(arena, t)
        at = _put_score(t, rule, place, out, at)
        ends[i] = at
    return at


@compiled
def _put_score(t, rule, place, out, at):
    threshold, warning, fraction = rule
    generation, partition = place
    at = _put_header(out, at)
    at = put_long(out, at, KEY_BYTES)
    at = put_uuid(out, at, t.id_high, t.id_low)
    at = put_long(out, at, generation)
    at = put_long(out, at, t.applied)
    at = put_long(out, at, partition)
    at = put_long(out, at, t.clock)
    at = _put_due(t, out, at)
    for window in range(WINDOWS):
        at = put_long(out, at, t.entered - t.first[window])
    for window in range(WINDOWS):
        at = put_long(out, at, t.counts[window, RESCHEDULES])
    for window in range(WINDOWS):
        at = _put_rate(t.counts[window, RESCHEDULES], t.entered - t.first[window], out, at)
    out[at] = t.verdict != LOW
    at = put_double(out, at + 1, fraction)
    at = put_long(out, at, _level(t, warning))
    at = _put_reasons(t, threshold, out, at)
    at = _put_evidence(t, out, at)
    at = put_long(out, at, t.transitions)
    at = put_long(out, at, t.opened)
    for window in range(WINDOWS):
        for lane in range(1, LANES.shape[1]):
            at = put_long(out, at, t.counts[window, lane])
    return at


@compiled
def _put_header(out, at):
    for i in range(HEADER_BYTES - 1):
        out[at + i] = 0
    out[at + HEADER_BYTES - 1] = SCORE_SCHEMA
    return at + HEADER_BYTES


@compiled
def _put_due(t, out, at):
    if t.due == NEVER:
        out[at] = NULL
        return at + 1
    out[at] = PRESENT
    return put_long(out, at + 1, t.due)


@compiled
def _put_rate(moved, total, out, at):
    if total == 0:
        out[at] = NULL
        return at + 1
    out[at] = PRESENT
    return put_double(out, at + 1, moved / total)


@compiled
def _level(t, warning):
    """As `scores.risk_level`."""
    if t.verdict != LOW:
        return LEVEL_HIGH
    for window in range(WINDOWS):
        total = t.entered - t.first[window]
        if total and t.counts[window, RESCHEDULES] * BASIS >= warning * total:
            return LEVEL_WARNING
    return LEVEL_LOW


@compiled
def _put_reasons(t, threshold, out, at):
    """An array of "7d", "30d", "90d": blocks of items, ended by a block of none."""
    count = 0
    for window in range(WINDOWS):
        count += _is_high(t, window, threshold)
    if count:
        at = put_long(out, at, count)
        for window in range(WINDOWS):
            if _is_high(t, window, threshold):
                at = _put_days(WINDOW_DAYS[window], out, at)
    out[at] = 0
    return at + 1


@compiled
def _is_high(t, window, threshold):
    total = t.entered - t.first[window]
    return t.counts[window, RESCHEDULES] * BASIS > threshold * total


@compiled
def _put_days(days, out, at):
    size = 2 if days < 10 else 3
    at = put_long(out, at, size)
    if days >= 10:
        out[at] = ord("0") + days // 10
    out[at + size - 2] = ord("0") + days % 10
    out[at + size - 1] = ord("d")
    return at + size


@compiled
def _put_evidence(t, out, at):
    if t.verdict == LOW:
        out[at] = NULL
        return at + 1
    out[at] = PRESENT
    return put_long(out, at + 1, t.verdict - INSUFFICIENT)
