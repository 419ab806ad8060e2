import math
from collections.abc import Sequence

import pytest

from tests.support.builders import an_event
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.features import (
    ContextColumn,
    FeatureSpec,
    LabelRule,
    TutorState,
    features,
    fold,
    posterior,
    replay,
)
from tutor_quality.features.replay import CREATION

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
NOON = 1_750_000_000_000 // DAY_MS * DAY_MS + 12 * HOUR_MS
SPEC = FeatureSpec(LabelRule.tutor_moved(), base_rate=0.15)


def booked(number: int, *, at: int, start: int, **changes: object) -> SessionEvent:
    return an_event(
        number,
        session_id=f"session-{number}",
        event_type=EventType.SCHEDULED,
        occurred_at=at,
        scheduled_start=start,
        new_start=None,
        initiator=None,
        **changes,
    )


def ended(
    number: int,
    *,
    at: int,
    start: int,
    event_type: EventType = EventType.COMPLETED,
    **changes: object,
) -> SessionEvent:
    facts = {"initiator": None, "new_start": None, **changes}
    return an_event(
        1000 + number,
        session_id=f"session-{number}",
        event_type=event_type,
        occurred_at=at,
        scheduled_start=start,
        **facts,
    )


def moved(number: int, *, at: int, start: int, **changes: object) -> SessionEvent:
    facts = {"initiator": InitiatorName.TUTOR, **changes}
    return ended(number, at=at, start=start, event_type=EventType.RESCHEDULED, **facts)


def seen(events: Sequence[SessionEvent], number: int, start: int, as_of: int) -> dict[str, float]:
    """The features of slot `start` of session `number` by name."""
    state = TutorState()
    for event in events:
        fold(state, event, SPEC)
    slot = state.slot(f"session-{number}", start)
    assert slot is not None
    return dict(zip(SPEC.names, features(state, slot, as_of, SPEC), strict=True))


UPCOMING = booked(0, at=NOON - DAY_MS, start=NOON + DAY_MS)


def upcoming(*events: SessionEvent, as_of: int = NOON) -> dict[str, float]:
    ordered = sorted([*events, UPCOMING], key=lambda event: event.occurred_at)
    return seen(ordered, 0, UPCOMING.scheduled_start, as_of)


def test_a_vector_has_one_number_per_feature_of_the_spec() -> None:
    assert len(upcoming()) == len(SPEC.features) == len(set(SPEC.names))


def test_a_tutor_without_outcomes_has_no_rate() -> None:
    assert math.isnan(upcoming()["tutor_reschedule_rate_30d"])
    assert upcoming()["tutor_total_sessions_30d"] == 0


def test_rates_count_outcomes_in_half_open_windows() -> None:
    edge = NOON - 7 * DAY_MS
    vector = upcoming(
        moved(1, at=edge, start=edge + HOUR_MS),
        moved(2, at=edge + 1, start=edge + HOUR_MS),
        ended(3, at=NOON, start=NOON - HOUR_MS),
    )
    assert vector["tutor_total_sessions_7d"] == 2
    assert vector["tutor_reschedule_rate_7d"] == 0.5
    assert vector["tutor_reschedule_rate_30d"] == pytest.approx(2 / 3)


def test_a_bad_slot_raises_the_effect_only_once_its_start_has_passed() -> None:
    start = NOON - HOUR_MS
    events = (
        booked(1, at=NOON - 9 * DAY_MS, start=start),
        moved(1, at=NOON - 8 * DAY_MS, start=start),
    )
    assert upcoming(*events, as_of=start - 1)["tutor_effect_45d"] == 0
    assert upcoming(*events, as_of=start)["tutor_effect_45d"] > 0


def test_a_correction_takes_the_first_outcome_back() -> None:
    start = NOON - DAY_MS
    wrong = moved(1, at=start - HOUR_MS, start=start)
    right = moved(1, at=NOON - 1, start=start, initiator=InitiatorName.STUDENT, event_id="f" * 36)
    vector = upcoming(wrong, right)
    assert vector["tutor_total_sessions_7d"] == 1
    assert vector["tutor_reschedule_rate_7d"] == 0
    assert vector["tutor_effect_45d"] == pytest.approx(0)


def test_a_slot_that_others_moved_says_nothing_of_the_tutor() -> None:
    start = NOON - DAY_MS
    vector = upcoming(moved(1, at=start - 1, start=start, initiator=InitiatorName.STUDENT))
    assert vector["tutor_evidence_180d"] == 0
    assert vector["tutor_total_sessions_7d"] == 1


def test_a_correction_months_after_an_early_cancellation_takes_back_only_that() -> None:
    start = NOON + 150 * DAY_MS
    at = NOON - DAY_MS
    state = TutorState()
    early = moved(1, at=at, start=start)
    later = [moved(n, at=NOON + n * DAY_MS, start=NOON + n * DAY_MS) for n in range(100, 130)]
    right = moved(1, at=NOON + 131 * DAY_MS, start=start, initiator=InitiatorName.STUDENT)
    for event in (booked(1, at=at - DAY_MS, start=start), early, *later, right):
        fold(state, event, SPEC)
    assert len(state.moved.times) == len(later)


def test_siblings_at_the_same_start_are_counted_by_what_became_of_them() -> None:
    start = UPCOMING.scheduled_start
    vector = upcoming(
        booked(1, at=NOON - DAY_MS, start=start),
        booked(2, at=NOON - 2 * DAY_MS, start=start),
        moved(2, at=NOON - HOUR_MS, start=start),
    )
    assert (vector["same_start_open"], vector["same_start_bad"]) == (2, 1)
    assert vector["booked_at_once"] == 2


def test_a_move_opens_the_next_slot_of_the_session() -> None:
    start, later = NOON + DAY_MS, NOON + 3 * DAY_MS
    vector = seen([UPCOMING, moved(0, at=NOON, start=start, new_start=later)], 0, later, NOON)
    assert vector["earlier_slots_of_session"] == 1
    assert vector["tutor_open_slots"] == 1
    assert vector["lead_hours"] == 72


def test_a_move_to_a_time_that_has_passed_opens_nothing() -> None:
    state = TutorState()
    fold(state, moved(1, at=NOON, start=NOON - DAY_MS, new_start=NOON - HOUR_MS), SPEC)
    assert state.slot("session-1", NOON - HOUR_MS) is None


def test_a_slot_whose_start_passed_without_an_outcome_is_overdue() -> None:
    start = NOON - HOUR_MS
    vector = upcoming(booked(1, at=NOON - DAY_MS, start=start))
    assert vector["tutor_overdue_slots"] == 1
    assert vector["student_overdue_slots"] == 1
    assert vector["tutor_open_slots"] == 1


def test_context_becomes_numbers_and_codes_and_other_values_share_one() -> None:
    columns = (
        ContextColumn("segment", "category", ("direct", "online")),
        ContextColumn("nights", "number"),
    )
    spec = FeatureSpec(LabelRule.tutor_moved(), 0.15, columns)
    state = fold(
        TutorState(), booked(0, at=NOON, start=NOON, context='{"segment":"new","nights":2}'), spec
    )
    slot = state.slot("session-0", NOON)
    assert slot is not None and slot.context == (2.0, 2.0)
    assert math.isnan(columns[0].encoded(None)) and math.isnan(columns[1].encoded("n/a"))


def test_the_fingerprint_changes_with_anything_that_changes_a_vector() -> None:
    others = (
        FeatureSpec(SPEC.label, 0.2),
        FeatureSpec(SPEC.label, 0.15, (ContextColumn("a", "number"),)),
        FeatureSpec(SPEC.label, 0.15, (ContextColumn("a", "category", ("x",)),)),
        FeatureSpec(LabelRule(frozenset(), frozenset()), 0.15),
    )
    assert len({SPEC.fingerprint, *(other.fingerprint for other in others)}) == 5
    assert all(FeatureSpec.from_json(other.to_json()) == other for other in others)


def test_the_posterior_is_the_base_without_evidence_and_nears_the_rate_with_much() -> None:
    base = math.log(0.15 / 0.85)
    assert posterior(0, 0, base, 1.0) == 0
    much = base + posterior(100_000, 40_000, base, 1.0)
    assert 1 / (1 + math.exp(-much)) == pytest.approx(0.4, abs=1e-3)
    assert 0 < posterior(4, 2, base, 1.0) < posterior(400, 200, base, 1.0)


def test_a_replay_looks_at_a_slot_at_its_creation_and_at_the_marks_that_it_lives_to_see() -> None:
    start = NOON + 30 * HOUR_MS
    events = [booked(0, at=NOON, start=start), moved(0, at=start - 3 * HOUR_MS, start=start)]
    rows = [(row.mark, row.as_of) for row in replay(events, SPEC)]
    assert rows == [(CREATION, NOON), (24.0, start - 24 * HOUR_MS), (6.0, start - 6 * HOUR_MS)]


def test_a_look_comes_after_the_bookings_and_before_the_outcomes_of_its_instant() -> None:
    start = NOON + DAY_MS
    events = [
        booked(0, at=NOON, start=start),
        booked(1, at=NOON, start=start),
        moved(1, at=NOON, start=start),
    ]
    first, second = (
        dict(zip(SPEC.names, r.vector, strict=True))
        for r in replay(events, SPEC, lambda slot: (CREATION,))
    )
    assert first["same_start_open"] == second["same_start_open"] == 2
    assert first["same_start_bad"] == 0


def test_a_single_mark_before_the_creation_means_the_creation() -> None:
    events = [booked(0, at=NOON, start=NOON + HOUR_MS)]
    assert [row.as_of for row in replay(events, SPEC, lambda slot: (24.0,))] == [NOON]
