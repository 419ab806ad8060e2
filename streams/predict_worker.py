"""Drives the predict protocol of one partition: when to be silent, when to look, what time it is.

While it is far behind, facts are only folded: nobody waits for what would have been said of slots
that are over. Once it has caught up, every upcoming slot is looked at, and from then on all that
falls due.
"""

from typing import Any

from schemas import topics
from schemas.lifecycle import encode_tick
from streams.partitions import Delivery
from streams.predict_protocol import PredictPartition
from streams.predictor import Predictor
from streams.score_worker import LIVE_MS
from tutor_quality.clock import Clock

BEHIND = 20_000
"""Records behind the end of the log from which on it is silent: many seconds' work if every one
of them made predictions."""
NEAR = 1_000
QUIET_MS = 500
"""Nothing for this long at the end of the log: caught up."""
BUSY_MS = 10_000
"""Near the end for this long: caught up, though it is never quiet."""
PROMPT_MS = 100
"""Nothing for this long: what is due is not going to be woken by a record."""
AGAIN_MS = 1_000
"""The broker's clock, which may stamp a tick, may be behind ours: then the tick is repeated."""
HOLD_MS = 15_000
"""While silent, rows are held back for so long: most of them change again."""


class PredictWorker:
    """One partition at work."""

    def __init__(
        self, tp: Any, core: PredictPartition, consumer: Any, clock: Clock, time: str
    ) -> None:
        """`time`: wall, log or auto: what makes looks due, see settings."""
        self._tp = tp
        self._core = core
        self._consumer = consumer
        self._clock = clock
        self._time = time
        self._arrived = self._flushed = clock.now_ms()
        self._near_since: int | None = None
        self._leaving = False
        self._ticked = (-1, 0)
        """The instant due when it ticked last, and when that was."""
        self._predictor: Predictor | None = None
        """Waits to be used."""

    @property
    def clean(self) -> bool:
        return self._core.clean

    def use(self, predictor: Predictor) -> None:
        """Takes effect between two batches."""
        self._predictor = predictor

    def leave(self) -> None:
        """The partition is about to go: the next flush holds nothing back."""
        self._leaving = True

    async def process(self, batch: Delivery) -> None:
        await self._take_over()
        if batch.tp.topic == topics.COMMANDS.name:
            await self._core.obey(batch, wall=self._wall())
            return
        self._arrived = now = self._clock.now_ms()
        behind = self._behind(batch.records[-1].offset)
        if self._core.rows.live and behind > BEHIND:
            self._core.rows.fall_silent()
        await self._core.process(batch)
        self._near_since = None if behind > NEAR else self._near_since or now
        if self._near_since is not None and now - self._near_since >= BUSY_MS:
            await self._go_live()

    async def flush(self) -> None:
        now = self._clock.now_ms()
        hold = not self._core.rows.live and not self._leaving
        if hold and abs(now - self._flushed) < HOLD_MS:
            return
        self._flushed = now
        await self._core.flush(hold_last=hold)

    async def idle(self) -> None:
        """Go live when all is folded; let time pass when looks are due."""
        await self._take_over()
        quiet = self._clock.now_ms() - self._arrived
        if quiet >= PROMPT_MS and self._is_waiting(quiet) and await self._is_at_the_end():
            await self._go_live()
            await self._wake()

    def _is_waiting(self, quiet: int) -> bool:
        """Whether there is anything to do at the end of the log."""
        rows = self._core.rows
        if rows.live:
            return rows.next_due() < self._clock.now_ms()
        return rows.clock >= 0 and quiet >= QUIET_MS

    async def _is_at_the_end(self) -> bool:
        """A position of the consumer, not ours: control records of transactions are not seen."""
        position = await self._consumer.position(self._tp)
        end = self._consumer.highwater(self._tp)
        return position is not None and end is not None and position >= end

    async def _go_live(self) -> None:
        if not self._core.rows.live:
            await self._core.go_live()
            await self._core.flush()

    async def _take_over(self) -> None:
        if self._predictor is not None:
            predictor, self._predictor = self._predictor, None
            await self._core.use(predictor)
            await self._core.say_model(self._clock.now_ms())

    async def _wake(self) -> None:
        due, now = self._core.rows.next_due(), self._clock.now_ms()
        told, when = self._ticked
        if due < now and self._wall() and (due != told or now - when >= AGAIN_MS):
            self._ticked = due, now
            await self._core.tick(encode_tick(None, due), now)

    def _wall(self) -> bool:
        """Whether the wall clock may speak for the partition, as for the score stage's ticks."""
        if self._time == "auto":
            return self._clock.now_ms() - self._core.rows.clock <= LIVE_MS
        return self._time == "wall"

    def _behind(self, offset: int) -> int:
        """Records of the log after this one, as far as is known."""
        end = self._consumer.highwater(self._tp)
        return 0 if end is None else int(end) - 1 - offset
