"""The hand-written encoder of scores equals the general one."""

from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.scores import encode_score
from tests.property.test_windows import logs
from tests.support import oracles
from tests.support.builders import START, TUTOR, columns_of
from tutor_quality.domain.counts import unpack
from tutor_quality.domain.fold import TutorRows
from tutor_quality.domain.risk import WINDOW_DAYS, RiskRule, rate
from tutor_quality.domain.tutor import NEVER

KEY = TUTOR.encode()
RULE = RiskRule()


@given(logs(), st.integers(0, 2**40), st.integers(0, 5_000))
@settings(max_examples=200, deadline=None)
def test_a_score_by_hand_equals_the_general_encoder(
    records: list[oracles.Record], offset: int, transitions: int
) -> None:
    rows = TutorRows(RULE)
    rows.fold(columns_of(records or [(0, START, None)]))
    row = rows.row(KEY)
    row.applied, row.transitions = offset, transitions
    value = encode_score(KEY, row, RULE, 0.15, 1, 3)
    score = decode("tutor_score", value)
    assert encode("tutor_score", score) == value
    for window, days in enumerate(WINDOW_DAYS):
        total, moved = row.total(window), row.reschedules(window)
        assert score[f"total_sessions_{days}d"] == total
        assert score[f"tutor_reschedules_{days}d"] == moved
        assert score[f"reschedule_rate_{days}d"] == rate(moved, total)
        further = unpack(row.counts[window])._asdict()
        del further["tutor_reschedules"]
        assert score[f"attendance_{days}d"] == further
    flagged = [
        f"{days}d"
        for window, days in enumerate(WINDOW_DAYS)
        if 100 * row.reschedules(window) > 15 * row.total(window)
    ]
    assert score["reasons"] == flagged
    assert score["is_high_risk"] == bool(flagged)
    assert score["version"] == offset
    assert score["next_change_at"] == (None if row.due == NEVER else row.due)
