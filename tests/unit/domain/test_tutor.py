"""Windows drawn as time-lines: `C` a completed slot, `R` one moved by the tutor."""

import pytest

from tests.support.builders import DAY, START, TUTOR, an_event, columns_of
from tutor_quality.domain.fold import Folded, TutorRows
from tutor_quality.domain.risk import WINDOW_MS, RiskRule, Verdict, rate
from tutor_quality.domain.sessions import EventType, SessionEvent
from tutor_quality.domain.tutor import Cause, Fate

KEY = TUTOR.encode()
SEVEN, THIRTY, NINETY = 0, 1, 2


def told(*events: SessionEvent | tuple[int, None]) -> tuple[TutorRows, Folded]:
    """Each event told as it happened; (instant, None) is a tick."""
    rows = TutorRows(RiskRule())
    records = [
        (offset, *((e.occurred_at, e) if isinstance(e, SessionEvent) else e))
        for offset, e in enumerate(events)
    ]
    return rows, rows.fold(columns_of(records))


def moved(number: int, **changes: object) -> SessionEvent:
    return an_event(number, event_type=EventType.RESCHEDULED, **changes)


@pytest.mark.parametrize(("window", "length"), list(enumerate(WINDOW_MS)))
def test_an_outcome_leaves_a_window_at_the_exact_millisecond(window: int, length: int) -> None:
    """The window (T - d, T]:   C----------)   C is in at T = C + d - 1 ms and out at C + d."""
    event = an_event(occurred_at=START, scheduled_start=START)
    last_inside, _ = told(event, (START + length - 1, None))
    first_outside, _ = told(event, (START + length, None))
    assert last_inside.row(KEY).total(window) == 1
    assert first_outside.row(KEY).total(window) == 0


def test_an_outcome_dated_ahead_of_its_record_counts_only_when_its_time_comes() -> None:
    event = an_event(occurred_at=START + 60_000, scheduled_start=START)
    rows = TutorRows(RiskRule())
    rows.fold(columns_of([(0, START, event)]))
    assert rows.row(KEY).total(SEVEN) == 0
    rows.fold(columns_of([(1, START + 60_000, None)]))
    assert rows.row(KEY).total(SEVEN) == 1


def test_a_correction_replaces_the_outcome_and_its_instant() -> None:
    first = an_event(1, occurred_at=START)
    correction = moved(2, session_id=first.session_id, occurred_at=START + DAY)
    rows, _ = told(first, correction)
    row = rows.row(KEY)
    assert (row.total(SEVEN), row.reschedules(SEVEN)) == (1, 1)


def test_of_two_facts_of_one_instant_the_greater_event_id_wins() -> None:
    smaller, greater = an_event(1, occurred_at=START), moved(2, occurred_at=START)
    same_slot = {"session_id": smaller.session_id, "occurred_at": START}
    for pair in ((smaller, moved(2, **same_slot)), (moved(2, **same_slot), smaller)):
        rows, _ = told(*pair)
        assert rows.row(KEY).reschedules(SEVEN) == 1
    assert greater.event_id > smaller.event_id


def test_a_tutor_without_sessions_has_no_rate_but_one_with_none_moved_has_zero() -> None:
    assert rate(0, 0) is None
    assert rate(0, 3) == 0.0


def test_risk_that_ends_by_expiry_ends_at_the_instant_of_the_expiry() -> None:
    """C C C C R: high while R is in the 7-day window and while it is above 15 % of 30 days.

    R alone is 1 of 5 = 20 %. When R leaves the last window, nothing is left to flag."""
    kept = [an_event(n, occurred_at=START + n, scheduled_start=START) for n in range(1, 5)]
    rows, folded = told(*kept, moved(9, occurred_at=START + 10), (START + 91 * DAY, None))
    changes = [change for _, change in rows.transitions(folded.changes)]
    assert changes[-1].instant == START + 10 + 90 * DAY
    assert changes[-1].verdict is Verdict.LOW
    assert changes[-1].cause is Cause.EXPIRY
    assert changes[-1].slot_at == START + 10
    assert rows.row(KEY).verdict is Verdict.LOW


def test_every_record_has_one_fate() -> None:
    event = an_event(1, occurred_at=START)
    old = an_event(2, scheduled_start=START - 100 * DAY, occurred_at=START - 100 * DAY)
    rows = TutorRows(RiskRule())
    records = [(0, START, event), (1, START, event), (2, START, old), (3, START, None)]
    folded = rows.fold(columns_of(records))
    assert list(folded.fates) == [Fate.APPLIED, Fate.DUPLICATE, Fate.LATE, Fate.APPLIED]
    again = rows.fold(columns_of(records))
    assert set(again.fates) == {Fate.SKIPPED}
    assert not len(again.touched)


def test_of_two_rows_in_the_changelog_the_one_that_applied_more_is_kept() -> None:
    older, _ = told(an_event(1))
    newer, _ = told(an_event(1), an_event(2))
    old, new = older.row(KEY).encode(), newer.row(KEY).encode()
    for order in ((old, new), (new, old)):
        rows = TutorRows(RiskRule())
        for value in order:
            rows.load([KEY], [value])
        assert rows.row(KEY).encode() == new


def test_rows_name_the_tutors_whose_counts_are_about_to_change() -> None:
    rows, _ = told(an_event(occurred_at=START, scheduled_start=START))
    expiry = START + 7 * DAY
    assert rows.next_due() == expiry
    assert not len(rows.due(expiry - 1))
    assert rows.keys(rows.due(expiry)) == [KEY]


def test_forgotten_slots_leave_no_trace_in_the_bytes() -> None:
    event = an_event(occurred_at=START, scheduled_start=START)
    rows, _ = told(event, (START + 90 * DAY, None))
    fresh = TutorRows(RiskRule())
    fresh.fold(columns_of([(1, START + 90 * DAY, None)]))
    assert rows.row(KEY).encode() == fresh.row(KEY).encode()
