"""A state that went through bytes is the same state."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_features import SPEC, history
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.features import ContextColumn, FeatureSpec, LabelRule, TutorState, features, fold
from tutor_quality.features.codec import decode_state, encode_state

WITH_CONTEXT = FeatureSpec(
    LabelRule.tutor_moved(),
    base_rate=0.2,
    context=(ContextColumn("price", "number"), ContextColumn("kind", "category", ("a", "b"))),
)


def looks(state: TutorState, spec: FeatureSpec) -> list[bytes]:
    as_of = state.now + 1
    return [
        np.array(features(state, slot, as_of, spec), np.float32).tobytes()
        for slot in state.slots.values()
        if slot.ending is None and slot.start > as_of
    ]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 10))
def test_a_state_that_goes_through_bytes_again_and_again_gives_the_same_vectors(
    seed: int, every: int
) -> None:
    kept, coded = TutorState(), TutorState()
    for number, event in enumerate(history(seed, events=250, tutors=1)):
        fold(kept, event, SPEC)
        fold(coded, event, SPEC)
        if number % every == 0:
            coded = decode_state(encode_state(coded))
            assert encode_state(coded) == encode_state(kept)
            assert looks(coded, SPEC) == looks(kept, SPEC)


@given(
    st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=30),
    st.sampled_from(['{"price": 3.5, "kind": "b"}', "{}", None]),
    st.sampled_from([None, 0, 90]),
)
def test_students_of_any_name_and_context_columns_survive(
    student: str, context: str | None, minutes: int | None
) -> None:
    booking = SessionEvent(
        event_id="00000000-0000-4000-8000-000000000001",
        event_type=EventType.SCHEDULED,
        session_id="00000000-0000-4000-8000-000000000002",
        tutor_id="00000000-0000-4000-8000-000000000003",
        student_id=student,
        scheduled_start=1_700_000_000_000,
        occurred_at=1_690_000_000_000,
        duration_minutes=minutes,
        context=context,
    )
    state = fold(TutorState(), booking, WITH_CONTEXT)
    again = decode_state(encode_state(state))
    (slot,) = again.slots.values()
    assert (slot.student_id, slot.minutes) == (student, minutes)
    assert looks(again, WITH_CONTEXT) == looks(state, WITH_CONTEXT)
