"""The features know nothing of the future, and care for no duplicate."""

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support import slow_features
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.features import (
    FeatureSpec,
    LabelRule,
    Row,
    TutorState,
    features,
    fold,
    replay,
    vectors,
)
from tutor_quality.features.replay import in_order
from tutor_quality.simulation import SimulationConfig, simulate

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
START = 1_700_000_000_000
SPEC = FeatureSpec(LabelRule.tutor_moved(), base_rate=0.15)


def history(seed: int, events: int = 300, tutors: int = 3) -> list[SessionEvent]:
    """With duplicates, late and corrected facts, in the order in which they were recorded."""
    config = SimulationConfig(
        start_ms=START,
        end_ms=START + 120 * DAY_MS,
        tutors=tutors,
        events=events,
        late_share=0.1,
        duplicate_share=0.1,
        correction_share=0.1,
    )
    return [event for _, event in simulate(config, np.random.default_rng(seed))]


def bytes_of(rows: Sequence[Row]) -> dict[tuple[str, int, int], bytes]:
    return {
        (row.slot.session_id, row.slot.start, row.as_of): np.array(
            row.vector, dtype=np.float32
        ).tobytes()
        for row in rows
    }


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 110), st.integers(1, 40))
def test_shifting_or_dropping_the_future_changes_no_vector(seed: int, day: int, shift: int) -> None:
    events = in_order(history(seed))
    cut = START + day * DAY_MS
    past = [event for event in events if event.occurred_at <= cut]
    poisoned = [
        *past,
        *(
            SessionEvent(
                **{
                    **{name: getattr(event, name) for name in SessionEvent.__slots__},
                    "occurred_at": event.occurred_at + shift * DAY_MS,
                }
            )
            for event in events
            if event.occurred_at > cut
        ),
    ]
    whole = {key: v for key, v in bytes_of(list(replay(events, SPEC))).items() if key[2] <= cut}
    assert {k: v for k, v in bytes_of(list(replay(poisoned, SPEC))).items() if k[2] <= cut} == whole
    assert {k: v for k, v in bytes_of(list(replay(past, SPEC))).items() if k[2] <= cut} == whole


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_repeated_facts_change_no_vector(seed: int) -> None:
    events = in_order({event.event_id: event for event in history(seed)}.values())
    twice = in_order([*events, *events])
    assert bytes_of(list(replay(twice, SPEC))) == bytes_of(list(replay(events, SPEC)))


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_looking_changes_nothing_for_later_looks(seed: int) -> None:
    """So that a worker that restarted and looked again serves what a batch recomputes."""
    watched, unwatched = TutorState(), TutorState()
    for event in history(seed, events=250, tutors=1):
        fold(watched, event, SPEC)
        fold(unwatched, event, SPEC)
        slot = next(reversed(watched.slots.values()))
        features(watched, slot, event.occurred_at + DAY_MS, SPEC)
    for key, slot in list(unwatched.slots.items())[-40:]:
        late = max(slot.start, unwatched.now)
        twin = watched.slots[key]
        assert str(features(watched, twin, late, SPEC)) == str(
            features(unwatched, slot, late, SPEC)
        )


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_facts_that_come_late_end_up_where_punctual_ones_do(seed: int) -> None:
    """Early effects may differ a little: trials ran on until the late ending was known."""
    recorded = history(seed, events=250, tutors=1)
    states = []
    for events in (recorded, in_order(recorded)):
        state = TutorState()
        for event in events:
            fold(state, event, SPEC)
        states.append(state)
    as_of = max(state.now for state in states) + DAY_MS
    skip = SPEC.names.index("tutor_early_effect")
    for key, slot in states[0].slots.items():
        if slot.ending is None:
            both = [features(state, state.slots[key], as_of, SPEC) for state in states]
            for vector in both:
                vector[skip] = 0
            assert both[0] == pytest.approx(both[1], nan_ok=True, rel=1e-6, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 20 * 24))
def test_vectors_made_together_equal_those_made_slowly_to_the_last_bit(
    seed: int, hours: int
) -> None:
    state = TutorState()
    for event in history(seed, events=250, tutors=1):
        fold(state, event, SPEC)
    as_of = state.now + hours * HOUR_MS
    slots = list(state.slots.values())
    together = vectors(state, slots, as_of, SPEC)
    slowly = [slow_features.features(state, slot, as_of, SPEC) for slot in slots]
    assert np.array(together).tobytes() == np.array(slowly).tobytes()
