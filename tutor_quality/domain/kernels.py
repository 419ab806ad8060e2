"""The row of a tutor, compiled: the same rules as `tutor.py`, which explains them, over the arena.

Tests and the simulation hold both to the same bytes. The whole state of a call is in the arena, so
that a call which runs out of room can stop between two records and be made again.
"""

import numpy as np

from tutor_quality.domain.arena import CLOSED, GONE, OPEN
from tutor_quality.domain.columns import NULL_TIME, Initiator, Kind
from tutor_quality.domain.counts import LANES
from tutor_quality.domain.risk import BASIS, ENOUGH_SLOTS, WINDOW_MS, Z_SQUARED_MILLIONTHS, Verdict
from tutor_quality.domain.segments import (
    has_room,
    insert_closed,
    insert_opened,
    outcomes_until,
    place_of,
    remove_closed,
    remove_opened,
    slot_at,
    take_place,
)
from tutor_quality.domain.slots import (
    EARLY_END,
    EARLY_END_MS,
    END_KNOWN,
    FIRST_SESSION,
    GOLDEN,
    LATE_START,
    LATE_START_MS,
    MINUTE_MS,
    MIX_FIRST,
    MIX_SECOND,
    RATING_SHIFT,
    START_KNOWN,
    TUTOR_RESCHEDULED,
)
from tutor_quality.domain.tutor import KEEP_MS, NEVER, Cause, Fate
from tutor_quality.jit import compiled, entry

# Numba takes an enumeration's member for an object of its own: these are plain numbers.
SCHEDULED, RESCHEDULED = int(Kind.SCHEDULED), int(Kind.RESCHEDULED)
CANCELLED, COMPLETED = int(Kind.CANCELLED), int(Kind.COMPLETED)
TICK, MARK = int(Kind.TICK), int(Kind.MARK)
BY_TUTOR = int(Initiator.TUTOR)
APPLIED, DUPLICATE = int(Fate.APPLIED), int(Fate.DUPLICATE)
LATE, SKIPPED = int(Fate.LATE), int(Fate.SKIPPED)
EVENT, EXPIRY, ENTRY = int(Cause.EVENT), int(Cause.EXPIRY), int(Cause.ENTRY)
LOW, INSUFFICIENT = int(Verdict.LOW), int(Verdict.INSUFFICIENT)
RAW, CONFIRMED = int(Verdict.RAW), int(Verdict.CONFIRMED)
WINDOWS = len(WINDOW_MS)
RESCHEDULES = 0
"""The lane of the tutor's reschedules."""
U8, U27, U30, U31 = np.uint64(8), np.uint64(27), np.uint64(30), np.uint64(31)
U_GOLDEN, U_FIRST, U_SECOND = np.uint64(GOLDEN), np.uint64(MIX_FIRST), np.uint64(MIX_SECOND)


# Tutors


@compiled
def mixed(value):
    value = value + U_GOLDEN
    value = (value ^ (value >> U30)) * U_FIRST
    value = (value ^ (value >> U27)) * U_SECOND
    return value ^ (value >> U31)


@compiled
def word(ids, row, half):
    """The first or second half of a UUID as a number that sorts as its bytes do."""
    value = np.uint64(0)
    for i in range(8 * half, 8 * half + 8):
        value = (value << U8) | np.uint64(ids[row, i])
    return value


@compiled
def _seat(arena, id_high, id_low):
    """Where the tutor stands in the table, or the empty seat where it would."""
    mask = len(arena.by_id) - 1
    seat = np.int64(mixed(id_high ^ mixed(id_low)) & np.uint64(mask))
    while arena.by_id[seat]:
        t = arena.tutors[arena.by_id[seat] - 1]
        if t.id_high == id_high and t.id_low == id_low:
            break
        seat = (seat + 1) & mask
    return seat


@compiled
def find(arena, id_high, id_low):
    """The tutor's number; -1 for a tutor who is unknown."""
    return np.int64(arena.by_id[_seat(arena, id_high, id_low)]) - 1


@compiled
def find_or_add(arena, id_high, id_low):
    """The tutor's number, a new one for a new tutor; -1 when the arena must grow first."""
    seat = _seat(arena, id_high, id_low)
    if arena.by_id[seat]:
        return np.int64(arena.by_id[seat]) - 1
    number = arena.marks[0].tutors
    if number == len(arena.tutors):
        return np.int64(-1)
    arena.marks[0].tutors = number + 1
    arena.by_id[seat] = number + 1
    t = arena.tutors[number]
    t.id_high, t.id_low = id_high, id_low
    t.applied, t.clock, t.due = -1, -1, NEVER
    return number


@entry
def numbers_of(arena, ids, out):
    """The number of each id, -1 for unknown ones."""
    for row in range(len(ids)):
        out[row] = find(arena, word(ids, row, 0), word(ids, row, 1))


@entry
def seat_all(arena):
    """Fill the table, which is new and empty."""
    for number in range(arena.marks[0].tutors):
        t = arena.tutors[number]
        arena.by_id[_seat(arena, t.id_high, t.id_low)] = number + 1


@entry
def compact(arena, by_base):
    """Move all segments to the front; `by_base`: the tutors in the order of their segments."""
    top = 0
    for number in by_base:
        t = arena.tutors[number]
        if t.base != top:  # It lies further on, so nothing is written over that is read later.
            for i in range(t.capacity):
                arena.slots[top + i] = arena.slots[t.base + i]
                arena.closed[top + i] = arena.closed[t.base + i]
                arena.opened[top + i] = arena.opened[t.base + i]
                arena.by_key[2 * (top + i)] = arena.by_key[2 * (t.base + i)]
                arena.by_key[2 * (top + i) + 1] = arena.by_key[2 * (t.base + i) + 1]
            t.base = top
        top += t.capacity
    arena.marks[0].top = top
    arena.marks[0].waste = 0


# Time


@compiled
def advance(arena, number, instant, threshold, offset, changes):
    """As `TutorRow.advance`; False when there is no room for the changes: to be called again."""
    t = arena.tutors[number]
    while t.due <= instant:
        if arena.marks[0].changes == len(changes):
            return False
        _pass(arena, number, t.due, threshold, offset, changes)
    if instant > t.clock:
        t.clock = instant
    return True


@compiled
def _pass(arena, number, instant, threshold, offset, changes):
    t = arena.tutors[number]
    t.clock = instant
    while t.entered < t.closed:
        slot = slot_at(arena, t, arena.closed[t.base + t.entered])
        if slot.at > instant:
            break
        for window in range(WINDOWS):
            _add(t, window, slot.bits, 1)
        t.entered += 1
    cause, since = ENTRY, instant
    for window in range(WINDOWS - 1, -1, -1):
        edge = instant - WINDOW_MS[window]
        while t.first[window] < t.entered:
            slot = slot_at(arena, t, arena.closed[t.base + t.first[window]])
            if slot.at > edge:
                break
            _add(t, window, slot.bits, -1)
            t.first[window] += 1
            cause, since = EXPIRY, edge
    _find_due(arena, t)
    judge(arena, number, threshold, cause, offset, since, changes)


@compiled
def _find_due(arena, t):
    due = NEVER
    if t.entered < t.closed:
        due = slot_at(arena, t, arena.closed[t.base + t.entered]).at
    for window in range(WINDOWS):
        if t.first[window] < t.entered:
            slot = slot_at(arena, t, arena.closed[t.base + t.first[window]])
            due = min(due, slot.at + WINDOW_MS[window])
    t.due = due
    if due < arena.marks[0].next_due:
        arena.marks[0].next_due = due


@compiled
def _add(t, window, bits, one):
    """Let a slot enter the counts of a window, or with -1 leave them."""
    for lane in range(LANES.shape[1]):
        t.counts[window, lane] += one * LANES[bits, lane]


# Facts


@compiled
def open_slot(arena, t, key, start, booked_at):
    """As `TutorRow.open`; there must be room."""
    if start + KEEP_MS <= t.clock:
        return LATE
    place = place_of(arena, t, key)
    if place >= 0:
        slot = slot_at(arena, t, place)
        if slot.state == CLOSED or (slot.state == OPEN and slot.at <= booked_at):
            return DUPLICATE
        if slot.state == OPEN:
            remove_opened(arena, t, place)
    place = take_place(arena, t, key)
    slot = slot_at(arena, t, place)
    slot.start, slot.at = start, booked_at
    insert_opened(arena, t, place)
    return APPLIED


@compiled
def close_slot(arena, t, key, start, bits, at, id_high, id_low):
    """As `TutorRow.close`; there must be room."""
    if max(at, start) + KEEP_MS <= t.clock:
        return LATE
    place = place_of(arena, t, key)
    if place >= 0:
        slot = slot_at(arena, t, place)
        if slot.state == OPEN:
            remove_opened(arena, t, place)
        elif slot.state == CLOSED:
            if _wins(slot, at, id_high, id_low):
                return DUPLICATE
            remove_closed(arena, t, place)
            _account(t, slot, -1)
    place = take_place(arena, t, key)
    slot = slot_at(arena, t, place)
    slot.at, slot.start, slot.bits = at, start, bits
    slot.id_high, slot.id_low = id_high, id_low
    insert_closed(arena, t, place)
    _account(t, slot, 1)
    _find_due(arena, t)
    return APPLIED


@compiled
def _wins(slot, at, id_high, id_low):
    """Whether the outcome is the greater one, or the same: by (at, all 16 bytes of the id)."""
    if slot.at != at:
        return slot.at > at
    if slot.id_high != id_high:
        return slot.id_high > id_high
    return slot.id_low >= id_low


@compiled
def _account(t, slot, one):
    """For an outcome that was inserted or, with -1, removed."""
    if slot.at > t.clock:
        return
    t.entered += one
    for window in range(WINDOWS):
        if slot.at > t.clock - WINDOW_MS[window]:
            _add(t, window, slot.bits, one)
        else:
            t.first[window] += one


# Risk


@compiled
def judge(arena, number, threshold, cause, offset, since, changes):
    """As `TutorRow.judge`; there must be room for one change."""
    t = arena.tutors[number]
    verdict = LOW
    for window in range(WINDOWS):
        total = t.entered - t.first[window]
        verdict = max(verdict, verdict_of_window(t.counts[window, RESCHEDULES], total, threshold))
    if verdict == t.verdict:
        return
    t.transitions += 1
    change = changes[arena.marks[0].changes]
    arena.marks[0].changes += 1
    change.tutor, change.number, change.instant = number, t.transitions, t.clock
    change.verdict, change.previous = verdict, t.verdict
    for window in range(WINDOWS):
        change.totals[window] = t.entered - t.first[window]
        change.reschedules[window] = t.counts[window, RESCHEDULES]
    change.cause, change.offset, change.slot_at = cause, offset, since
    t.verdict = verdict


@compiled
def verdict_of_window(reschedules, total, threshold):
    """As `RiskRule.verdict_of_window`, in 64 bits.

    excess² 10⁶ > z V exactly when excess² > floor(z V / 10⁶), which is formed in two parts.
    """
    excess = np.int64(reschedules) * BASIS - threshold * total
    if excess <= 0:
        return LOW
    if total < ENOUGH_SLOTS:
        return INSUFFICIENT
    variance = total * threshold * (BASIS - threshold)
    whole, rest = variance // 1_000_000, variance % 1_000_000
    bound = Z_SQUARED_MILLIONTHS * whole + Z_SQUARED_MILLIONTHS * rest // 1_000_000
    # From 2³¹ on the square is beyond any bound that 2³¹ slots can have.
    if excess >= 1 << 31 or excess * excess > bound:
        return CONFIRMED
    return RAW


# A batch


@entry
def fold(arena, columns, begin, threshold, fates, touched, changes):
    """Apply the records from `begin` on; returns how far it came before room was short.

    How many tutors and changes it wrote is in the arena's marks.
    """
    marks = arena.marks[0]
    for row in range(begin, len(columns.offset)):
        if columns.kind[row] == MARK:
            fates[row] = APPLIED
            continue
        number = find_or_add(arena, word(columns.tutor_id, row, 0), word(columns.tutor_id, row, 1))
        if number < 0:
            return row
        t = arena.tutors[number]
        offset = columns.offset[row]
        if offset <= t.applied:
            fates[row] = SKIPPED
            continue
        # An event takes two places at most, and changes the verdict once.
        if not has_room(arena, t, 2):
            return row
        if not advance(arena, number, columns.timestamp[row], threshold, offset, changes):
            return row
        if marks.changes == len(changes):
            return row
        if t.batch != marks.batch:
            t.batch = marks.batch
            touched[marks.touched] = number
            marks.touched += 1
        t.applied = offset
        fates[row] = _apply(arena, number, columns, row, threshold, changes)
    return len(columns.offset)


@compiled
def _apply(arena, number, columns, row, threshold, changes):
    t = arena.tutors[number]
    kind = columns.kind[row]
    if kind == TICK:
        return APPLIED
    session = mixed(mixed(word(columns.session_id, row, 0)) ^ word(columns.session_id, row, 1))
    start, at = columns.scheduled_start[row], columns.occurred_at[row]
    key = _slot_key(session, start)
    if kind == SCHEDULED:
        return open_slot(arena, t, key, start, at)
    id_high, id_low = word(columns.event_id, row, 0), word(columns.event_id, row, 1)
    fate = close_slot(arena, t, key, start, _outcome_bits(columns, row), at, id_high, id_low)
    new_start = columns.new_start[row]
    if kind == RESCHEDULED and new_start != NULL_TIME:
        # The move books its new slot even where a later fact has the old one's outcome.
        opened = open_slot(arena, t, _slot_key(session, new_start), new_start, at)
        fate = APPLIED if opened == APPLIED else fate
    if fate == APPLIED:
        judge(arena, number, threshold, EVENT, columns.offset[row], NULL_TIME, changes)
    return fate


@compiled
def _slot_key(session, start):
    """As `slots.slot_key`, of a session that is mixed already."""
    return mixed(session ^ np.uint64(start))


@compiled
def _outcome_bits(columns, row):
    """As `slots.outcome_bits`."""
    kind = np.int64(columns.kind[row])
    bits = kind
    if kind in (RESCHEDULED, CANCELLED) and columns.initiator[row] == BY_TUTOR:
        bits |= TUTOR_RESCHEDULED
    if columns.is_first_session[row] == 1:
        bits |= FIRST_SESSION
    if kind != COMPLETED:
        return bits
    start = columns.scheduled_start[row]
    started, ended = columns.started_at[row], columns.ended_at[row]
    minutes = np.int64(columns.duration_minutes[row])
    if started != NULL_TIME:
        bits |= START_KNOWN
        if started - start > LATE_START_MS:
            bits |= LATE_START
    if ended != NULL_TIME and minutes >= 0:
        bits |= END_KNOWN
        if start + minutes * MINUTE_MS - ended > EARLY_END_MS:
            bits |= EARLY_END
    return bits | np.int64(columns.rating[row]) << RATING_SHIFT


# Memory


@compiled
def forget_opened(arena, t):
    """As `TutorRow.forget_open`."""
    edge = t.clock - KEEP_MS
    old = 0
    while old < t.opened:
        slot = slot_at(arena, t, arena.opened[t.base + old])
        if slot.start > edge:
            break
        slot.state = GONE
        old += 1
    if old:
        t.opened -= old
        for i in range(t.opened):
            arena.opened[t.base + i] = arena.opened[t.base + old + i]


@compiled
def forget(arena, t):
    """As `TutorRow.forget`."""
    forget_opened(arena, t)
    edge = t.clock - KEEP_MS
    kept = 0
    for i in range(t.first[WINDOWS - 1]):
        place = arena.closed[t.base + i]
        slot = slot_at(arena, t, place)
        if slot.start > edge:
            arena.closed[t.base + kept] = place
            kept += 1
        else:
            slot.state = GONE
    dropped = t.first[WINDOWS - 1] - kept
    if dropped:
        t.closed -= dropped
        t.entered -= dropped
        for i in range(kept, t.closed):
            arena.closed[t.base + i] = arena.closed[t.base + i + dropped]
        for window in range(WINDOWS):
            t.first[window] -= dropped


@compiled
def recount(arena, t):
    """Cursors and counts follow from the outcomes and the clock."""
    t.entered = outcomes_until(arena, t, t.clock)
    for window in range(WINDOWS):
        t.first[window] = outcomes_until(arena, t, t.clock - WINDOW_MS[window])
        for lane in range(LANES.shape[1]):
            t.counts[window, lane] = 0
        for i in range(t.first[window], t.entered):
            _add(t, window, slot_at(arena, t, arena.closed[t.base + i]).bits, 1)
    _find_due(arena, t)
