"""The integer rule says what the textbook formulas say."""

from itertools import product

from tests.support import oracles
from tutor_quality.domain.risk import RiskRule, Verdict


def test_the_integer_verdict_equals_the_wilson_bound_for_all_small_counts() -> None:
    rule = RiskRule()
    for total, moved in product(range(400), range(120)):
        if moved <= total:
            assert rule.verdict_of_window(moved, total) == oracles.verdict([(total, moved)])


def test_a_rate_of_exactly_the_threshold_is_not_high() -> None:
    rule = RiskRule()
    assert rule.verdict_of_window(15, 100) is Verdict.LOW
    assert rule.verdict_of_window(3, 20) is Verdict.LOW
    assert rule.verdict_of_window(4, 20) is Verdict.RAW


def test_few_slots_are_insufficient_evidence_however_bad() -> None:
    assert RiskRule().verdict_of_window(4, 4) is Verdict.INSUFFICIENT
    assert RiskRule().verdict_of_window(5, 5) is Verdict.CONFIRMED
