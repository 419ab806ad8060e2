"""Stage sink: every topic that is shown or kept -> Postgres, one transaction per batch.

A repeat changes nothing: state is last-value by version, history is insert-once by id. A row that
Postgres refuses becomes a dead letter of its topic; the rest of the batch lands.
"""

import logging
from collections.abc import Sequence
from typing import Any

import asyncpg
from faust.types import TP

from schemas import topics
from schemas.topics import Topic
from streams.crash_points import Reached
from streams.dead_letters import dead_letter
from streams.outlet import KafkaOutlet, Outgoing
from streams.partitions import Assignment, Crash, Delivery, PartitionTask
from streams.sink_writer import RefusedRow, SinkWriter
from tutor_quality.errors import IllegalEvent

log = logging.getLogger(__name__)

SUNK: dict[str, Topic] = {
    topic.name: topic for topic in topics.CATALOGUE if "sink" in topic.readers
}
IDLE_SECONDS = 5.0


class SinkStage:
    """All partitions of this worker."""

    def __init__(self, app: Any, crash: Crash, reached: Reached) -> None:
        self._app = app
        self._crash = crash
        self._reached = reached
        self._pool: asyncpg.Pool | None = None
        self._tasks: dict[TP, PartitionTask] = {}

    def use(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def restore(self, assigned: Assignment) -> None:
        """Nothing is kept in memory: Postgres is the state."""

    async def revoking(self) -> None:
        """Each batch is durable when its transaction is; nothing is held back."""

    async def revoked(self, revoked: Assignment) -> None:
        for tp in list(self._tasks):
            if tp in revoked:
                await self._tasks.pop(tp).close()

    async def close(self) -> None:
        for tp in list(self._tasks):
            await self._tasks.pop(tp).close()
        if self._pool is not None:
            await self._pool.close()

    async def put(self, batch: Delivery) -> None:
        task = self._tasks.get(batch.tp)
        if task is None:
            task = self._tasks[batch.tp] = self._start(batch.tp)
        await task.put(batch)

    def _start(self, tp: TP) -> PartitionTask:
        assert self._pool is not None
        outlet = KafkaOutlet(self._app.producer._producer, tp.partition, {}, {})
        worker = SinkWorker(
            SUNK[tp.topic], tp.partition, SinkWriter(self._pool), outlet, self._reached
        )
        return PartitionTask(
            tp,
            worker,
            flush_seconds=0.0,
            idle_seconds=IDLE_SECONDS,
            crash=self._crash,
        )


class SinkWorker:
    """Writes the batches of one partition."""

    def __init__(
        self,
        topic: Topic,
        partition: int,
        writer: SinkWriter,
        outlet: KafkaOutlet,
        reached: Reached,
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._writer = writer
        self._outlet = outlet
        self._reached = reached
        self._written: list[Delivery] = []

    @property
    def clean(self) -> bool:
        return not self._written

    async def process(self, batch: Delivery) -> None:
        refused = await self._writer.write(self._topic, self._partition, batch.records)
        self._reached("committed")
        letters = self._letters(batch, refused) if refused else []
        if letters and self._topic in topics.SOURCES:
            await self._outlet.send(topics.dead_letters(self._topic).name, letters)
            await self._outlet.durable()
        elif letters:
            log.error("%d rows of %s refused by Postgres", len(letters), self._topic.name)
        self._written.append(batch)

    def _letters(self, batch: Delivery, refused: Sequence[RefusedRow]) -> list[Outgoing]:
        by_offset = {record.offset: record for record in batch.records}
        return [
            dead_letter(
                by_offset[row.offset], self._topic, self._partition, IllegalEvent(row.reason)
            )
            for row in refused
        ]

    async def flush(self) -> None:
        written, self._written = self._written, []
        for batch in written:
            batch.acknowledge()
        if written:
            self._reached("acknowledged")

    async def idle(self) -> None:
        """Nothing to do without records."""
