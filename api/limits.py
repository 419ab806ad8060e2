"""Rate limits, per caller and in this process; told in RateLimit headers (draft-ietf-httpapi)."""

from fastapi import Request
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import FixedWindowRateLimiter

from api.errors import Problem
from tutor_quality.clock import Clock

LOGINS = parse("20/minute")
"""Of one address: a link's token has 256 bits, this only keeps the log readable."""
FAILURES = parse("600/minute")
"""Requests of one address with unknown credentials."""


class Limits:
    def __init__(self, rate: str, clock: Clock) -> None:
        """`rate` is how many requests one key may send, e.g. "300000/minute"."""
        self._rate = parse(rate)
        self._limiter = FixedWindowRateLimiter(MemoryStorage())
        self._clock = clock
        self.policy = f'"requests";q={self._rate.amount};w={self._rate.get_expiry()}'

    async def spend(self, request: Request, principal: str) -> None:
        """Takes one request of the caller's; the edge puts the headers on the answer."""
        allowed = await self._limiter.hit(self._rate, principal)
        reset, left = await self._left(self._rate, principal)
        request.scope["rate_limit"] = f'"requests";r={left};t={reset}'
        if not allowed:
            raise _too_many(reset)

    async def count_login(self, request: Request) -> None:
        await self._count(LOGINS, "login", request)

    async def count_failure(self, request: Request) -> None:
        await self._count(FAILURES, "failure", request)

    async def _count(self, rate: RateLimitItem, name: str, request: Request) -> None:
        address = request.client.host if request.client else "unknown"
        if not await self._limiter.hit(rate, name, address):
            reset, _ = await self._left(rate, name, address)
            raise _too_many(reset)

    async def _left(self, rate: RateLimitItem, *names: str) -> tuple[int, int]:
        """Seconds until the window ends, requests left in it."""
        stats = await self._limiter.get_window_stats(rate, *names)
        return max(1, round(stats.reset_time - self._clock.now_ms() / 1000)), stats.remaining


def _too_many(reset: int) -> Problem:
    return Problem(
        429,
        f"Too many requests; try again in {reset} seconds.",
        headers={"retry-after": str(reset)},
    )
