"""The world as a stream of records: facts, each recorded a little or a lot after it happened."""

from collections.abc import Iterator
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.simulation.config import DAY_MS, SimulationConfig
from tutor_quality.simulation.people import student_ids, tutor_ids, uuids
from tutor_quality.simulation.world import (
    HOUR_MS,
    MINUTE_MS,
    By,
    Outcome,
    Slots,
    World,
    build_world,
)

SCHEDULED = 0
KINDS = tuple(EventType)
INITIATORS = (InitiatorName.TUTOR, InitiatorName.STUDENT, InitiatorName.SYSTEM, None)
REASON_CODES = (
    "illness",
    "family",
    "work_conflict",
    "travel",
    "technical",
    "exam",
    "holiday",
    "double_booked",
    "weather",
    "other",
)


@dataclass(frozen=True, slots=True)
class _Facts:
    """Columns over facts; `slot` is the position in the world's slots."""

    slot: NDArray[np.int64]
    kind: NDArray[np.int64]
    by: NDArray[np.int64]
    at: NDArray[np.int64]
    recorded: NDArray[np.int64]

    def where(self, chosen: NDArray[np.generic]) -> "_Facts":
        return _Facts(*(getattr(self, f.name)[chosen] for f in fields(_Facts)))


def simulate(
    config: SimulationConfig, rng: np.random.Generator
) -> Iterator[tuple[int, SessionEvent]]:
    """(record timestamp in ms, fact) in the order of the timestamps, up to `config.until_ms`."""
    return events(build_world(config, rng), rng)


def events(world: World, rng: np.random.Generator) -> Iterator[tuple[int, SessionEvent]]:
    facts = _out_of_order(world, _late(world, _facts(world, rng), rng), rng)
    once = len(facts.slot)
    repeated, ids = _repeated(world, facts, rng)
    keep = repeated.recorded < world.config.until_ms
    repeated, ids = repeated.where(keep), ids[keep]
    order = np.lexsort((np.arange(len(ids)), repeated.recorded))
    return _session_events(world, repeated.where(order), ids[order], once, rng)


def _facts(world: World, rng: np.random.Generator) -> _Facts:
    slots, config = world.slots, world.config
    booked = np.flatnonzero(~slots.moved_in)
    booked = booked[rng.random(len(booked)) >= config.missing_creation_share]
    wrong = np.flatnonzero(rng.random(len(slots)) < config.correction_share)
    at = slots.at.copy()
    at[wrong] += rng.integers(HOUR_MS, 36 * HOUR_MS, len(wrong))
    parts = (
        (booked, np.full(len(booked), SCHEDULED), np.full(len(booked), -1), slots.created[booked]),
        (np.arange(len(slots)), slots.outcome, slots.by, at),
        (wrong, _mistaken(slots.outcome[wrong]), _mistaken_by(slots.by[wrong]), slots.at[wrong]),
    )
    slot, kind, by, happened = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    return _Facts(slot, kind, by, happened, happened + rng.integers(5, 2_000, len(slot)))


def _mistaken(outcome: NDArray[np.int64]) -> NDArray[np.int64]:
    held = np.where(outcome == Outcome.COMPLETED, Outcome.NO_SHOW, Outcome.COMPLETED)
    return np.where(outcome >= Outcome.COMPLETED, held, outcome)


def _mistaken_by(by: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.where(by == By.NOBODY, by, np.where(by == By.TUTOR, By.STUDENT, By.TUTOR))


def _late(world: World, facts: _Facts, rng: np.random.Generator) -> _Facts:
    late = rng.random(len(facts.slot)) < world.config.late_share
    delay = np.minimum(rng.exponential(8 * HOUR_MS, len(facts.slot)), 5 * DAY_MS).astype(np.int64)
    return _Facts(
        facts.slot, facts.kind, facts.by, facts.at, facts.recorded + np.where(late, delay, 0)
    )


def _out_of_order(world: World, facts: _Facts, rng: np.random.Generator) -> _Facts:
    """Some bookings are recorded a minute after the slot's first outcome."""
    chosen = (facts.kind == SCHEDULED) & (
        rng.random(len(facts.slot)) < world.config.out_of_order_share
    )
    after = world.slots.at[facts.slot] + MINUTE_MS
    return _Facts(
        facts.slot, facts.kind, facts.by, facts.at, np.where(chosen, after, facts.recorded)
    )


def _repeated(
    world: World, facts: _Facts, rng: np.random.Generator
) -> tuple[_Facts, NDArray[np.int64]]:
    """The facts and some of them once more, later; with the position of each fact's id."""
    n = len(facts.slot)
    again = np.flatnonzero(rng.random(n) < world.config.duplicate_share)
    both = facts.where(np.concatenate([np.arange(n), again]))
    both.recorded[n:] += rng.integers(100, 6 * HOUR_MS, len(again))
    return both, np.concatenate([np.arange(n), again])


def _session_events(
    world: World,
    facts: _Facts,
    ids: NDArray[np.int64],
    id_count: int,
    rng: np.random.Generator,
) -> Iterator[tuple[int, SessionEvent]]:
    slots, of = world.slots, facts.slot
    event_ids = uuids(id_count, rng)
    reasons = rng.integers(len(REASON_CODES), size=id_count)
    delays = np.where(rng.random(id_count) < 0.12, rng.integers(6, 20, id_count), 0) * MINUTE_MS
    ratings = rng.choice([0, 2, 3, 4, 5], p=[0.4, 0.03, 0.07, 0.2, 0.3], size=id_count)
    tutors, students = tutor_ids(world.config), student_ids(world.config)
    completed = facts.kind == Outcome.COMPLETED
    started = np.where(completed, slots.start[of] + delays[ids], -1)
    columns = zip(
        facts.recorded.tolist(),
        ids.tolist(),
        facts.kind.tolist(),
        slots.session[of].tolist(),
        slots.tutor[of].tolist(),
        slots.student[of].tolist(),
        slots.start[of].tolist(),
        facts.at.tolist(),
        slots.minutes[of].tolist(),
        np.where(facts.kind == Outcome.RESCHEDULED, slots.new_start[of], -1).tolist(),
        facts.by.tolist(),
        started.tolist(),
        np.where(completed, ratings[ids], 0).tolist(),
        reasons[ids].tolist(),
        _first_of_pair(slots)[of].tolist(),
        strict=True,
    )
    for recorded, fact, kind, session, tutor, student, start, at, minutes, *rest in columns:
        new, by, began, stars, reason, first = rest
        event = SessionEvent(
            event_id=event_ids[fact],
            event_type=KINDS[kind],
            session_id=world.session_ids[session],
            tutor_id=tutors[tutor],
            student_id=students[student],
            scheduled_start=start,
            occurred_at=at,
            duration_minutes=minutes,
            new_start=None if new < 0 else new,
            initiator=INITIATORS[by],
            reason_code=None if by < 0 else REASON_CODES[reason],
            started_at=None if began < 0 else began,
            ended_at=None if began < 0 else start + minutes * MINUTE_MS,
            rating=stars or None,
            is_first_session=first,
        )
        yield recorded, event


def _first_of_pair(slots: Slots) -> NDArray[np.bool_]:
    """Whether a slot belongs to the first session that its pair booked."""
    pair = slots.tutor * (int(slots.student.max(initial=0)) + 1) + slots.student
    _, where, pair_number = np.unique(pair, return_index=True, return_inverse=True)
    first: NDArray[np.bool_] = slots.session[where][pair_number] == slots.session
    return first
