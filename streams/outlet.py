"""Where the records of one partition's worker go, and when they are durable."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, Protocol

from schemas.lifecycle.decoding import Recorded
from schemas.packed_records import Header, PackedRecords, batches_of
from tutor_quality.clock import Clock
from tutor_quality.domain.fold import Packed


class Incoming(Recorded, Protocol):
    """A record as Kafka's clients give it."""

    @property
    def headers(self) -> Sequence[Header]: ...


def newest(records: Sequence[Incoming]) -> int:
    """The greatest timestamp."""
    if isinstance(records, PackedRecords):
        return int(records.stretches.timestamp.max())
    return max(record.timestamp for record in records)


class Outgoing(NamedTuple):
    """A record to send; no timestamp = the producer's time."""

    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...] = ()
    timestamp: int | None = None


class Gap(NamedTuple):
    """Offsets of a partition that somebody else wrote between two of our writes."""

    topic: str
    first: int
    end: int


class Outlet(Protocol):
    """The protocol's only effects. A send that fails raises in `durable`, and the worker stops."""

    async def send(self, topic: str, records: Sequence[Outgoing]) -> None:
        """Send records to the partition of the same number."""

    async def durable(self) -> None:
        """Return when all that was sent is acknowledged by all in-sync replicas."""

    def end_of(self, topic: str) -> int:
        """The offset after our last durable record in this topic; 0 before any."""

    def gaps(self) -> list[Gap]:
        """Stretches found between our writes since the last call."""

    async def look(self) -> None:
        """Find what others wrote behind our last write: the next `gaps` has it."""

    async def read(self, gap: Gap) -> list[tuple[bytes, bytes]]:
        """(key, value) of the records in a gap."""


class PackedOutlet(Outlet, Protocol):
    async def send_packed(self, topic: str, packed: Packed) -> None:
        """As `send`, at the producer's time."""


class KafkaOutlet:
    """An outlet over aiokafka's producer. Batches are built here: linger is of no use then."""

    def __init__(self, producer: Any, partition: int, readers: Any, ends: dict[str, int]) -> None:
        """`ends`: of each watched topic, up to where it was looked at when this partition was
        taken over; `readers`: topic -> Reader of each watched topic."""
        self._producer = producer
        self._partition = partition
        self._readers = readers
        self._ends = ends
        self._gaps: list[Gap] = []
        self._sent: list[tuple[str, int, asyncio.Future[Any]]] = []

    async def send(self, topic: str, records: Sequence[Outgoing]) -> None:
        if not records:
            return  # The broker refuses an empty batch.
        batch = self._producer.create_batch()
        for record in records:
            if self._append(batch, record) is None:
                await self._submit(topic, batch)
                batch = self._producer.create_batch()
                self._append(batch, record)
        await self._submit(topic, batch)

    @staticmethod
    def _append(batch: Any, record: Outgoing) -> Any:
        return batch.append(
            key=record.key,
            value=record.value,
            headers=list(record.headers),
            timestamp=record.timestamp,
        )

    async def _submit(self, topic: str, batch: Any) -> None:
        count = batch.record_count()
        future = await self._producer.send_batch(batch, topic, partition=self._partition)
        self._sent.append((topic, count, future))

    async def durable(self) -> None:
        sent, self._sent = self._sent, []
        for topic, count, future in sent:
            base = (await future).offset
            self._note(topic, base, base + count)

    async def look(self) -> None:
        for topic, reader in self._readers.items():
            end = (await reader.ends([self._partition]))[self._partition]
            self._note(topic, end, end)

    def _note(self, topic: str, base: int, end: int) -> None:
        """Remember our own offsets: what lies between two of our writes is somebody else's."""
        expected = self._ends.get(topic, base)
        if base > expected:
            self._gaps.append(Gap(topic, expected, base))
        self._ends[topic] = max(expected, end)

    def end_of(self, topic: str) -> int:
        return self._ends.get(topic, 0)

    def gaps(self) -> list[Gap]:
        gaps, self._gaps = self._gaps, []
        return [gap for gap in gaps if gap.topic in self._readers]

    async def read(self, gap: Gap) -> list[tuple[bytes, bytes]]:
        found: list[tuple[bytes, bytes]] = []

        def take(_: int, records: Sequence[Any]) -> None:
            found.extend((record.key, record.value) for record in records)

        await self._readers[gap.topic].read({self._partition: (gap.first, gap.end)}, take)
        return found


Pack = Callable[[Packed, int], Iterable[Any]]
"""Makes batches that the producer takes, of records of one time in ms."""


class KafkaPackedOutlet(KafkaOutlet):
    """One that makes record batches without an object for each record."""

    def __init__(
        self,
        producer: Any,
        partition: int,
        readers: Any,
        ends: dict[str, int],
        clock: Clock,
        pack: Pack = batches_of,
    ) -> None:
        super().__init__(producer, partition, readers, ends)
        self._clock = clock
        self._pack = pack

    async def send_packed(self, topic: str, packed: Packed) -> None:
        for batch in self._pack(packed, self._clock.now_ms()):
            await self._submit(topic, batch)
