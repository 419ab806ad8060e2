"""Slots of one tutor within the arena, compiled: find, insert, remove, and make room.

`t` is the tutor's record. A function that needs more room than the arena has changes nothing and
says so; the caller in Python then lets the arena grow and calls again.
"""

import numpy as np

from tutor_quality.domain.arena import CLOSED, GONE, OPEN
from tutor_quality.jit import compiled

U32 = np.uint64(32)
LEAST = 8
"""Slots of the smallest segment."""


@compiled
def slot_at(arena, t, place):
    return arena.slots[t.base + place]


@compiled
def place_of(arena, t, key):
    """Place of the slot in the segment, also if it is gone; -1 if there is none."""
    size = 2 * t.capacity
    begin = 2 * t.base
    probe = _first_probe(key, size)
    while size:
        place = arena.by_key[begin + probe] - 1
        if place < 0 or arena.slots[t.base + place].key == key:
            return place
        probe = probe + 1 if probe + 1 < size else 0
    return -1


@compiled
def _first_probe(key, size):
    return np.int64(((key >> U32) * np.uint64(size)) >> U32)


@compiled
def take_place(arena, t, key):
    """A place for a slot that is new or gone; there must be room."""
    place = place_of(arena, t, key)
    if place < 0:
        place = t.used
        t.used += 1
        arena.slots[t.base + place].key = key
        _note_place(arena, t, key, place)
    return place


@compiled
def _note_place(arena, t, key, place):
    size = 2 * t.capacity
    begin = 2 * t.base
    probe = _first_probe(key, size)
    while arena.by_key[begin + probe]:
        probe = probe + 1 if probe + 1 < size else 0
    arena.by_key[begin + probe] = place + 1


# Order


@compiled
def closed_before(arena, t, at, key):
    """How many outcomes stand before (at, key)."""
    low, high = 0, t.closed
    if high and slot_at(arena, t, arena.closed[t.base + high - 1]).at < at:
        return high  # Nearly always: told as it happened.
    while low < high:
        middle = (low + high) // 2
        slot = slot_at(arena, t, arena.closed[t.base + middle])
        if slot.at < at or (slot.at == at and slot.key < key):
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def outcomes_until(arena, t, instant):
    """How many outcomes occurred at or before `instant`."""
    low, high = 0, t.closed
    while low < high:
        middle = (low + high) // 2
        if slot_at(arena, t, arena.closed[t.base + middle]).at <= instant:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def opened_before(arena, t, start, at, key):
    """How many open slots stand before (start, at, key)."""
    low, high = 0, t.opened
    while low < high:
        middle = (low + high) // 2
        slot = slot_at(arena, t, arena.opened[t.base + middle])
        if slot.start != start:
            before = slot.start < start
        elif slot.at != at:
            before = slot.at < at
        else:
            before = slot.key < key
        if before:
            low = middle + 1
        else:
            high = middle
    return low


@compiled
def _insert(order, base, count, position, place):
    for i in range(base + count, base + position, -1):
        order[i] = order[i - 1]
    order[base + position] = place


@compiled
def _remove(order, base, count, position):
    for i in range(base + position, base + count - 1):
        order[i] = order[i + 1]


@compiled
def insert_closed(arena, t, place):
    """Returns the position in the order."""
    slot = slot_at(arena, t, place)
    slot.state = CLOSED
    position = closed_before(arena, t, slot.at, slot.key)
    _insert(arena.closed, t.base, t.closed, position, place)
    t.closed += 1
    return position


@compiled
def remove_closed(arena, t, place):
    slot = slot_at(arena, t, place)
    slot.state = GONE
    position = closed_before(arena, t, slot.at, slot.key)
    _remove(arena.closed, t.base, t.closed, position)
    t.closed -= 1


@compiled
def insert_opened(arena, t, place):
    slot = slot_at(arena, t, place)
    slot.state = OPEN
    position = opened_before(arena, t, slot.start, slot.at, slot.key)
    _insert(arena.opened, t.base, t.opened, position, place)
    t.opened += 1


@compiled
def remove_opened(arena, t, place):
    slot = slot_at(arena, t, place)
    slot.state = GONE
    position = opened_before(arena, t, slot.start, slot.at, slot.key)
    _remove(arena.opened, t.base, t.opened, position)
    t.opened -= 1


# Room


@compiled
def has_room(arena, t, more):
    """Make sure that `more` slots can be taken; False when the arena must grow first."""
    return t.used + more <= t.capacity or make_room(arena, t, more)


@compiled
def make_room(arena, t, more):
    """As `has_room`, with the segment renewed in any case."""
    living = t.closed + t.opened
    wanted = living + more + living // 2
    if wanted <= t.capacity:
        _renew(arena, t, t.base, t.capacity)
        return True
    capacity = max(LEAST, wanted + (-wanted) % LEAST)
    base = arena.marks[0].top
    if base + capacity > len(arena.slots) or capacity > len(arena.spare):
        arena.marks[0].wanted = capacity
        return False
    arena.marks[0].top = base + capacity
    arena.marks[0].waste += t.capacity
    _renew(arena, t, base, capacity)
    return True


@compiled
def _renew(arena, t, base, capacity):
    """Write the living slots anew, in order and without those that are gone."""
    kept = arena.spare
    living = t.closed + t.opened
    for i in range(t.closed):
        kept[i] = slot_at(arena, t, arena.closed[t.base + i])
    for i in range(t.opened):
        kept[t.closed + i] = slot_at(arena, t, arena.opened[t.base + i])
    t.base, t.capacity, t.used = base, capacity, living
    for i in range(2 * base, 2 * (base + capacity)):
        arena.by_key[i] = 0
    for place in range(living):
        arena.slots[base + place] = kept[place]
        _note_place(arena, t, kept[place].key, place)
    for i in range(t.closed):
        arena.closed[base + i] = i
    for i in range(t.opened):
        arena.opened[base + i] = t.closed + i
