"""The proof's own counting, on histories small enough to follow by hand."""

from tests.support.builders import DAY, HOUR, START
from tutor_quality.verify.log import Outcome, Record
from tutor_quality.verify.recount import Change, changes, counts_at, evidence, reasons, winners

BASIS = 1_500
MINUTE = 60_000


def an_outcome(slot: int, at: int, *, by_tutor: bool = False, event_id: str = "a") -> Outcome:
    return Outcome((f"s{slot}", slot), at, event_id, by_tutor)


def records(*outcomes: Outcome | None, at: list[int] | None = None) -> list[Record]:
    times = at or [outcome.occurred_at for outcome in outcomes if outcome]
    return [
        Record(n, time, outcome)
        for n, (time, outcome) in enumerate(zip(times, outcomes, strict=True))
    ]


def test_a_window_is_open_at_its_beginning_and_closed_at_its_end() -> None:
    outcome = [an_outcome(1, START)]
    assert counts_at(outcome, START)[0] == (1, 0)
    assert counts_at(outcome, START - 1)[0] == (0, 0)
    assert counts_at(outcome, START + 7 * DAY - 1)[0] == (1, 0)
    assert counts_at(outcome, START + 7 * DAY) == ((0, 0), (1, 0), (1, 0))


def test_the_greatest_instant_and_then_the_greatest_id_wins_a_slot() -> None:
    early = an_outcome(1, START, by_tutor=True, event_id="z")
    late = an_outcome(1, START + 1, event_id="a")
    twin = an_outcome(1, START + 1, by_tutor=True, event_id="b")
    assert winners(records(late, early, at=[START + 1, START + 2])) == [late]
    assert winners(records(twin, late, at=[START + 1, START + 2])) == [twin]


def test_only_a_rate_strictly_above_the_threshold_is_a_reason() -> None:
    assert reasons(((20, 3), (20, 4), (0, 0)), BASIS) == ["30d"]


def test_evidence_grows_with_the_number_of_slots() -> None:
    def of(total: int, moved: int) -> str | None:
        return evidence(((total, moved), (0, 0), (0, 0)), BASIS)

    assert [of(20, 3), of(4, 1), of(20, 4), of(40, 20)] == [
        None,
        "insufficient",
        "raw",
        "confirmed",
    ]


def test_risk_ends_at_the_exact_instant_at_which_the_slot_expires() -> None:
    moved = an_outcome(1, START, by_tutor=True)
    known = records(moved, None, at=[START + HOUR, START + 100 * DAY])
    assert changes(known, BASIS) == [
        Change(START + HOUR, 0, "insufficient"),
        Change(START + 90 * DAY, 1, None),
    ]


def test_an_outcome_dated_ahead_of_its_record_counts_when_its_time_comes() -> None:
    moved = an_outcome(1, START + MINUTE, by_tutor=True)
    known = records(moved, None, at=[START, START + HOUR])
    assert changes(known, BASIS) == [Change(START + MINUTE, 1, "insufficient")]


def test_a_record_with_an_older_timestamp_does_not_turn_the_clock_back() -> None:
    held = an_outcome(1, START + DAY)
    moved = an_outcome(2, START, by_tutor=True)
    known = records(held, moved, at=[START + DAY, START])
    assert changes(known, BASIS) == [Change(START + DAY, 1, "insufficient")]
