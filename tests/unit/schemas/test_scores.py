"""A score says what was counted, and which of two is the newer."""

from uuid import NAMESPACE_DNS

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.scores import Saying, encode_scores, version_of_score
from tests.property.test_windows import logs
from tests.support import oracles
from tests.support.builders import START, columns_of
from tutor_quality.domain.fold import TutorRows
from tutor_quality.domain.risk import WINDOW_DAYS, RiskRule, rate

RULE = RiskRule()


@given(logs(), st.integers(0, 2**40), st.integers(1, 2**31 - 1))
@settings(max_examples=200, deadline=None)
def test_a_score_shows_what_was_counted(
    records: list[oracles.Record], base: int, generation: int
) -> None:
    told = [(base + offset, at, event) for offset, at, event in records or [(0, START, None)]]
    rows = TutorRows(RULE)
    rows.fold(columns_of(told))
    packed = encode_scores(rows, np.array([0]), Saying(RULE, 0.15, generation, 3, NAMESPACE_DNS))
    ((_, value),) = packed.pairs()
    score = decode("tutor_score", value)
    assert encode("tutor_score", score) == value
    assert version_of_score(value) == (generation, told[-1][0])
    clock = max(at for _, at, _ in told)
    facts = [event for _, _, event in told if event is not None]
    flagged = []
    for days, (total, moved) in zip(WINDOW_DAYS, oracles.counts_at(facts, clock), strict=True):
        assert score[f"total_sessions_{days}d"] == total
        assert score[f"tutor_reschedules_{days}d"] == moved
        assert score[f"reschedule_rate_{days}d"] == rate(moved, total)
        further = oracles.attendance_at(facts, clock, days * 86_400_000)
        del further["tutor_reschedules"]
        assert score[f"attendance_{days}d"] == further
        flagged += [f"{days}d"] if 100 * moved > 15 * total else []
    assert score["reasons"] == flagged
    assert score["is_high_risk"] == bool(flagged)
    assert score["open_slots"] == len(oracles.open_slots_at(facts, clock))
    assert score["as_of"] == clock
