"""When slots are looked at: a pure function of the log."""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pytest

from streams.predict_rows import Look, PredictRows, Reason
from tests.support import looks
from tests.support.lifecycle import NOON, TUTOR, an_event
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.features import FeatureSpec, LabelRule
from tutor_quality.simulation import SimulationConfig, simulate

HOUR = 3_600_000
DAY = 24 * HOUR
SPEC = FeatureSpec(LabelRule.tutor_moved(), base_rate=0.15)
KEY = TUTOR.encode()

Record = tuple[int, int, bytes, SessionEvent | None]


def live_rows() -> PredictRows:
    rows = PredictRows(SPEC, generation=1)
    rows.live = True
    return rows


def seen(found: Sequence[Look]) -> list[tuple[Reason, int]]:
    return [(look.reason, look.as_of) for look in found]


def tick(offset: int, timestamp: int) -> Record:
    return offset, timestamp, b"", None


def test_a_booking_is_looked_at_once_its_instant_has_passed_and_then_at_every_mark() -> None:
    rows, start = live_rows(), NOON + 4 * DAY
    booking = an_event(scheduled_start=start)
    assert list(rows.fold([(0, NOON, KEY, booking)])) == []
    assert seen(list(rows.fold([tick(1, NOON + 1)]))) == [(Reason.CREATION, NOON)]
    later = list(rows.fold([tick(2, start + 1)]))
    marks = [(Reason.MARK, start - hours * HOUR) for hours in (72, 24, 6, 2)]
    assert seen(later) == marks
    assert [look.mark_hours for look in later] == [72, 24, 6, 2]


def test_a_slot_that_ended_or_was_booked_too_late_is_not_looked_at() -> None:
    rows = live_rows()
    booked = an_event(scheduled_start=NOON + DAY)
    cancelled = an_event(
        event_id="11111111-1111-4111-8111-111111111112",
        event_type=EventType.CANCELLED,
        scheduled_start=NOON + DAY,
        occurred_at=NOON + 1,
        initiator=InitiatorName.STUDENT,
    )
    over = an_event(session_id="22222222-2222-4222-8222-22222222abce", scheduled_start=NOON - 1)
    records = [(0, NOON, KEY, booked), (1, NOON, KEY, over), (2, NOON + 1, KEY, cancelled)]
    # The booking was still open when its own instant had passed.
    assert seen(list(rows.fold(records))) == [(Reason.CREATION, NOON)]
    assert list(rows.fold([tick(3, NOON + 2 * DAY)])) == []


def test_a_refresh_looks_at_the_slot_and_knows_nothing_of_others() -> None:
    rows = live_rows()
    booking = an_event(scheduled_start=NOON + DAY)
    list(rows.fold([(0, NOON, KEY, booking), tick(1, NOON + 1)]))
    (look,) = rows.refresh(KEY, booking.session_id, None, NOON + HOUR)
    assert (look.reason, look.as_of, look.offset) == (Reason.REFRESH, NOON + HOUR, 0)
    assert list(rows.refresh(KEY, "22222222-2222-4222-8222-222222220000", None, NOON)) == []
    assert list(rows.refresh(b"nobody", booking.session_id, None, NOON)) == []


def history(seed: int) -> list[Record]:
    config = SimulationConfig(
        start_ms=NOON,
        end_ms=NOON + 40 * DAY,
        tutors=4,
        events=500,
        late_share=0.1,
        duplicate_share=0.1,
        correction_share=0.1,
    )
    told = simulate(config, np.random.default_rng(seed))
    return [(offset, at, event.tutor_id.encode(), event) for offset, (at, event) in enumerate(told)]


def all_of(found: Sequence[Look]) -> set[tuple[object, ...]]:
    return {
        (look.session_id, look.start, look.as_of, look.reason, look.offset, bytes_of(look))
        for look in found
    }


def bytes_of(look: Look) -> bytes:
    return np.array(look.vector, np.float32).tobytes()


@pytest.mark.parametrize("seed", range(5))
def test_the_looks_are_those_that_the_naive_way_makes_due(seed: int) -> None:
    records = history(seed)
    found = list(live_rows().fold(records))
    due = looks.expected_looks([looks.Record(o, at, event) for o, at, _, event in records], 0)
    asked = {(look.session_id, look.start, str(look.reason), look.mark_hours) for look in found}
    assert {one for one in asked if one[2] in ("creation", "mark")} == due


@pytest.mark.parametrize("seed", range(5))
def test_a_crash_after_any_flush_repeats_looks_to_the_byte_and_loses_none(seed: int) -> None:
    records, rng = history(seed), np.random.default_rng(seed)
    whole = list(live_rows().fold(records))
    cuts = [0, *sorted(rng.choice(len(records), 6, replace=False).tolist()), len(records)]
    served: list[Look] = []
    changelog: dict[bytes, bytes] = {}
    position, clock = 0, -1
    for begin, end in pairwise(cuts):
        rows = PredictRows(SPEC, generation=1)
        for key, value in changelog.items():
            assert rows.load(key, value)
        rows.begin(position, clock, live=True)
        served += rows.fold(records[position:end])
        # Some rows are durable; the partition's own record only when all are.
        packed = rows.packed()
        flushed = bool(rng.integers(2))
        kept = packed if flushed else packed[: int(rng.integers(len(packed) + 1))]
        changelog.update(kept)
        if flushed:
            position, clock = rows.position, rows.clock
        assert begin <= end
    rows = PredictRows(SPEC, generation=1)
    for key, value in changelog.items():
        rows.load(key, value)
    rows.begin(position, clock, live=True)
    served += rows.fold(records[position:])
    assert all_of(served) == all_of(whole)


def test_while_silent_nothing_is_looked_at_and_going_live_looks_at_every_upcoming_slot() -> None:
    records = history(7)
    rows = PredictRows(SPEC, generation=1)
    assert list(rows.fold(records)) == []
    found = list(rows.go_live())
    opened: dict[tuple[str, int], bool] = {}
    for *_, event in records:
        assert event is not None
        if event.event_type is not EventType.SCHEDULED:
            opened[event.session_id, event.scheduled_start] = False
            if event.new_start is not None and event.new_start > event.occurred_at:
                opened.setdefault((event.session_id, event.new_start), True)
        else:
            opened.setdefault((event.session_id, event.scheduled_start), True)
    upcoming = {slot for slot, is_open in opened.items() if is_open and slot[1] > rows.clock}
    assert {(look.session_id, look.start) for look in found} == upcoming
    assert {look.reason for look in found} == {Reason.CATCH_UP}


def test_rows_of_other_features_or_of_another_log_are_not_taken() -> None:
    rows = live_rows()
    list(rows.fold([(0, NOON, KEY, an_event(scheduled_start=NOON + DAY))]))
    ((key, value),) = rows.packed()
    assert PredictRows(SPEC, generation=1).load(key, value)
    assert not PredictRows(SPEC, generation=2).load(key, value)
    assert not PredictRows(FeatureSpec(SPEC.label, 0.2), generation=1).load(key, value)
