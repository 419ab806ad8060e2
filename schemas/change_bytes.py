"""Risk changes and alerts, encoded from the fold's changes, compiled. Equal to the general encoder
(tests)."""

from schemas.framed import (
    NULL,
    bit_if_high,
    put_evidence,
    put_header,
    put_nullable_long,
    put_rate,
    put_reasons,
)
from schemas.uuid5_bytes import uuid5
from tutor_quality.domain.columns import NULL_TIME
from tutor_quality.domain.kernels import LOW, WINDOWS
from tutor_quality.domain.raw import put_double, put_long, put_uuid
from tutor_quality.domain.row_bytes import KEY_BYTES
from tutor_quality.jit import compiled, entry

RISK_CHANGED_SCHEMA, ALERT_SCHEMA = 4, 5
LONGEST = 320
"""Bytes of either record, at most."""
RISK_CHANGED, ALERT = b"risk-changed:", b"alert:"
"""What the name begins with that an id is made of."""
ENTERED, EVIDENCE_CHANGED, LEFT = 0, 1, 2
"""Places in the enum of kinds of alerts."""


@entry
def put_risk_changes(arena, changes, rule, names, out, ends):
    """The framed records one after the other; returns where they end.

    `rule` is (threshold, threshold as a fraction, generation), `names` what ids are made with:
    (namespace and prefix of the name, room for all of the name, for a state, for words).
    """
    at = 0
    for i in range(len(changes)):
        at = _put_risk_changed(arena, changes[i], rule, names, out, at)
        ends[i] = at
    return at


@entry
def put_alerts(arena, changes, rule, names, out, ends):
    """As `put_risk_changes`."""
    at = 0
    for i in range(len(changes)):
        at = _put_alert(arena, changes[i], rule, names, out, at)
        ends[i] = at
    return at


@compiled
def _put_risk_changed(arena, change, rule, names, out, at):
    threshold, fraction, generation = rule
    at = put_header(RISK_CHANGED_SCHEMA, out, at)
    at = _put_id(arena, change, names, out, at)
    at = _put_tutor(arena, change, out, at)
    at = put_long(out, at, generation)
    at = put_long(out, at, change.number)
    at = put_long(out, at, change.instant)
    out[at] = change.verdict != LOW
    out[at + 1] = change.previous != LOW
    at = put_evidence(change.verdict, out, at + 2)
    at = put_evidence(change.previous, out, at)
    at = put_reasons(_reasons(change, threshold), out, at)
    for window in range(WINDOWS):
        at = put_long(out, at, change.totals[window])
    for window in range(WINDOWS):
        at = put_long(out, at, change.reschedules[window])
    at = put_double(out, at, fraction)
    at = put_long(out, at, change.cause)
    at = put_long(out, at, change.offset)
    return put_nullable_long(change.slot_at, NULL_TIME, out, at)


@compiled
def _put_alert(arena, change, rule, names, out, at):
    threshold, fraction, _ = rule
    at = put_header(ALERT_SCHEMA, out, at)
    at = _put_id(arena, change, names, out, at)
    at = put_long(out, at, _kind(change))
    at = _put_tutor(arena, change, out, at)
    out[at] = NULL  # No session.
    at = put_long(out, at + 1, change.instant)
    at = put_evidence(change.verdict, out, at)
    at = put_reasons(_reasons(change, threshold), out, at)
    for window in range(WINDOWS):
        at = put_rate(change.reschedules[window], change.totals[window], out, at)
    at = put_double(out, at, fraction)
    out[at] = NULL  # No probability,
    out[at + 1] = NULL  # no start of a session.
    return at + 2


@compiled
def _put_tutor(arena, change, out, at):
    t = arena.tutors[change.tutor]
    at = put_long(out, at, KEY_BYTES)
    return put_uuid(out, at, t.id_high, t.id_low)


@compiled
def _put_id(arena, change, names, out, at):
    """The id follows from the tutor and the number of the change: a replay makes it again."""
    prefix, text, state, words = names
    t = arena.tutors[change.tutor]
    for i in range(len(prefix)):
        text[i] = prefix[i]
    end = put_uuid(text, len(prefix), t.id_high, t.id_low)
    text[end] = ord(":")
    end = _put_decimal(text, end + 1, change.number)
    high, low = uuid5(text, end, state, words)
    at = put_long(out, at, KEY_BYTES)
    return put_uuid(out, at, high, low)


@compiled
def _put_decimal(out, at, number):
    digits = 1
    rest = number // 10
    while rest:
        digits += 1
        rest //= 10
    for i in range(digits - 1, -1, -1):
        out[at + i] = ord("0") + number % 10
        number //= 10
    return at + digits


@compiled
def _kind(change):
    if change.verdict == LOW:
        return LEFT
    return ENTERED if change.previous == LOW else EVIDENCE_CHANGED


@compiled
def _reasons(change, threshold):
    windows = 0
    for window in range(WINDOWS):
        windows |= bit_if_high(change.reschedules[window], change.totals[window], threshold, window)
    return windows
