"""Restores rows from the changelog by position, with a plain consumer of our own.

Faust's recovery applies one record at a time, keeps the last row of a key instead of the one that
applied most, and can wait for ever for offsets that compaction removed (faust-streaming/faust#176,
#597). So it is replaced, not patched: Faust only says when partitions were assigned, and is told
when their rows are there.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import aiokafka
from faust.tables.manager import TableManager
from faust.tables.recovery import RebalanceAgain, Recovery, ServiceStopped
from mode import Service

from streams.fetching import leave_packed

FETCH_BYTES = 8 << 20
PROMPT_MS, PATIENT_MS = 20, 500
"""How long the broker may keep a request open while there is nothing to send."""


class LogRecovery(Recovery):  # type: ignore[misc]  # faust ships no types
    """Calls the app's `restore` with the assigned partitions, then lets the streams go on."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _slurp_changelogs(self) -> None:
        """Upstream's reader of changelogs: not used."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _publish_stats(self) -> None:
        """Upstream's progress of that reader: not used."""

    @Service.task  # type: ignore[untyped-decorator]
    async def _restart_recovery(self) -> None:
        while not self.should_stop:
            if await self.wait_for_stopped(self.signal_recovery_start):
                return
            self.signal_recovery_start.clear()
            try:
                await self._recover(self._generation_id)
            except RebalanceAgain:
                continue
            except ServiceStopped:
                return

    async def _recover(self, generation: int) -> None:
        self._set_recovery_started()
        await self.app.restore(self.app.consumer.assignment())
        if not self.signal_recovery_start.is_set():
            await self._wait(self.on_recovery_completed(generation))


class LogTables(TableManager):  # type: ignore[misc]
    """Puts `LogRecovery` in the place of upstream's recovery."""

    _recovery: Recovery | None

    @property
    def recovery(self) -> Recovery:
        if self._recovery is None:
            self._recovery = LogRecovery(self.app, self, beacon=self.beacon, loop=self.loop)
        return self._recovery


class LogReader:
    """Reads stretches of partitions of one topic, outside any consumer group."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        """The end offset of each partition."""
        async with self._consumer() as consumer:
            offsets = await consumer.end_offsets(self._partitions(partitions))
        return {tp.partition: end for tp, end in offsets.items()}

    async def read(
        self,
        stretches: Mapping[int, tuple[int, int | None]],
        take: Callable[[int, Sequence[Any]], None],
    ) -> dict[int, int]:
        """Hand over the records of {partition: (from, to)}; to None = the end as of now.

        Returns the position after the last record of each stretch. Offsets that compaction
        removed are no obstacle: what counts is the consumer's position, not the records seen.
        """
        async with self._consumer() as consumer:
            leave_packed(consumer._fetcher)
            pending = await self._assign(consumer, stretches)
            reached = {tp.partition: end for tp, end in pending.items()}
            while pending:
                for tp, end in list(pending.items()):
                    if await consumer.position(tp) >= end:
                        del pending[tp]
                        consumer.pause(tp)
                if pending:
                    fetched = await consumer.getmany(*pending, timeout_ms=100)
                    for tp, pieces in fetched.items():
                        for records in pieces:
                            if records[0].offset < pending[tp]:
                                take(tp.partition, records.until(pending[tp]))
        return reached

    async def wait_for(self, partition: int, position: int, wanted: Callable[[Any], bool]) -> Any:
        """The first record from `position` on that is `wanted`, whenever it comes."""
        async with self._consumer(PATIENT_MS) as consumer:
            (tp,) = self._partitions([partition])
            consumer.assign([tp])
            consumer.seek(tp, position)
            while True:
                record = await consumer.getone()
                if wanted(record):
                    return record

    async def _assign(
        self, consumer: Any, stretches: Mapping[int, tuple[int, int | None]]
    ) -> dict[Any, int]:
        partitions = self._partitions(stretches)
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions)
        for tp in partitions:
            begin, end = stretches[tp.partition]
            consumer.seek(tp, begin)
            ends[tp] = ends[tp] if end is None else min(end, ends[tp])
        return dict(ends)

    def _partitions(self, partitions: Iterable[int]) -> list[Any]:
        return [aiokafka.TopicPartition(self._topic, partition) for partition in partitions]

    def _consumer(self, wait_ms: int = PROMPT_MS) -> "_Started":
        return _Started(
            aiokafka.AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                max_partition_fetch_bytes=FETCH_BYTES,
                fetch_max_wait_ms=wait_ms,
            )
        )


class _Started:
    """A consumer that runs inside an `async with`."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer

    async def __aenter__(self) -> Any:
        await self._consumer.start()
        return self._consumer

    async def __aexit__(self, *_: object) -> None:
        await asyncio.shield(self._consumer.stop())
