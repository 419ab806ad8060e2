"""The score record, encoded from the arena, compiled. Equal to the general encoder (tests)."""

from schemas.framed import (
    bit_if_high,
    put_evidence,
    put_header,
    put_nullable_long,
    put_rate,
    put_reasons,
)
from tutor_quality.domain.counts import LANES
from tutor_quality.domain.kernels import LOW, RESCHEDULES, WINDOWS, forget_opened
from tutor_quality.domain.raw import put_double, put_long, put_uuid
from tutor_quality.domain.risk import BASIS, Level
from tutor_quality.domain.row_bytes import KEY_BYTES
from tutor_quality.domain.tutor import NEVER
from tutor_quality.jit import compiled, entry

SCORE_SCHEMA = 3
LONGEST = 512
"""Bytes of a score, at most: 50 numbers of 5 bytes and what is fixed."""
LEVEL_LOW, LEVEL_WARNING, LEVEL_HIGH = int(Level.LOW), int(Level.WARNING), int(Level.HIGH)


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
    at = put_header(SCORE_SCHEMA, out, at)
    at = put_long(out, at, KEY_BYTES)
    at = put_uuid(out, at, t.id_high, t.id_low)
    at = put_long(out, at, generation)
    at = put_long(out, at, t.applied)
    at = put_long(out, at, partition)
    at = put_long(out, at, t.clock)
    at = put_nullable_long(t.due, NEVER, out, at)
    for window in range(WINDOWS):
        at = put_long(out, at, t.entered - t.first[window])
    for window in range(WINDOWS):
        at = put_long(out, at, t.counts[window, RESCHEDULES])
    for window in range(WINDOWS):
        at = put_rate(t.counts[window, RESCHEDULES], t.entered - t.first[window], out, at)
    out[at] = t.verdict != LOW
    at = put_double(out, at + 1, fraction)
    at = put_long(out, at, _level(t, warning))
    at = put_reasons(_reasons(t, threshold), out, at)
    at = put_evidence(t.verdict, out, at)
    at = put_long(out, at, t.transitions)
    at = put_long(out, at, t.opened)
    for window in range(WINDOWS):
        for lane in range(1, LANES.shape[1]):
            at = put_long(out, at, t.counts[window, lane])
    return at


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
def _reasons(t, threshold):
    windows = 0
    for window in range(WINDOWS):
        total = t.entered - t.first[window]
        windows |= bit_if_high(t.counts[window, RESCHEDULES], total, threshold, window)
    return windows
