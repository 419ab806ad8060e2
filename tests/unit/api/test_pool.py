"""Loans of connections, with connections that do nothing."""

import asyncio

import pytest

from api.database import Loan, Pool
from tutor_quality.errors import TransientFailure


class Line:
    """What the pool needs of a connection."""

    def __init__(self) -> None:
        self.ended = False

    def is_closed(self) -> bool:
        return self.ended

    def terminate(self) -> None:
        self.ended = True

    async def close(self, timeout: float) -> None:
        self.ended = True


async def _line() -> Line:
    return Line()


async def test_a_connection_is_lent_again_and_a_broken_one_never() -> None:
    pool = Pool(2, _line)
    async with Loan(pool) as first:
        pass
    async with Loan(pool) as again:
        assert again is first
        first.terminate()
    async with Loan(pool) as other:
        assert other is not first


async def test_a_connection_whose_statement_may_still_run_is_never_lent_again() -> None:
    pool = Pool(1, _line)
    with pytest.raises(TransientFailure):
        async with Loan(pool) as slow:
            raise TimeoutError
    async with Loan(pool) as next_one:
        assert slow.ended
        assert next_one is not slow


async def test_no_more_are_opened_than_allowed_and_who_waits_is_served() -> None:
    pool = Pool(2, _line)
    lent: set[Line] = set()

    async def borrow() -> None:
        async with Loan(pool) as line:
            lent.add(line)
            await asyncio.sleep(0)

    await asyncio.gather(*(borrow() for _ in range(20)))
    assert len(lent) == 2


async def test_a_place_is_free_again_after_connecting_failed() -> None:
    async def refused() -> Line:
        raise ConnectionRefusedError

    pool = Pool(1, refused)
    for _ in range(3):
        with pytest.raises(TransientFailure):
            async with Loan(pool):
                pass


async def test_a_closed_pool_waits_for_what_is_lent_and_lends_no_more() -> None:
    pool = Pool(1, _line)
    async with Loan(pool) as line:
        closing = asyncio.create_task(pool.close())
        await asyncio.sleep(0)
        assert not line.ended
    await closing
    assert line.ended
