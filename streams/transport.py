"""Record-batch delivery inside Faust: one Faust event carries many Kafka records of one partition.

Stock Faust 0.15.3 spends 70 to 90 us a record on delivery, commits past events whose agent raised
(faust-streaming/faust#606), and forgets acknowledged offsets before it commits them at every
rebalance (#502). Here a batch is delivered, acknowledged and committed as one, and what is
committed is the end of the longest acknowledged prefix of what was delivered.

The private attributes used are asserted in `check_faust`, so that another version of Faust stops
at start instead of going wrong later.
"""

import asyncio
import contextlib
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiokafka.consumer.fetcher import Fetcher
from aiokafka.consumer.group_coordinator import GroupCoordinator
from faust.serializers.schemas import Schema
from faust.transport.drivers import aiokafka as driver
from faust.types import TP
from faust.types.tuples import ConsumerMessage
from mode import Service

from schemas.packed_records import PackedRecords
from streams.fetching import REPLACED, leave_packed
from streams.liveness import REBALANCE, Crash, FrozenWatch, watch_joins
from tutor_quality.errors import ConfigurationError


class RecordBatch:
    """Consecutive records of one partition, at least one."""

    __slots__ = ("first", "last", "records", "time", "tp")

    def __init__(self, tp: TP, records: PackedRecords) -> None:
        self.tp = tp
        self.records: Sequence[Any] = records
        at = records.stretches
        self.first, self.last = int(at.offset[0]), int(at.offset[-1])
        self.time = int(at.timestamp[-1])
        """Of the last record, ms."""


class BatchMessage(ConsumerMessage):  # type: ignore[misc]  # faust ships no types
    """The Faust message that stands for a batch; its offset is that of the last record."""

    def __init__(self, batch: RecordBatch, generation_id: int) -> None:
        super().__init__(
            batch.tp.topic,
            batch.tp.partition,
            batch.last,
            batch.time / 1000.0,
            0,
            None,
            None,
            batch,
            None,
            0,
            0,
            batch.tp,
            generation_id=generation_id,
        )


class BatchSchema(Schema):  # type: ignore[misc]
    """Hands batches to the agent as they are: refused bytes are the agent's business."""

    def compile(self, app: Any, **options: Any) -> Any:
        async def decode(message: Any, *, propagate: bool = False) -> Any:
            return app.create_event(None, message.value, None, message)

        return decode


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Delivers record batches; every topic of the app is delivered so."""

    batch_records = 4000
    crash: Crash

    def __init__(self, *args: Any, **options: Any) -> None:
        self.frozen_watch = FrozenWatch()
        self._delivered: defaultdict[TP, deque[tuple[int, int]]] = defaultdict(deque)
        """(first, last) offsets of delivered batches that are not yet committed."""
        super().__init__(*args, **options)

    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    @Service.task  # type: ignore[untyped-decorator]  # mode has no types for it
    async def _tell_alive(self) -> None:
        while not self.should_stop:
            self.frozen_watch.main_is_alive()
            await self.sleep(1.0)

    async def on_partitions_revoked(self, revoked: set[TP]) -> None:
        """Drain and commit first, forget afterwards; upstream does it the other way round."""
        if self._active_partitions is not None:
            self._active_partitions.difference_update(revoked)
        self._paused_partitions.difference_update(revoked)
        await self.app.stage.revoking()
        await self._on_partitions_revoked(revoked)
        await self.app.stage.revoked({(tp.topic, tp.partition) for tp in revoked})
        # Nobody will acknowledge these any more. Upstream counts on their being collected, but an
        # agent holds its last one until the next comes, so a stop during a rebalance, where
        # nothing is drained, would wait for it for ever (robinhood/faust#402).
        for message in [one for one in self._unacked_messages if one.tp in revoked]:
            self._unacked_messages.discard(message)
        for tp in revoked:
            for memory in (
                self._gap,
                self._acked,
                self._acked_index,
                self._read_offset,
                self._committed_offset,
                self._delivered,
            ):
                memory.pop(tp, None)

    def verify_event_path(self, now: float, tp: TP) -> None:
        """Upstream calls a partition hanging of which it processes nothing, in ten lines every
        half minute: changelogs are assigned to it, but `streams/recovery.py` reads them."""
        if tp.topic not in self.app.tables.changelog_topics:
            super().verify_event_path(now, tp)

    def _new_offset(self, tp: TP) -> int | None:
        """Where to commit: the end of the longest acknowledged prefix; None = nothing new."""
        delivered, acknowledged = self._delivered[tp], self._acked_index[tp]
        position = None
        while delivered and delivered[0][1] in acknowledged:
            _, last = delivered.popleft()
            acknowledged.discard(last)
            position = last + 1
        if position is not None:
            self._acked[tp][:] = [offset for offset in self._acked[tp] if offset >= position]
        return position

    def forget(self, message: Any) -> None:
        """Do not wait for this message any more: its partition was stopped."""
        self._unacked_messages.discard(message)

    async def _drain_messages(self, fetcher: Any) -> None:
        """The fetcher's loop: get records, deliver them in batches, until told to stop."""
        try:
            while not (self.should_stop or fetcher.should_stop):
                # A loop that always finds records must still let the others run.
                await self.sleep(0)
                await self._deliver_next()
        except self.consumer_stopped_errors:
            if not self.transport.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.transport.app.should_stop:
                raise

    async def _deliver_next(self) -> None:
        records, active = await self._wait_next_records(1.0)
        if not records or self.should_stop:
            return
        if not self.flow_active:
            # A rebalance came while the fetch was under way: what it brought may be others' now.
            await self.perform_seek()
            return
        generation = self.app.consumer_generation_id
        for batch in self._batches(records, active):
            if not self.flow_active or self.app.consumer_generation_id != generation:
                return
            await self._deliver(batch, generation)

    def _batches(
        self, fetched: Mapping[TP, Sequence[PackedRecords]], active: set[TP] | None
    ) -> Iterator[RecordBatch]:
        for tp, stretches in fetched.items():
            if active is not None and tp not in active:
                continue
            self.app.monitor.track_tp_end_offset(tp, self.highwater(tp))
            for records in stretches:
                position = self._read_offset[tp]
                fresh = records if position is None else records.since(position)
                for place in range(0, len(fresh), self.batch_records):
                    yield RecordBatch(tp, fresh[place : place + self.batch_records])

    async def _deliver(self, batch: RecordBatch, generation: int) -> None:
        delivered = self._delivered[batch.tp]
        # A redelivery supersedes what was cleared from the queues by a rebalance.
        while delivered and delivered[-1][1] >= batch.first:
            delivered.pop()
        delivered.append((batch.first, batch.last))
        message = BatchMessage(batch, generation)
        await self.wait_first(self.callback(message), self.suspend_flow.wait())
        self._read_offset[batch.tp] = batch.last + 1


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The thread of aiokafka's consumer."""

    async def on_start(self) -> None:
        await super().on_start()
        consumer = self._ensure_consumer()
        leave_packed(consumer._fetcher)
        watch_joins(consumer._coordinator, self.consumer.crash)

    @Service.task  # type: ignore[untyped-decorator]  # mode has no types for it
    async def _tell_alive(self) -> None:
        while not self.should_stop:
            self.consumer.frozen_watch.other_is_alive()
            await self.sleep(1.0)

    async def on_thread_stop(self) -> None:
        self.consumer.frozen_watch.end()
        # A static member keeps its partitions while it is away. Who is told to stop gives them up
        # at once; aiokafka does so only for members without a slot.
        if self._consumer is not None and self._consumer._coordinator is not None:
            self._consumer._coordinator._group_instance_id = None
        # While the broker is away a fetch waits before its next try. aiokafka cancels that and is
        # surprised by it (aio-libs/aiokafka#647); the thread would end without a word, and the
        # process, which waits for that word, never.
        with contextlib.suppress(asyncio.CancelledError):
            await super().on_thread_stop()


class DurableProducer(driver.Producer):  # type: ignore[misc]
    """Idempotent, and acknowledged by all in-sync replicas."""

    def _settings_extra(self) -> Mapping[str, Any]:
        return {"acks": "all", "enable_idempotence": True}


class BatchTransport(driver.Transport):  # type: ignore[misc]
    Consumer = BatchConsumer
    Producer = DurableProducer


def check_faust() -> None:
    """Raise ConfigurationError unless Faust has the private parts that this module builds on."""
    needed = {
        driver.Consumer: (
            "_drain_messages",
            "_new_offset",
            "_wait_next_records",
            "_new_consumer_thread",
            "perform_seek",
            "on_partitions_revoked",
        ),
        driver.Producer: ("_settings_extra", "_new_producer"),
        GroupCoordinator: ("_maybe_leave_group", "_do_rejoin_group"),
    }
    missing = [
        f"{owner.__name__}.{name}"
        for owner, names in needed.items()
        for name in names
        if not hasattr(owner, name)
    ]
    used = Fetcher._proc_fetch_request.__code__.co_names
    missing += [f"Fetcher's {name}" for name in REPLACED if name not in used]
    if REBALANCE not in GroupCoordinator._do_rejoin_group.__code__.co_names:
        missing.append(f"GroupCoordinator's {REBALANCE}")
    if missing:
        raise ConfigurationError(
            f"this Faust lacks {', '.join(missing)}: install the locked requirements (make setup)"
        )
