"""One task and one short queue per partition, so that a slow partition holds up no other."""

import asyncio
import logging
from collections.abc import Callable
from time import monotonic
from typing import Any, Protocol

from faust.types import TP

from streams.protocol import PoisonedPartition
from streams.transport import RecordBatch

log = logging.getLogger(__name__)

QUEUED_BATCHES = 8

Assignment = set[tuple[str, int]]
"""(topic, partition) pairs."""


Crash = Callable[[BaseException], None]
"""Ends the process."""


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

    __slots__ = ("_event", "records", "tp")

    def __init__(self, event: Any) -> None:
        batch: RecordBatch = event.value
        self._event = event
        self.tp = batch.tp
        self.records: Any = batch.records

    @property
    def message(self) -> Any:
        return self._event.message

    def acknowledge(self) -> None:
        self._event.ack()


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
        stopped: Callable[[TP], None],
        forget: Callable[[Any], None],
    ) -> None:
        """`crash` ends the program; `stopped` pauses a poisoned partition; `forget` gives up the
        wait for a message of a stopped partition."""
        self._tp = tp
        self._worker = worker
        self._flush_seconds = flush_seconds
        self._idle_seconds = idle_seconds
        self._crash = crash
        self._stopped = stopped
        self._forget = forget
        self._queue: asyncio.Queue[Delivery | None] = asyncio.Queue(QUEUED_BATCHES)
        self._flush_at: float | None = None
        self.poisoned = False
        self._task = asyncio.create_task(self._run(), name=f"{tp.topic}-{tp.partition}")
        self._task.add_done_callback(self._ended)

    async def put(self, batch: Delivery) -> None:
        if self.poisoned:
            self._forget(batch.message)
        else:
            await self._queue.put(batch)

    def kick(self) -> None:
        """Flush at once: the partition is about to be revoked."""
        if not self._queue.full():
            self._queue.put_nowait(None)

    async def close(self) -> bool:
        """Stop; returns whether everything taken had been acknowledged."""
        clean = self._worker.clean and self._queue.empty()
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)
        return clean

    def _ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if isinstance(error, PoisonedPartition):
            log.error("stopped %s-%d: %s", self._tp.topic, self._tp.partition, error)
            self._stop()
        elif error is not None:
            self._crash(error)

    def _stop(self) -> None:
        self.poisoned = True
        self._stopped(self._tp)
        while not self._queue.empty():
            batch = self._queue.get_nowait()
            if batch is not None:
                self._forget(batch.message)

    async def _run(self) -> None:
        while True:
            batch = await self._next()
            if batch is not None:
                await self._worker.process(batch)
                if self._flush_at is None:
                    self._flush_at = monotonic() + self._flush_seconds
                if monotonic() < self._flush_at:
                    continue
            self._flush_at = None
            await self._worker.flush()
            if self._queue.empty():
                await self._worker.idle()

    async def _next(self) -> Delivery | None:
        """The next batch, or None when it is time to flush."""
        if not self._queue.empty():
            return self._queue.get_nowait()
        until = self._flush_at
        wait = self._idle_seconds if until is None else max(0.0, until - monotonic())
        try:
            async with asyncio.timeout(wait):
                return await self._queue.get()
        except TimeoutError:
            return None
