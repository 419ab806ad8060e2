"""The columns of slot keys and bits equal the scalar rules."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.test_windows import events
from tests.support.builders import columns_of
from tutor_quality.domain.columns import Initiator, Kind
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.domain.slots import all_outcome_bits, outcome_bits, slot_key, slot_keys


@given(st.lists(events(), max_size=20))
@settings(max_examples=200, deadline=None)
def test_columns_equal_the_scalar_rules(listed: list[SessionEvent]) -> None:
    columns = columns_of([(n, event.occurred_at, event) for n, event in enumerate(listed)])
    keys = slot_keys(columns.session_id, columns.scheduled_start).tolist()
    bits = all_outcome_bits(columns).tolist()
    for place, event in enumerate(listed):
        session = bytes.fromhex(event.session_id.replace("-", ""))
        assert keys[place] == slot_key(session, event.scheduled_start)
        assert bits[place] == outcome_bits(
            Kind[event.event_type.upper()],
            initiator=Initiator[event.initiator.upper()] if event.initiator else None,
            scheduled_start=event.scheduled_start,
            duration_minutes=event.duration_minutes,
            started_at=event.started_at,
            ended_at=event.ended_at,
            rating=event.rating,
            is_first_session=event.is_first_session,
        )
