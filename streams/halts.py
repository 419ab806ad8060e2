"""A poisoned partition stands still until an operator resumes it with `tq resume`.

Its last progress record says that it is stopped and why, so that it stays so over restarts and
rebalances. The operator's word is the next record there with the header RESUMED.
"""

from collections.abc import Callable
from typing import Any, Protocol

from faust.types import TP

from schemas import topics
from schemas.codec import decode
from streams.outlet import Outlet
from streams.score_worker import ScoreWorker

RESUMED = "tq_resumed"
"""Tells an operator's progress record from a late one of a worker that was believed dead."""


class Halt(Protocol):
    """What it takes to stop one partition."""

    def set_aside(self, message: Any) -> None:
        """Fetch no more, and let neither rebalances nor a stop wait for this Faust message."""

    async def begin(self, reason: str) -> None:
        """Say that the partition stands still."""

    async def end(self, reason: str) -> None:
        """Returns when an operator has resumed the partition; it is fetched again then."""


class Reader(Protocol):
    """Of the progress topic."""

    async def wait_for(self, partition: int, position: int, wanted: Callable[[Any], bool]) -> Any:
        """The first record from `position` on that is `wanted`, whenever it comes."""


class ScoreHalt:
    """Of a partition of the score stage."""

    def __init__(
        self, tp: TP, worker: ScoreWorker, outlet: Outlet, consumer: Any, reader: Reader
    ) -> None:
        self._tp = tp
        self._worker = worker
        self._outlet = outlet
        self._consumer = consumer
        self._reader = reader

    def set_aside(self, message: Any) -> None:
        self._consumer.pause_partitions({self._tp})
        self._consumer.forget(message)

    async def begin(self, reason: str) -> None:
        await self._worker.halt(reason)

    async def end(self, reason: str) -> None:
        record = await self._word(reason)
        self._worker.resume(decode("partition_progress", record.value)["drain_until"] or 0)
        self._consumer.resume_partitions({self._tp})

    async def _word(self, reason: str) -> Any:
        """The operator's. Until it comes, the last record must say that the partition stands
        still: `tq resume` would find nothing to resume behind a zombie's late one."""
        position = self._outlet.end_of(topics.PROGRESS.name)
        while True:
            record = await self._reader.wait_for(self._tp.partition, position, lambda _: True)
            position = record.offset + 1
            if RESUMED in dict(record.headers):
                return record
            if decode("partition_progress", record.value)["stopped"] is None:
                await self._worker.halt(reason)
