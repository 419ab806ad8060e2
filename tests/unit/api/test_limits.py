"""Counting requests in windows of time that is an argument."""

from types import SimpleNamespace
from typing import Any

import pytest

from api import limits
from api.errors import Problem
from api.limits import Limits, Rate
from tutor_quality.clock import ManualClock
from tutor_quality.errors import ConfigurationError


def a_request() -> Any:
    return SimpleNamespace(scope={}, client=SimpleNamespace(host="192.0.2.1"))


def test_a_window_begins_with_the_first_request_and_ends_in_time() -> None:
    clock = ManualClock(1_000_500)
    counted = Limits("2/minute", clock)
    for left in (1, 0):
        request = a_request()
        counted.spend(request, "key:a")
        assert request.scope["rate_limit"] == f'"requests";r={left};t=60'
    clock.advance(59_400)
    request = a_request()
    with pytest.raises(Problem) as refused:
        counted.spend(request, "key:a")
    assert refused.value.status == 429
    assert refused.value.headers == {"retry-after": "1"}
    assert request.scope["rate_limit"] == '"requests";r=0;t=1'
    counted.spend(a_request(), "key:b")
    clock.advance(600)
    counted.spend(a_request(), "key:a")


def test_callers_of_long_ago_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "REMEMBERED", 3)
    clock = ManualClock(0)
    counted = Limits("2/second", clock)
    for number in range(20):
        counted.spend(a_request(), f"key:{number}")
        clock.advance(400)
    assert len(counted._windows) <= 4


@pytest.mark.parametrize(
    ("text", "rate"),
    [("300000/minute", Rate(300_000, 60)), (" 5/second ", Rate(5, 1)), ("1/day", Rate(1, 86_400))],
)
def test_a_rate_is_a_number_and_a_unit(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate


@pytest.mark.parametrize("text", ["", "0/minute", "many", "5/fortnight", "-1/second"])
def test_another_rate_is_refused_with_its_setting(text: str) -> None:
    with pytest.raises(ConfigurationError, match="TQ_API_RATE_LIMIT"):
        Rate.parse(text)
