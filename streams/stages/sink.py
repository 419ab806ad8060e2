"""Stage sink: every topic that is shown or kept -> Postgres, whatever waits in one transaction.

A repeat changes nothing: state is last-value by version, history is insert-once by id. A row that
Postgres refuses becomes a dead letter of its topic; the rest of the batch lands.
"""

import logging
from collections.abc import Sequence
from itertools import chain
from typing import Any

import asyncpg
from faust.types import TP

from schemas import topics
from schemas.topics import Topic
from streams.crash_points import Reached
from streams.dead_letters import dead_letter
from streams.liveness import Crash
from streams.outlet import Incoming, KafkaOutlet, Outgoing
from streams.partitions import Assignment, Delivery, PartitionTask
from streams.sharing import SharedWriter
from streams.sink_writer import RefusedRow, SinkWriter
from tutor_quality.errors import IllegalEvent

log = logging.getLogger(__name__)

SUNK: dict[str, Topic] = {
    topic.name: topic for topic in topics.CATALOGUE if "sink" in topic.readers
}
IDLE_SECONDS = 5.0
BEHIND_SECONDS = 1.0
"""What waits is taken at once, which takes no time: the records are counted, not the seconds."""


class SinkStage:
    """All partitions of this worker."""

    def __init__(self, app: Any, crash: Crash, reached: Reached, most_records: int) -> None:
        """`most_records` go into one transaction, at most."""
        self._app = app
        self._most_records = most_records
        self._crash = crash
        self._reached = reached
        self._pool: asyncpg.Pool | None = None
        self._writer: SharedWriter | None = None
        self._tasks: dict[TP, PartitionTask] = {}

    def use(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._writer = SharedWriter(SinkWriter(pool))

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
        if self._pool is not None and self._writer is not None:
            await self._writer.close()
            await self._pool.close()

    async def put(self, batch: Delivery) -> None:
        task = self._tasks.get(batch.tp)
        if task is None:
            task = self._tasks[batch.tp] = self._start(batch.tp)
        await task.put(batch)

    def _start(self, tp: TP) -> PartitionTask:
        assert self._writer is not None
        outlet = KafkaOutlet(self._app.producer._producer, tp.partition, {}, {})
        worker = SinkWorker(SUNK[tp.topic], tp.partition, self._writer, outlet, self._reached)
        return PartitionTask(
            tp,
            worker,
            flush_seconds=0.0,
            behind_seconds=BEHIND_SECONDS,
            most_held=self._most_records,
            idle_seconds=IDLE_SECONDS,
            crash=self._crash,
        )


class SinkWorker:
    """Writes the records of one partition."""

    def __init__(
        self,
        topic: Topic,
        partition: int,
        writer: SharedWriter,
        outlet: KafkaOutlet,
        reached: Reached,
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._writer = writer
        self._outlet = outlet
        self._reached = reached
        self._taken: list[tuple[Delivery, Sequence[Incoming]]] = []

    @property
    def clean(self) -> bool:
        return not self._taken

    async def process(self, batch: Delivery) -> None:
        """While a transaction is under way others arrive: they share the next one."""
        self._taken.append((batch, batch.records))

    async def flush(self) -> None:
        if not self._taken:
            return
        deliveries, parts = zip(*self._taken, strict=True)
        await self._write(parts[0] if len(parts) == 1 else list(chain.from_iterable(parts)))
        self._taken.clear()
        for delivery in deliveries:
            delivery.acknowledge()
        self._reached("acknowledged")

    async def idle(self) -> None:
        """Nothing to do without records."""

    async def _write(self, records: Sequence[Incoming]) -> None:
        refused = await self._writer.write(self._topic, self._partition, records)
        self._reached("committed")
        letters = self._letters(records, refused) if refused else []
        if letters and self._topic in topics.SOURCES:
            await self._outlet.send(topics.dead_letters(self._topic).name, letters)
            await self._outlet.durable()
        elif letters:
            log.error("%d rows of %s refused by Postgres", len(letters), self._topic.name)

    def _letters(
        self, records: Sequence[Incoming], refused: Sequence[RefusedRow]
    ) -> list[Outgoing]:
        by_offset = {record.offset: record for record in records}
        return [
            dead_letter(
                by_offset[row.offset], self._topic, self._partition, IllegalEvent(row.reason)
            )
            for row in refused
        ]
