"""The compiled fold equals the plain one in every byte, the naive computation at every instant,
and facts have no order."""

from random import Random
from uuid import NAMESPACE_DNS

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.scores import Saying, encode_alerts, encode_risk_changes, encode_scores
from tests.support import oracles
from tests.support.builders import DAY, HOUR, MINUTE, START, TUTOR, an_event, an_id, columns_of
from tutor_quality.campaign import reference
from tutor_quality.campaign.reference import ReferenceRows
from tutor_quality.domain.columns import LifecycleColumns
from tutor_quality.domain.counts import unpack
from tutor_quality.domain.fold import Change, TutorRows
from tutor_quality.domain.risk import RiskRule
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.domain.slots import slot_key
from tutor_quality.domain.tutor import TutorRow

KEY = TUTOR.encode()
RULE = RiskRule()
SAYING = Saying(RULE, 0.15, 2, 3, NAMESPACE_DNS)
# Few sessions, slots and instants, so that corrections, ties and exact expiries are common.
INSTANTS = st.one_of(
    st.sampled_from([START + days * DAY for days in (0, 1, 7, 8, 30, 37, 90, 97)]),
    st.integers(START, START + 100 * DAY),
)


@st.composite
def events(draw: st.DrawFn) -> SessionEvent:
    kind = draw(st.sampled_from(list(EventType)))
    start = draw(INSTANTS)
    changes: dict[str, object] = {
        "event_type": kind,
        "session_id": an_id(draw(st.integers(0, 6)), "5"),
        "scheduled_start": start,
        "occurred_at": draw(INSTANTS),
        "is_first_session": draw(st.sampled_from([None, False, True])),
    }
    if kind in (EventType.RESCHEDULED, EventType.CANCELLED):
        changes["initiator"] = draw(st.sampled_from(list(InitiatorName)))
    if kind is EventType.RESCHEDULED:
        changes["new_start"] = draw(st.one_of(st.none(), INSTANTS))
    if kind is EventType.COMPLETED:
        changes["started_at"] = draw(st.sampled_from([None, start, start + 6 * MINUTE]))
        changes["ended_at"] = draw(st.sampled_from([None, start + 40 * MINUTE, start + HOUR]))
        changes["rating"] = draw(st.sampled_from([None, 1, 5]))
    return an_event(draw(st.integers(0, 10_000)), **changes)


@st.composite
def logs(draw: st.DrawFn) -> list[oracles.Record]:
    """Records as Kafka holds them: mostly told when they happened, some late, with ticks."""
    records: list[oracles.Record] = []
    for event in draw(st.lists(st.one_of(events(), st.none()), max_size=25)):
        at = draw(INSTANTS) if event is None else event.occurred_at
        delay = draw(st.sampled_from([-5 * MINUTE, 0, 0, 0, 3 * DAY, 20 * DAY]))
        records.append((0, at + delay, event))
    if draw(st.booleans()):
        records.sort(key=lambda record: record[1])
    return [(offset, at, event) for offset, (_, at, event) in enumerate(records)]


def fold(records: list[oracles.Record], batches: int = 1) -> tuple[TutorRow, list[object]]:
    rows = TutorRows(RiskRule())
    transitions: list[object] = []
    size = max(1, len(records) // batches)
    for place in range(0, len(records), size):
        folded = rows.fold(columns_of(records[place : place + size]))
        transitions += [
            (change.number, change.instant, change.verdict)
            for _, change in rows.transitions(folded.changes)
        ]
    return rows.row(KEY), transitions


def snapshot(rows: TutorRows) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    """Bytes of the rows and of the scores, by tutor."""
    numbers = np.arange(len(rows))
    scores = encode_scores(rows, numbers, SAYING)
    return sorted(rows.encode(numbers).pairs()), sorted(scores.pairs())


def plain_snapshot(
    rows: dict[bytes, TutorRow],
) -> tuple[list[tuple[bytes, bytes]], list[tuple[bytes, bytes]]]:
    scores = {key: reference.score(key, row, SAYING) for key, row in rows.items()}
    return sorted((key, row.encode()) for key, row in rows.items()), sorted(scores.items())


@given(tutors=st.lists(logs(), min_size=1, max_size=3), data=st.data())
@settings(max_examples=400, deadline=None)
def test_the_compiled_fold_gives_the_bytes_of_the_plain_one(
    tutors: list[list[oracles.Record]], data: st.DataObject
) -> None:
    """Whatever the batches, whichever records come again, and wherever rows go through bytes."""
    merged = columns_of_tutors(tutors)
    size = len(merged.offset)
    plain, rows = ReferenceRows(RULE), TutorRows(RULE)
    plain.fold(merged)
    transitions: list[Change] = []
    fates: dict[int, int] = {}
    position = 0
    while position < size:
        begin = max(0, position - data.draw(st.sampled_from([0, 0, 1, 5])))
        position = min(size, position + data.draw(st.integers(1, 12)))
        folded = rows.fold(merged.take(slice(begin, position)))
        changes = rows.transitions(folded.changes)
        transitions += changes
        assert [*encode_risk_changes(rows, folded.changes, SAYING).pairs()] == [
            (key, reference.risk_changed(key, change, SAYING)) for key, change in changes
        ]
        assert [*encode_alerts(rows, folded.changes, SAYING).pairs()] == [
            (key, reference.alert(key, change, SAYING)) for key, change in changes
        ]
        for offset, fate in enumerate(folded.fates.tolist(), begin):
            fates.setdefault(offset, fate)
        if data.draw(st.integers(0, 3)) == 0:
            rows = through_bytes(rows)
    assert snapshot(rows) == plain_snapshot(plain.rows)
    assert [fates[offset] for offset in range(size)] == plain.fates
    assert transitions == plain.transitions


def through_bytes(rows: TutorRows) -> TutorRows:
    pairs = [*rows.encode(np.arange(len(rows))).pairs()]
    again = TutorRows(RULE)
    again.load([key for key, _ in pairs], [value for _, value in pairs])
    return again


def columns_of_tutors(tutors: list[list[oracles.Record]]) -> LifecycleColumns:
    """The tutors' records in one partition, taken in turn, at offsets 0, 1, 2, …"""
    parts = [
        columns_of(records, key=an_id(number, "7"))
        for number, records in enumerate(tutors)
        if records
    ]
    if not parts:
        return columns_of([])
    turn = np.argsort(
        np.concatenate([np.arange(len(part.offset)) for part in parts]), kind="stable"
    )
    merged = LifecycleColumns._make(map(np.concatenate, zip(*parts, strict=True))).take(turn)
    return merged._replace(offset=np.arange(len(turn)))


@given(logs(), st.integers(1, 8))
@settings(max_examples=400, deadline=None)
def test_the_fold_equals_the_naive_tutor(records: list[oracles.Record], batches: int) -> None:
    row, transitions = fold(records, batches)
    naive = oracles.naive_tutor(records)
    assert [(row.total(w), row.reschedules(w)) for w in range(3)] == naive.counts
    assert row.clock == naive.clock
    assert row.verdict == naive.verdict
    assert transitions == naive.transitions


@given(logs())
@settings(max_examples=200, deadline=None)
def test_all_further_counts_equal_the_naive_ones(records: list[oracles.Record]) -> None:
    row, _ = fold(records)
    facts = [event for _, _, event in records if event is not None]
    for window, length in enumerate(oracles.WINDOWS):
        assert unpack(row.counts[window])._asdict() == oracles.attendance_at(
            facts, row.clock, length
        )
    row.forget_open()
    expected = oracles.open_slots_at(facts, row.clock)
    assert set(row.open_slots) == {
        slot_key(bytes.fromhex(session.replace("-", "")), start) for session, start in expected
    }


@given(logs(), st.randoms(use_true_random=False))
@settings(max_examples=200, deadline=None)
def test_order_and_repetition_of_facts_change_nothing(
    records: list[oracles.Record], random: Random
) -> None:
    """At one clock: every fact is told at the end of time, in any order, any number of times."""
    end = max((at for _, at, _ in records), default=START) + DAY
    # An id names one fact.
    facts = [*{event.event_id: event for _, _, event in records if event is not None}.values()]
    shuffled = facts + random.choices(facts, k=len(facts)) if facts else []
    random.shuffle(shuffled)

    def state(told: list[SessionEvent]) -> bytes:
        row, _ = fold([(offset, end, event) for offset, event in enumerate(told)])
        row.applied, row.transitions = 0, 0
        return row.encode()

    assert state(facts) == state(shuffled)


@given(logs())
@settings(max_examples=200, deadline=None)
def test_a_row_survives_its_bytes_at_any_point(records: list[oracles.Record]) -> None:
    """A worker that stopped after any record goes on as if it had not."""
    whole, _ = fold(records)
    middle = len(records) // 2
    before, _ = fold(records[:middle])
    rows = TutorRows(RiskRule())
    if middle:
        rows.load([KEY], [before.encode()])
    rows.fold(columns_of(records[max(0, middle - 3) :]))
    assert rows.row(KEY).encode() == whole.encode()


@given(logs())
@settings(max_examples=200, deadline=None)
def test_no_count_changes_before_the_row_says_so(records: list[oracles.Record]) -> None:
    row, _ = fold(records)
    facts = [event for _, _, event in records if event is not None]
    now = oracles.counts_at(facts, row.clock)
    latest = min(row.due - 1, row.clock + 200 * DAY)
    assert oracles.counts_at(facts, latest) == now
