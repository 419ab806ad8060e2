from dataclasses import replace

import numpy as np
import pytest

from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.simulation import (
    SimulationConfig,
    build_world,
    profiles,
    simulate,
    student_ids,
    truths,
    tutor_ids,
)
from tutor_quality.simulation.world import By, Slots

DAY_MS = 86_400_000
START = 1_700_000_000_000
CONFIG = SimulationConfig(start_ms=START, end_ms=START + 120 * DAY_MS, tutors=60, events=20_000)


def history(config: SimulationConfig = CONFIG, seed: int = 1) -> list[tuple[int, SessionEvent]]:
    return list(simulate(config, np.random.default_rng(seed)))


@pytest.fixture(scope="module")
def year() -> Slots:
    config = replace(CONFIG, end_ms=START + 365 * DAY_MS, tutors=400, events=400_000)
    return build_world(config, np.random.default_rng(3)).slots


def test_the_same_seed_gives_the_same_history() -> None:
    assert history() == history()
    assert history() != history(seed=2)


def test_records_come_in_the_order_of_their_timestamps_within_the_span() -> None:
    stamps = [recorded for recorded, _ in history()]
    assert stamps == sorted(stamps)
    assert stamps[0] >= START and stamps[-1] < CONFIG.end_ms


def test_about_as_many_records_come_as_were_asked_for() -> None:
    assert len(history()) == pytest.approx(CONFIG.events, rel=0.1)


def test_no_fact_happened_after_it_was_recorded() -> None:
    assert all(event.occurred_at <= recorded for recorded, event in history())


def test_without_faults_each_slot_is_known_before_its_one_outcome() -> None:
    clean = replace(
        CONFIG,
        late_share=0,
        duplicate_share=0,
        out_of_order_share=0,
        correction_share=0,
        missing_creation_share=0,
    )
    open_slots: set[tuple[str, int]] = set()
    for _, event in history(clean):
        slot = (event.session_id, event.scheduled_start)
        if event.event_type is EventType.SCHEDULED:
            open_slots.add(slot)
            continue
        open_slots.remove(slot)
        if event.new_start is not None:
            open_slots.add((event.session_id, event.new_start))


def test_duplicates_are_the_same_fact_again() -> None:
    seen: dict[str, SessionEvent] = {}
    repeats = 0
    for _, event in history(replace(CONFIG, duplicate_share=0.1)):
        repeats += event.event_id in seen
        assert seen.setdefault(event.event_id, event) == event
    assert repeats > 500


def test_the_planned_duration_is_known_for_every_outcome_alike() -> None:
    by_type: dict[EventType, set[int | None]] = {}
    for _, event in history():
        by_type.setdefault(event.event_type, set()).add(event.duration_minutes)
    assert all(durations == {30, 45, 60, 90} for durations in by_type.values())


def test_the_platform_looks_like_a_real_one(year: Slots) -> None:
    last_month = (year.at > START + 335 * DAY_MS) & (year.at <= START + 365 * DAY_MS)
    total = np.bincount(year.tutor[last_month], minlength=400)
    bad = np.bincount(year.tutor[last_month & (year.by == By.TUTOR)], minlength=400)
    assert 0.10 < bad.sum() / total.sum() < 0.18
    rates = bad / np.maximum(total, 1)
    assert 0.05 < (rates > 0.3).mean() < 0.3
    assert (rates < 0.1).mean() > 0.35


def test_a_world_that_lives_on_has_records_after_the_end_of_history() -> None:
    stamps = [recorded for recorded, _ in history(replace(CONFIG, live_days=20))]
    after = sum(recorded >= CONFIG.end_ms for recorded in stamps)
    assert after == pytest.approx(CONFIG.events * 20 / 120, rel=0.15)


def test_in_the_null_world_tutors_do_not_differ() -> None:
    config = replace(CONFIG, events=100_000, null=True)
    slots = build_world(config, np.random.default_rng(1)).slots
    total = np.bincount(slots.tutor, minlength=60)
    rates = np.bincount(slots.tutor[slots.by == By.TUTOR], minlength=60) / total
    binomial = np.sqrt(0.13 * 0.87 / total)
    assert np.abs((rates - rates.mean()) / binomial).max() < 4.5


def test_profiles_speak_of_the_tutors_of_the_stream() -> None:
    described = [p["tutor_id"] for p in profiles(CONFIG, np.random.default_rng(0))]
    assert described == tutor_ids(CONFIG)
    assert {event.tutor_id for _, event in history()} <= set(described)
    assert {event.student_id for _, event in history()} <= set(student_ids(CONFIG))


def test_the_best_possible_prediction_means_what_it_says_and_beats_the_base_rate() -> None:
    world = build_world(CONFIG, np.random.default_rng(4))
    slots = world.slots
    ids = np.array(world.session_ids)[slots.session]
    by = dict(zip(zip(ids, slots.start.tolist(), strict=True), slots.by.tolist(), strict=True))
    best = [(t.probability, by[t.session_id, t.scheduled_start]) for t in truths(world)]
    fair = np.array([(p, who == By.TUTOR) for p, who in best if who in (By.TUTOR, By.NOBODY)])
    p, y = fair.T
    assert p.mean() == pytest.approx(y.mean(), abs=0.015)
    low, high = p < np.quantile(p, 0.2), p > np.quantile(p, 0.8)
    assert p[low].mean() == pytest.approx(y[low].mean(), abs=0.02)
    assert p[high].mean() == pytest.approx(y[high].mean(), abs=0.04)
    loss = -np.mean(np.where(y == 1, np.log(p), np.log1p(-p)))
    base = y.mean()
    assert loss < -(base * np.log(base) + (1 - base) * np.log(1 - base)) - 0.04


def test_in_the_null_world_the_best_prediction_is_a_constant() -> None:
    world = build_world(replace(CONFIG, events=5_000, null=True), np.random.default_rng(4))
    assert np.ptp([truth.probability for truth in truths(world)]) < 1e-9
