"""The hidden world: levels, bookings, and what becomes of each slot.

Two clocks run from a slot's booking to its start: the tutor's rings with probability p, the
student's with probability s, each at an independent instant. The first to ring moves or cancels
the slot; if none does, the lesson is held or missed. So the likelihood of any history factorises
into the tutor's part and the student's, and `truth` can compute the best possible prediction.
"""

from dataclasses import dataclass, fields, replace
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from tutor_quality.simulation.config import DAY_MS, WEEK_MS, SimulationConfig
from tutor_quality.simulation.people import uuids

HOUR_MS = 3_600_000
MINUTE_MS = 60_000
LEVEL_LOGITS = np.linspace(-3.8, 0.1, 8)
PERSONA_SHARES = np.array([0.58, 0.28, 0.14])
PERSONA_CENTRES = np.array([1.0, 3.2, 6.2])
"""Reliable, ordinary and unreliable tutors: the level around which each one's chain wanders."""
MOVES_PER_WEEK = 0.3
STUDENT_CLASS_SHARES = np.array([0.5, 0.35, 0.15])
STUDENT_CLASS_LOGITS = np.array([-3.5, -2.2, -1.0])
NO_SHOW_BY_CLASS = np.array([0.01, 0.03, 0.08])
NULL_PROBABILITY = 0.14
RING_EXPONENT = 2.5
"""A clock that rings has rung by the fraction x of the lead time with probability x ** 2.5."""
LONGEST_LEAD_MS = 45 * DAY_MS
LONGEST_PAIR_WEEKS = 60
RECORDS_PER_LESSON = 2.24
"""Measured on worlds with the default dials."""


class Outcome(IntEnum):
    """In the order of the Avro enum, less `scheduled`."""

    RESCHEDULED = 1
    CANCELLED = 2
    COMPLETED = 3
    NO_SHOW = 4


class By(IntEnum):
    NOBODY = -1
    TUTOR = 0
    STUDENT = 1
    SYSTEM = 2


@dataclass(frozen=True, slots=True)
class Slots:
    """Columns over all slots; times in milliseconds."""

    session: NDArray[np.int64]
    tutor: NDArray[np.int64]
    student: NDArray[np.int64]
    created: NDArray[np.int64]
    start: NDArray[np.int64]
    minutes: NDArray[np.int64]
    moved_in: NDArray[np.bool_]
    """The slot was opened by a reschedule, not by a booking."""
    load: NDArray[np.int64]
    """Slots of the tutor on the same day that were booked before."""
    tutor_offset: NDArray[np.float64]
    """Logit of p less the tutor's level."""
    student_offset: NDArray[np.float64]
    outcome: NDArray[np.int64]
    by: NDArray[np.int64]
    at: NDArray[np.int64]
    """When the outcome happened."""
    new_start: NDArray[np.int64]
    """-1 = none."""

    def __len__(self) -> int:
        return len(self.session)

    def where(self, chosen: NDArray[np.generic]) -> "Slots":
        return Slots(*(getattr(self, f.name)[chosen] for f in fields(Slots)))


@dataclass(frozen=True, slots=True)
class World:
    config: SimulationConfig
    levels: NDArray[np.int64]
    """(tutors, weeks)"""
    student_class: NDArray[np.int64]
    slots: Slots
    """In the order of their bookings."""
    session_ids: list[str]
    """By the session's number."""


def build_world(config: SimulationConfig, rng: np.random.Generator) -> World:
    levels = _levels(config, rng)
    student_class = rng.choice(3, p=STUDENT_CLASS_SHARES, size=config.students)
    open_slots = _bookings(config, rng)
    rounds: list[Slots] = []
    booked_days = np.empty(0, dtype=np.int64)
    while len(open_slots):
        open_slots, booked_days = _with_load(open_slots, booked_days)
        resolved = _resolve(config, levels, student_class, _with_offsets(config, open_slots), rng)
        rounds.append(resolved)
        open_slots = _moved(config, resolved)
    slots = _concatenated(rounds)
    slots = slots.where(np.argsort(slots.created, kind="stable"))
    sessions = int(slots.session.max(initial=-1)) + 1
    return World(config, levels, student_class, slots, uuids(sessions, rng))


def week_of(config: SimulationConfig, instants: NDArray[np.int64]) -> NDArray[np.int64]:
    """The step of the hidden chain that an instant belongs to."""
    return (instants - config.start_ms) // WEEK_MS


def transition_matrices() -> NDArray[np.float64]:
    """(persona, from, to) of one week: a walk to neighbours that keeps the persona's spread."""
    stationary = stationary_levels()
    matrices = np.zeros((len(PERSONA_CENTRES), 8, 8))
    for here in range(8):
        for there in (here - 1, here + 1):
            if 0 <= there < 8:
                accept = np.minimum(1.0, stationary[:, there] / stationary[:, here])
                matrices[:, here, there] = MOVES_PER_WEEK / 2 * accept
        matrices[:, here, here] = 1 - matrices[:, here].sum(axis=1)
    return matrices


def stationary_levels() -> NDArray[np.float64]:
    """(persona, level)"""
    distance = np.arange(8)[None, :] - PERSONA_CENTRES[:, None]
    weights = np.exp(-0.5 * (distance / 0.9) ** 2)
    shares: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True)
    return shares


def logistic(logit: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / (1.0 + np.exp(-logit))


def _weeks(config: SimulationConfig) -> int:
    return (config.until_ms + LONGEST_LEAD_MS - config.start_ms) // WEEK_MS + 12


def _levels(config: SimulationConfig, rng: np.random.Generator) -> NDArray[np.int64]:
    persona = rng.choice(3, p=PERSONA_SHARES, size=config.tutors)
    cumulative = transition_matrices().cumsum(axis=2)
    levels = np.empty((config.tutors, _weeks(config)), dtype=np.int64)
    first = stationary_levels().cumsum(axis=1)[persona]
    levels[:, 0] = _inverse(first, rng.random(config.tutors))
    for week in range(1, levels.shape[1]):
        levels[:, week] = _inverse(
            cumulative[persona, levels[:, week - 1]], rng.random(config.tutors)
        )
    return levels


def _inverse(cumulative: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.int64]:
    found: NDArray[np.int64] = (u[:, None] > cumulative).sum(axis=1)
    return np.minimum(found, 7)


def _bookings(config: SimulationConfig, rng: np.random.Generator) -> Slots:
    """The lessons of all pairs, each pair at its own hour of the week, before any is moved."""
    pair, start = _lessons(config, rng)
    n = len(pair)
    size = rng.lognormal(0.0, 0.5, config.tutors)
    pairs = int(pair.max(initial=-1)) + 1
    tutor = rng.choice(config.tutors, p=size / size.sum(), size=pairs)
    student = rng.integers(config.students, size=pairs)
    minutes = rng.choice([30, 45, 60, 90], p=[0.15, 0.2, 0.5, 0.15], size=pairs)
    lead = np.exp(rng.normal(np.log(5 * 24.0), 0.9, n)) * HOUR_MS
    created = start - np.clip(lead, HOUR_MS / 2, LONGEST_LEAD_MS).astype(np.int64)
    slots = _unresolved(np.arange(n), tutor[pair], student[pair], created, start, minutes[pair])
    return slots.where((created >= config.start_ms) & (created < config.until_ms))


def _lessons(
    config: SimulationConfig, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(pair, start) of every lesson, in no order."""
    weeks = (config.until_ms + LONGEST_LEAD_MS - config.start_ms) // WEEK_MS + 1
    per_week = config.events / RECORDS_PER_LESSON / ((config.end_ms - config.start_ms) / WEEK_MS)
    length = np.minimum(rng.geometric(1 / 18, 4096), LONGEST_PAIR_WEEKS)
    held = 0.92
    pairs = round(per_week / held * (weeks + LONGEST_PAIR_WEEKS) / float(length.mean()))
    length = rng.choice(length, size=max(pairs, 1))
    begin = rng.integers(-LONGEST_PAIR_WEEKS, weeks, size=len(length))
    weekday = rng.choice(7, p=[0.16, 0.16, 0.16, 0.16, 0.13, 0.13, 0.10], size=len(length))
    hour = np.where(
        rng.random(len(length)) < 0.6,
        rng.integers(15, 20, len(length)),
        rng.integers(9, 21, len(length)),
    )
    half = rng.integers(0, 2, len(length)) * 30
    pair = np.repeat(np.arange(len(length)), length)
    nth = np.arange(len(pair)) - np.repeat(np.cumsum(length) - length, length)
    week = begin[pair] + nth
    held_ones = (rng.random(len(pair)) < held) & (week >= 0) & (week <= weeks)
    day = config.start_ms // DAY_MS
    monday = (day - (day + 3) % 7) * DAY_MS
    time = (weekday * 24 + hour) * HOUR_MS + half * MINUTE_MS
    return pair[held_ones], (monday + week * WEEK_MS + time[pair])[held_ones]


def _unresolved(
    session: NDArray[np.int64],
    tutor: NDArray[np.int64],
    student: NDArray[np.int64],
    created: NDArray[np.int64],
    start: NDArray[np.int64],
    minutes: NDArray[np.int64],
) -> Slots:
    none = np.full(len(session), -1, dtype=np.int64)
    zero = np.zeros(len(session))
    fresh = np.zeros(len(session), dtype=np.bool_)
    return Slots(
        session,
        tutor,
        student,
        created,
        start,
        minutes,
        fresh,
        none,
        zero,
        zero,
        none,
        none,
        none,
        none,
    )


def _with_load(slots: Slots, booked: NDArray[np.int64]) -> tuple[Slots, NDArray[np.int64]]:
    """Counts earlier bookings of the same tutor and day; `booked` has those of earlier rounds."""
    slots = slots.where(np.argsort(slots.created, kind="stable"))
    days = slots.tutor * 1_000_000 + slots.start // DAY_MS
    order = np.argsort(days, kind="stable")
    ordered = days[order]
    rank = np.empty(len(days), dtype=np.int64)
    rank[order] = np.arange(len(days)) - np.searchsorted(ordered, ordered)
    before = np.searchsorted(booked, days, side="right") - np.searchsorted(booked, days)
    return replace(slots, load=rank + before), np.sort(np.concatenate([booked, days]))


def _with_offsets(config: SimulationConfig, slots: Slots) -> Slots:
    if config.null:
        constant = np.log(NULL_PROBABILITY / (1 - NULL_PROBABILITY))
        offsets = np.full(len(slots), constant)
        return replace(slots, tutor_offset=offsets, student_offset=offsets)
    day = slots.start // DAY_MS
    weekend = (day + 3) % 7 >= 5
    evening = slots.start % DAY_MS >= 18 * HOUR_MS
    lead = np.log((slots.start - slots.created) / (4.0 * DAY_MS))
    season = np.sin(2 * np.pi * (day % 365) / 365)
    tutor = (
        0.35 * weekend
        + 0.25 * evening
        + 0.18 * lead
        + 0.12 * np.minimum(slots.load, 4)
        + 0.1 * season
    )
    return replace(slots, tutor_offset=tutor, student_offset=0.1 * lead)


def tutor_probability(
    config: SimulationConfig, offset: NDArray[np.float64], level: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Chance that the tutor's clock rings before the start."""
    return logistic(offset + (0.0 if config.null else LEVEL_LOGITS[level]))


def student_probability(
    config: SimulationConfig, offset: NDArray[np.float64], student_class: NDArray[np.int64]
) -> NDArray[np.float64]:
    return logistic(offset + (0.0 if config.null else STUDENT_CLASS_LOGITS[student_class]))


def _resolve(
    config: SimulationConfig,
    levels: NDArray[np.int64],
    student_class: NDArray[np.int64],
    slots: Slots,
    rng: np.random.Generator,
) -> Slots:
    n = len(slots)
    week = np.minimum(week_of(config, slots.start), levels.shape[1] - 1)
    classes = student_class[slots.student]
    p = tutor_probability(config, slots.tutor_offset, levels[slots.tutor, week])
    s = student_probability(config, slots.student_offset, classes)
    tutor_rings = np.where(rng.random(n) < p, rng.random(n) ** (1 / RING_EXPONENT), 2.0)
    student_rings = np.where(rng.random(n) < s, rng.random(n) ** (1 / RING_EXPONENT), 2.0)
    missed = rng.random(n) < (0.03 if config.null else NO_SHOW_BY_CLASS[classes])
    by_student = np.where(rng.random(n) < 0.05, By.SYSTEM, By.STUDENT)
    cancelled = rng.random(n) < 0.2
    ring = np.minimum(tutor_rings, student_rings)
    moved = ring < 1.5
    lead = slots.start - slots.created
    by = np.where(tutor_rings < student_rings, By.TUTOR, by_student)
    held_at = slots.start + np.where(missed, 15 * MINUTE_MS, slots.minutes * MINUTE_MS)
    at = np.where(moved, slots.created + (ring * (lead - 1)).astype(np.int64), held_at)
    new_lead = np.exp(rng.normal(np.log(4 * 24.0), 0.7, n)) * HOUR_MS
    new_start = (
        (at + np.clip(new_lead, 6 * HOUR_MS, 30 * DAY_MS).astype(np.int64))
        // (30 * MINUTE_MS)
        * (30 * MINUTE_MS)
    )
    with_new = moved & ~cancelled & (rng.random(n) < 0.85)
    return replace(
        slots,
        outcome=np.where(
            moved,
            np.where(cancelled, Outcome.CANCELLED, Outcome.RESCHEDULED),
            np.where(missed, Outcome.NO_SHOW, Outcome.COMPLETED),
        ),
        by=np.where(moved, by, By.NOBODY),
        at=at,
        new_start=np.where(with_new, new_start, -1),
    )


def _moved(config: SimulationConfig, slots: Slots) -> Slots:
    """The slots that reschedules opened."""
    old = slots.where((slots.new_start >= 0) & (slots.at < config.until_ms))
    opened = _unresolved(old.session, old.tutor, old.student, old.at, old.new_start, old.minutes)
    return replace(opened, moved_in=np.ones(len(opened), dtype=np.bool_))


def _concatenated(rounds: list[Slots]) -> Slots:
    return Slots(*(np.concatenate([getattr(r, f.name) for r in rounds]) for f in fields(Slots)))
