import math
from collections.abc import Sequence

import numpy as np
import pytest

from models.datasets import EMBARGO_MS, Dataset, base_rate, context_columns, dataset, split
from tests.support.builders import DAY, HOUR, START, an_event, an_id
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.features import FeatureSpec, LabelRule
from tutor_quality.features.replay import in_order

RULE = LabelRule.tutor_moved()
SPEC = FeatureSpec(RULE, 0.15)


def slot(
    number: int, start: int, ending: EventType | None, at: int | None = None, **changes: object
) -> list[SessionEvent]:
    """Booked a day before its start; ends as told, when told or an hour after its start."""
    session = an_id(number, "5")
    facts = {"session_id": session, "scheduled_start": start}
    events = [
        an_event(2 * number, event_type=EventType.SCHEDULED, occurred_at=start - DAY, **facts)
    ]
    if ending is not None:
        at = start + HOUR if at is None else at
        events.append(
            an_event(2 * number + 1, event_type=ending, occurred_at=at, **facts, **changes)
        )
    return events


def rows_of(*slots: Sequence[SessionEvent]) -> tuple[Dataset, dict[str, int]]:
    data, left = dataset(in_order(event for events in slots for event in events), SPEC)
    return data, {name: getattr(left, name) for name in left.__slots__}


def test_a_slot_gives_rows_from_its_creation_to_its_ending_all_with_its_label() -> None:
    data, _ = rows_of(slot(1, START, EventType.CANCELLED, at=START - 4 * HOUR))
    assert (START - data.as_of).tolist() == [DAY, DAY, 6 * HOUR][: len(data)]
    assert data.y.tolist() == [1] * len(data)


def test_a_slot_that_is_still_to_come_is_left_out_even_if_it_has_ended() -> None:
    data, left = rows_of(
        slot(1, START, EventType.COMPLETED),
        slot(2, START + 9 * DAY, EventType.CANCELLED, at=START - HOUR + 8 * DAY + 2 * HOUR),
        slot(3, START + 9 * DAY, None),
    )
    assert set(data.start.tolist()) == {START}
    assert left["immature"] > 0


def test_a_slot_that_the_student_moved_is_censored_and_counted() -> None:
    gone = slot(1, START, EventType.RESCHEDULED, at=START - HOUR, initiator=InitiatorName.STUDENT)
    data, left = rows_of(gone, slot(2, START, EventType.COMPLETED))
    assert set(data.y.tolist()) == {0}
    assert left["censored"] > 0


def test_a_slot_without_a_known_ending_is_counted_as_unresolved() -> None:
    data, left = rows_of(slot(1, START, None), slot(2, START, EventType.COMPLETED))
    assert left["unresolved"] > 0 and set(data.y.tolist()) == {0}


def test_a_no_show_is_no_fault_of_the_tutor() -> None:
    data, _ = rows_of(slot(1, START, EventType.NO_SHOW))
    assert set(data.y.tolist()) == {0}


def test_the_sets_of_a_split_are_an_embargo_apart() -> None:
    data, _ = rows_of(*(slot(n, START + n * DAY, EventType.COMPLETED) for n in range(40)))
    earlier, later = split(data, 0.25)
    assert later.start.min() - earlier.start.max() >= EMBARGO_MS
    assert len(later) == pytest.approx(len(data) / 4, abs=4)


def test_the_base_rate_leaves_censored_slots_out() -> None:
    events = [
        *slot(1, START, EventType.COMPLETED),
        *slot(2, START, EventType.CANCELLED),
        *slot(3, START, EventType.CANCELLED, initiator=InitiatorName.SYSTEM),
    ]
    assert base_rate(events, RULE) == 0.5


def test_context_values_are_coded_by_how_often_they_occur_and_rare_ones_share_a_code() -> None:
    often = [("b", 30), ("a", 20), ("c", 1)]
    events = [
        an_event(i, event_type=EventType.SCHEDULED, context=f'{{"segment":"{value}"}}')
        for value, count in often
        for i in range(count)
    ]
    (column,) = context_columns(events, {"segment": "category"})
    assert column.values == ("b", "a")
    assert [column.encoded(v) for v in ("b", "a", "c", "new")] == [0, 1, 2, 2]
    assert math.isnan(column.encoded(None))


def test_vectors_are_float32_in_spec_order() -> None:
    data, _ = rows_of(slot(1, START, EventType.COMPLETED))
    assert data.x.dtype == np.float32
    assert data.x[0, SPEC.names.index("hours_until_session")] == 24
