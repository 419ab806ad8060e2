"""Rate limits, per caller and in this process; told in RateLimit headers (draft-ietf-httpapi)."""

import re
from dataclasses import dataclass

from fastapi import Request

from api.errors import Problem
from tutor_quality.clock import Clock
from tutor_quality.errors import ConfigurationError

SECONDS = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
REMEMBERED = 50_000
"""Callers and addresses; when there are more, those whose window is over are forgotten."""


@dataclass(frozen=True, slots=True)
class Rate:
    amount: int
    seconds: int

    @staticmethod
    def parse(text: str) -> "Rate":
        """E.g. 100/second; raises ConfigurationError."""
        found = re.fullmatch(rf"([1-9]\d*)/({'|'.join(SECONDS)})", text.strip())
        if found is None:
            raise ConfigurationError(
                f"TQ_API_RATE_LIMIT={text}: expected a number and a unit, e.g. 100/second; the"
                f" units are {', '.join(SECONDS)}"
            )
        return Rate(int(found[1]), SECONDS[found[2]])


LOGINS = Rate(20, 60)
"""Of one address: a link's token has 256 bits, this only keeps the log readable."""
FAILURES = Rate(600, 60)
"""Requests of one address with unknown credentials."""


class Limits:
    def __init__(self, rate: str, clock: Clock) -> None:
        """`rate` is how many requests one key may send, e.g. "300000/minute"."""
        self._rate = Rate.parse(rate)
        self._clock = clock
        self._windows: dict[str, tuple[int, int]] = {}
        self.policy = f'"requests";q={self._rate.amount};w={self._rate.seconds}'

    def spend(self, request: Request, principal: str) -> None:
        """Takes one request of the caller's; the edge puts the headers on the answer."""
        left, reset = self._take(self._rate, principal)
        request.scope["rate_limit"] = f'"requests";r={max(0, left)};t={reset}'
        if left < 0:
            raise _too_many(reset)

    def count_login(self, request: Request) -> None:
        self._count(LOGINS, "login", request)

    def count_failure(self, request: Request) -> None:
        self._count(FAILURES, "failure", request)

    def _count(self, rate: Rate, name: str, request: Request) -> None:
        address = request.client.host if request.client else "unknown"
        left, reset = self._take(rate, f"{name} {address}")
        if left < 0:
            raise _too_many(reset)

    def _take(self, rate: Rate, name: str) -> tuple[int, int]:
        """What is left in the window that began with the first request, below 0 = too many; and
        seconds until it ends."""
        now_ms = self._clock.now_ms()
        ends_ms, taken = self._windows.get(name, (0, 0))
        if now_ms >= ends_ms:
            ends_ms, taken = now_ms + rate.seconds * 1000, 0
            self._forget_windows_that_ended(now_ms)
        self._windows[name] = (ends_ms, taken + 1)
        return rate.amount - taken - 1, -((now_ms - ends_ms) // 1000)

    def _forget_windows_that_ended(self, now_ms: int) -> None:
        if len(self._windows) >= REMEMBERED:
            self._windows = {n: kept for n, kept in self._windows.items() if kept[0] > now_ms}


def _too_many(reset: int) -> Problem:
    return Problem(
        429,
        f"Too many requests; try again in {reset} seconds.",
        headers={"retry-after": str(reset)},
    )
