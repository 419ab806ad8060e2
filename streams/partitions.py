"""One task and one short queue per partition, so that a slow partition holds up no other."""

import asyncio
import contextlib
import logging
from collections import deque
from time import monotonic
from typing import Any, Protocol

from faust.types import TP

from streams.halts import Halt
from streams.liveness import Crash
from streams.protocol import PoisonedPartition
from streams.transport import RecordBatch

log = logging.getLogger(__name__)

QUEUED_BATCHES = 8
INTERVALS_BEHIND = 4
"""While more is waiting, rows are held back for so many flush intervals: written less often, they
leave a shorter changelog to read after a crash."""
HELD_RECORDS = 200_000
"""But not when more records than that would be read again after a crash."""

Assignment = set[tuple[str, int]]
"""(topic, partition) pairs."""


class Stage(Protocol):
    """What a Faust app of ours needs from the stage that it runs."""

    async def restore(self, assigned: Assignment) -> None:
        """Be ready to work on exactly these partitions."""

    async def revoking(self) -> None:
        """Partitions are about to go: make what was taken durable now."""

    async def revoked(self, revoked: Assignment) -> None:
        """They are gone."""

    async def close(self) -> None:
        """End all work."""

    async def put(self, batch: "Delivery") -> None:
        """Take a batch."""


class Delivery:
    """A record batch and the way to acknowledge it."""

    __slots__ = ("_batch", "_event", "tp")

    def __init__(self, event: Any) -> None:
        self._event = event
        self._batch: RecordBatch = event.value
        self.tp = self._batch.tp

    @property
    def records(self) -> Any:
        return self._batch.records

    @property
    def message(self) -> Any:
        return self._event.message

    def acknowledge(self) -> None:
        self._event.ack()

    def release(self) -> None:
        """Its records are not needed any more: rows are held back much longer than these."""
        self._batch.records = ()


class Worker(Protocol):
    """What works on one partition."""

    async def process(self, batch: Delivery) -> None:
        """Take a batch; it may be acknowledged later, in `flush`."""

    async def flush(self) -> None:
        """Acknowledge all that was taken."""

    async def idle(self) -> None:
        """Called between batches, every `idle_seconds` at the latest."""

    @property
    def clean(self) -> bool:
        """Whether everything taken was acknowledged."""


class PartitionTask:
    """Feeds one worker: batches as they come, a flush when one is due or demanded."""

    def __init__(
        self,
        tp: TP,
        worker: Worker,
        *,
        flush_seconds: float,
        idle_seconds: float,
        crash: Crash,
        behind_seconds: float | None = None,
        most_held: int = HELD_RECORDS,
        halt: Halt | None = None,
        stopped: str | None = None,
    ) -> None:
        """`behind_seconds` takes the place of `flush_seconds` while more is waiting, None =
        INTERVALS_BEHIND times as long; `most_held` records are flushed at once, at most. `crash`
        ends the program. `halt` stops a poisoned partition; `stopped` is why it was stopped
        already."""
        self._tp = tp
        self._worker = worker
        self._flush_seconds = flush_seconds
        behind = INTERVALS_BEHIND * flush_seconds if behind_seconds is None else behind_seconds
        self._behind_seconds = behind
        self._most_held = most_held
        self._idle_seconds = idle_seconds
        self._crash = crash
        self._halt = halt
        self._queue: deque[Delivery] = deque()
        self._news = asyncio.Event()
        self._room = asyncio.Event()
        self._kicked = False
        self._held_since: float | None = None
        self._held = 0
        """Records taken since the last flush."""
        self._stopped = stopped
        """Why the partition stands still; None while it goes on."""
        self._task = asyncio.create_task(self._run(), name=f"{tp.topic}-{tp.partition}")
        self._task.add_done_callback(self._ended)

    async def put(self, batch: Delivery) -> None:
        """Returns when there is room for the next one; at once while the partition stands still,
        so that the others go on."""
        self._queue.append(batch)
        self._news.set()
        if self._stopped is not None:
            self._set_aside(batch)
        elif len(self._queue) >= QUEUED_BATCHES:
            self._room.clear()
            await self._room.wait()

    def kick(self) -> None:
        """Flush what there is at once: the partition is about to be revoked."""
        self._kicked = True
        self._news.set()

    async def close(self) -> bool:
        """Stop; returns whether everything taken had been acknowledged."""
        clean = self._worker.clean and not self._queue
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        self._room.set()
        return clean

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crash(error)

    async def _run(self) -> None:
        if self._stopped is not None:
            await self._stand_still(self._stopped)
        while True:
            batch = await self._next()
            if batch is not None:
                await self._process(batch)
                self._held += len(batch.records)
                batch.release()
                if self._held_since is None:
                    self._held_since = monotonic()
                if not self._must_flush():
                    continue
            self._held_since = None
            self._held = 0
            self._kicked = False
            await self._worker.flush()
            if not self._queue:
                await self._worker.idle()

    async def _process(self, batch: Delivery) -> None:
        while True:
            try:
                return await self._worker.process(batch)
            except PoisonedPartition as error:
                if self._halt is None:
                    raise
                await self._stop(self._halt, batch, str(error))

    async def _stop(self, halt: Halt, batch: Delivery, reason: str) -> None:
        """What came before `batch` becomes durable; it and the rest wait for an operator."""
        self._stopped = reason
        self._room.set()
        for waiting in (batch, *self._queue):
            halt.set_aside(waiting.message)
        await self._worker.flush()
        await halt.begin(reason)
        await self._stand_still(reason)

    async def _stand_still(self, reason: str) -> None:
        assert self._halt is not None
        log.error("stopped %s-%d: %s", self._tp.topic, self._tp.partition, reason)
        await self._halt.end(reason)
        self._stopped = None
        log.warning("resumed %s-%d", self._tp.topic, self._tp.partition)

    def _set_aside(self, batch: Delivery) -> None:
        assert self._halt is not None
        self._halt.set_aside(batch.message)

    def _must_flush(self) -> bool:
        if not self._queue:
            return self._kicked or self._left(self._flush_seconds) <= 0
        held = self._held + len(self._queue[0].records)
        return held > self._most_held or self._left(self._behind_seconds) <= 0

    def _left(self, seconds: float) -> float:
        """Of so many seconds since rows are held back."""
        since = monotonic() if self._held_since is None else self._held_since
        return max(0.0, since + seconds - monotonic())

    async def _next(self) -> Delivery | None:
        """The next batch, or None when it is time to flush."""
        if not self._queue and not self._kicked:
            await self._wait_for_news()
        if not self._queue:
            return None
        batch = self._queue.popleft()
        self._room.set()
        return batch

    async def _wait_for_news(self) -> None:
        idle = self._held_since is None
        wait = self._idle_seconds if idle else self._left(self._flush_seconds)
        self._news.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait):
                await self._news.wait()
