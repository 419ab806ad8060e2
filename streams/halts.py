"""A poisoned partition stands still until an operator resumes it with `tq resume`.

Its last progress record says that it is stopped and why, so that it stays so over restarts and
rebalances. The operator's word is the next record there with the header RESUMED.
"""

from typing import Any, Protocol

from faust.types import TP

from schemas import topics
from schemas.codec import decode
from streams.outlet import Outlet
from streams.recovery import LogReader
from streams.score_worker import ScoreWorker

RESUMED = "tq_resumed"
"""Tells an operator's progress record from a late one of a worker that was believed dead."""


class Halt(Protocol):
    """What it takes to stop one partition."""

    def set_aside(self, message: Any) -> None:
        """Fetch no more, and let neither rebalances nor a stop wait for this Faust message."""

    async def begin(self, reason: str) -> None:
        """Say that the partition stands still."""

    async def end(self) -> None:
        """Returns when an operator has resumed the partition; it is fetched again then."""


class ScoreHalt:
    """Of a partition of the score stage."""

    def __init__(
        self, tp: TP, worker: ScoreWorker, outlet: Outlet, consumer: Any, reader: LogReader
    ) -> None:
        """`reader` reads the progress topic."""
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

    async def end(self) -> None:
        position = self._outlet.end_of(topics.PROGRESS.name)
        record = await self._reader.wait_for(
            self._tp.partition, position, lambda record: RESUMED in dict(record.headers)
        )
        self._worker.resume(decode("partition_progress", record.value)["drain_until"] or 0)
        self._consumer.resume_partitions({self._tp})
