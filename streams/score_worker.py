"""Drives the protocol of one partition, and time in it. No Faust and no Kafka in here, so that the
simulation drives the same code."""

from typing import Any

from streams.protocol import Batch, ScorePartition, partition_time
from tutor_quality.clock import Clock

QUIET_MS = 500
"""Nothing for this long: the wall clock may speak for a live partition."""
LIVE_MS = 86_400_000
"""A partition whose newest record is not older than this is live."""
REPORT_MS = 1_000
WATCH_MS = 5 * 60_000
"""A zombie's late write is noticed within this time; compaction waits for an hour."""


class ScoreWorker:
    """One partition at work."""

    def __init__(
        self, tp: Any, core: ScorePartition, consumer: Any, clock: Clock, time: str
    ) -> None:
        """`time`: wall, log or auto: what makes expiries due, see settings."""
        self._tp = tp
        self._core = core
        self._consumer = consumer
        self._clock = clock
        self._live = time == "wall"
        self._may_turn_live = time == "auto"
        self._arrived = clock.now_ms()
        self._reported = self._watched = 0
        self._position: int | None = None

    @property
    def clean(self) -> bool:
        return self._core.clean

    async def process(self, batch: Batch) -> None:
        self._arrived = self._clock.now_ms()
        self._position = None
        await self._core.process(batch)

    async def flush(self) -> None:
        await self._core.flush()
        now = self._clock.now_ms()
        if abs(now - self._watched) >= WATCH_MS:
            self._watched = now
            await self._core.watch()
        if self._core.newest >= 0 and abs(now - self._reported) >= REPORT_MS:
            self._reported = now
            await self._core.report(self._core.newest, live=self._live)

    async def halt(self, reason: str) -> None:
        """To be called after a flush."""
        await self._core.halt(reason, live=self._live)

    def resume(self, drain_until: int) -> None:
        self._core.resume(drain_until)

    async def idle(self) -> None:
        """Let time pass, when all that was recorded has been folded."""
        position = await self._end()
        if position is None:
            return
        self._core.catch_up(position)
        if self._core.newest < 0:
            return
        wall = self._clock.now_ms()
        if self._may_turn_live and wall - self._core.newest <= LIVE_MS:
            self._live = True
        quiet = wall - self._arrived >= QUIET_MS
        now = partition_time(self._core.newest, wall, live=self._live, idle=quiet)
        await self._core.tick(now)
        if self._core.clean:
            await self._core.report(now, live=self._live)

    async def _end(self) -> int | None:
        """The end of the log, if all before it has been folded."""
        highwater = self._consumer.highwater(self._tp)
        if highwater is None:
            return None
        if self._core.position >= highwater:
            return self._core.position  # The consumer is in another thread: asking it takes time.
        position: int | None = await self._consumer.position(self._tp)
        if position is None or position < highwater or self._may_be_on_its_way(position):
            return None
        return position

    def _may_be_on_its_way(self, position: int) -> bool:
        """Whether records before `position` may have been fetched but not yet handed to us.

        Nobody tells; but they would have come until the next call. A position ahead of ours that
        stays is what control records of a producer's transactions make.
        """
        seen, self._position = self._position, position
        return position not in (seen, self._core.position)
