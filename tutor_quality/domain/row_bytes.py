"""Rows to and from their bytes, compiled: `TutorRow.encode` says what they look like."""

import numpy as np

from tutor_quality.domain.arena import CLOSED, OPEN
from tutor_quality.domain.kernels import find_or_add, forget, recount, word
from tutor_quality.domain.raw import get, put, put_uuid, put_word
from tutor_quality.domain.segments import make_room, slot_at, take_place
from tutor_quality.domain.slots import OUTCOME_BITS
from tutor_quality.domain.tutor import FORMAT, HEADER_BYTES
from tutor_quality.jit import compiled, entry

KEY_BYTES = 36
OUTCOME_BYTES, OPEN_BYTES = 42, 24
APPLIED_AT, CLOCK_AT, TRANSITIONS_AT, VERDICT_AT, DUE_AT, CLOSED_AT, OPENED_AT = (
    1, 9, 17, 21, 22, 30, 34,
)  # fmt: skip
BITS_MASK = (1 << OUTCOME_BITS) - 1
OLDER, TAKEN, BROKEN = 0, 1, 2


@entry
def put_keys(arena, numbers, out):
    for i in range(len(numbers)):
        t = arena.tutors[numbers[i]]
        put_uuid(out, i * KEY_BYTES, t.id_high, t.id_low)


@entry
def measure_rows(arena, numbers, more, ends):
    """Forget what is old; write where each row will end, `more` bytes after its own."""
    end = 0
    for i in range(len(numbers)):
        t = arena.tutors[numbers[i]]
        forget(arena, t)
        end += HEADER_BYTES + OUTCOME_BYTES * t.closed + OPEN_BYTES * t.opened + more
        ends[i] = end
    return end


@entry
def put_rows(arena, numbers, tail, out, ends):
    """Rows that were measured, each followed by the tail."""
    begin = 0
    for i in range(len(numbers)):
        _put_row(arena, arena.tutors[numbers[i]], out, begin)
        for k in range(len(tail)):
            out[ends[i] - len(tail) + k] = tail[k]
        begin = ends[i]


@compiled
def _put_row(arena, t, out, at):
    out[at] = FORMAT
    put(out, at + APPLIED_AT, t.applied, 8)
    put(out, at + CLOCK_AT, t.clock, 8)
    put(out, at + TRANSITIONS_AT, t.transitions, 4)
    out[at + VERDICT_AT] = t.verdict
    put(out, at + DUE_AT, t.due, 8)
    put(out, at + CLOSED_AT, t.closed, 4)
    put(out, at + OPENED_AT, t.opened, 4)
    keys = at + HEADER_BYTES + 8 * t.closed
    ids = keys + 8 * t.closed
    starts = ids + 16 * t.closed
    bits = starts + 8 * t.closed
    for i in range(t.closed):
        slot = slot_at(arena, t, arena.closed[t.base + i])
        put(out, at + HEADER_BYTES + 8 * i, slot.at, 8)
        put(out, keys + 8 * i, slot.key, 8)
        put_word(out, ids + 16 * i, slot.id_high)
        put_word(out, ids + 16 * i + 8, slot.id_low)
        put(out, starts + 8 * i, slot.start, 8)
        put(out, bits + 2 * i, slot.bits, 2)
    _put_opened(arena, t, out, bits + 2 * t.closed)


@compiled
def _put_opened(arena, t, out, keys):
    starts = keys + 8 * t.opened
    booked = starts + 8 * t.opened
    for i in range(t.opened):
        slot = slot_at(arena, t, arena.opened[t.base + i])
        put(out, keys + 8 * i, slot.key, 8)
        put(out, starts + 8 * i, slot.start, 8)
        put(out, booked + 8 * i, slot.at, 8)


@entry
def load_rows(arena, raw, begins, ends, ids, begin, taken):
    """Take rows from the changelog, from the `begin`-th on; returns how far room sufficed.

    `taken` says of each row whether it counts, was older than the one at hand, or is no row.
    """
    for i in range(begin, len(ids)):
        at, size = begins[i], ends[i] - begins[i]
        if size < HEADER_BYTES or raw[at] != FORMAT:
            taken[i] = BROKEN
            continue
        closed, opened = get(raw, at + CLOSED_AT, 4), get(raw, at + OPENED_AT, 4)
        if size < HEADER_BYTES + OUTCOME_BYTES * closed + OPEN_BYTES * opened:
            taken[i] = BROKEN
            continue
        number = find_or_add(arena, word(ids, i, 0), word(ids, i, 1))
        if number < 0:
            return i
        t = arena.tutors[number]
        applied = get(raw, at + APPLIED_AT, 8)
        if t.applied >= applied:
            taken[i] = TAKEN if t.applied == applied else OLDER
            continue
        t.closed = t.opened = 0
        if not make_room(arena, t, closed + opened + (closed + opened) // 4):
            return i
        _get_row(arena, t, raw, at, closed, opened)
        taken[i] = TAKEN
    return len(ids)


@compiled
def _get_row(arena, t, raw, at, closed, opened):
    t.applied = get(raw, at + APPLIED_AT, 8)
    t.clock = get(raw, at + CLOCK_AT, 8)
    t.transitions = get(raw, at + TRANSITIONS_AT, 4)
    t.verdict = raw[at + VERDICT_AT]
    keys = at + HEADER_BYTES + 8 * closed
    ids = keys + 8 * closed
    starts = ids + 16 * closed
    bits = starts + 8 * closed
    for i in range(closed):
        place = take_place(arena, t, np.uint64(get(raw, keys + 8 * i, 8)))
        slot = slot_at(arena, t, place)
        slot.at = get(raw, at + HEADER_BYTES + 8 * i, 8)
        slot.id_high = _get_word(raw, ids + 16 * i)
        slot.id_low = _get_word(raw, ids + 16 * i + 8)
        slot.start = get(raw, starts + 8 * i, 8)
        slot.bits = get(raw, bits + 2 * i, 2) & BITS_MASK
        slot.state = CLOSED
        arena.closed[t.base + i] = place
    t.closed = closed
    _get_opened(arena, t, raw, bits + 2 * closed, opened)
    recount(arena, t)


@compiled
def _get_opened(arena, t, raw, keys, opened):
    starts = keys + 8 * opened
    booked = starts + 8 * opened
    for i in range(opened):
        place = take_place(arena, t, np.uint64(get(raw, keys + 8 * i, 8)))
        slot = slot_at(arena, t, place)
        slot.start, slot.at = get(raw, starts + 8 * i, 8), get(raw, booked + 8 * i, 8)
        slot.state = OPEN
        arena.opened[t.base + i] = place
    t.opened = opened


@compiled
def _get_word(raw, at):
    """Big-endian."""
    number = np.uint64(0)
    for i in range(8):
        number = (number << np.uint64(8)) | np.uint64(raw[at + i])
    return number
