"""Partitions that have little to write share a transaction, which costs as much as fifty rows."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from schemas.topics import Topic
from streams.outlet import Incoming
from streams.sink_writer import Part, RefusedRow, SinkWriter

LITTLE = 48
"""Records; whoever has more takes a transaction of its own, beside those of the others."""


class SharedWriter:
    """What comes of a topic while one of its transactions is under way goes into the next one."""

    def __init__(self, writer: SinkWriter) -> None:
        self._writer = writer
        self._next: dict[str, tuple[list[Part], asyncio.Task[list[RefusedRow]]]] = {}
        """Of each topic the transaction that has not begun."""
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._tasks: set[asyncio.Task[list[RefusedRow]]] = set()

    async def write(
        self, topic: Topic, partition: int, records: Sequence[Incoming]
    ) -> list[RefusedRow]:
        """As `SinkWriter.write`. Who is cancelled while waiting leaves the others their share, so
        its records may still land; they would land again."""
        if len(records) > LITTLE:
            return await self._writer.write(topic, partition, records)
        parts, task = self._next.get(topic.name) or self._begin(topic)
        parts.append((partition, records))
        refused = await asyncio.shield(task)
        return [row for row in refused if row.partition == partition]

    async def close(self) -> None:
        """End all that is under way."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, topic: Topic) -> tuple[list[Part], asyncio.Task[list[RefusedRow]]]:
        parts: list[Part] = []
        task = asyncio.create_task(self._take_turn(topic, parts))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._next[topic.name] = parts, task
        return parts, task

    async def _take_turn(self, topic: Topic, parts: list[Part]) -> list[RefusedRow]:
        async with self._turns[topic.name]:
            del self._next[topic.name]
            return await self._writer.write_together(topic, parts)
