"""A simulated broker, and clients of it in the form that production code expects of aiokafka's.

A client's call gives way to the scheduler by yielding a `Token`; it goes on when the token is done.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from random import Random

from schemas import topics
from schemas.packed_records import Header
from streams.outlet import Outgoing
from tutor_quality.domain.fold import Packed
from tutor_quality.operations.records import Record

Headers = Sequence[Header]
Place = tuple[str, int]
"""Topic and partition."""

INPUT = topics.LIFECYCLE.name
COMPACTED = tuple(topic.name for topic in (topics.SCORE_CHANGELOG, topics.SCORE, topics.PROGRESS))


class AcknowledgementLost(Exception):
    """The write is durable, but its producer was told that it failed."""


class Token:
    """What a coroutine waits for."""

    __slots__ = ("done", "lost", "offset")

    def __init__(self, done: bool = False) -> None:
        self.done = done
        self.lost: str | None = None
        """What was not acknowledged."""
        self.offset = -1

    def __await__(self) -> Generator["Token", None, "Token"]:
        while not self.done:
            yield self
        if self.lost is not None:
            raise AcknowledgementLost(self.lost)
        return self


class Pause:
    """Gives way once: something else may happen here, a crash too."""

    def __await__(self) -> Generator[Token, None, None]:
        yield _READY


_READY = Token(done=True)
PAUSE = Pause()


class Stored:
    """A record in a log; it stays readable for the checks after compaction removed it."""

    __slots__ = ("gone", "headers", "key", "landed_at", "offset", "timestamp", "value")

    def __init__(self, record: Outgoing, offset: int, timestamp: int, landed_at: int) -> None:
        self.key, self.value, self.headers = record.key, record.value, record.headers
        self.offset = offset
        self.timestamp = timestamp
        self.landed_at = landed_at
        """By the broker's clock."""
        self.gone = False


class Builder:
    """A batch that a producer fills; small, so that writes are cut into many pieces."""

    __slots__ = ("_limit", "records")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.records: list[Outgoing] = []

    def append(
        self, *, key: bytes | None, value: bytes | None, headers: Headers, timestamp: int | None
    ) -> int | None:
        if len(self.records) == self._limit:
            return None
        self.records.append(Outgoing(key, value, tuple(headers), timestamp))
        return len(self.records)

    def record_count(self) -> int:
        return len(self.records)


class Broker:
    """Logs by place, and time."""

    def __init__(self, now: int, *, stamps: bool) -> None:
        """`stamps`: the input topic has LogAppendTime."""
        self.now = now
        self.stamps = stamps
        self.logs: defaultdict[Place, list[Stored]] = defaultdict(list)
        self.orphans: list[tuple[Place, deque[Builder]]] = []
        """Writes of dead workers that are still on their way."""

    def append(self, place: Place, records: Iterable[Outgoing]) -> int:
        """Returns the offset of the first."""
        log = self.logs[place]
        base = len(log)
        for record in records:
            own = record.timestamp
            timestamp = self.now if own is None or (self.stamps and place[0] == INPUT) else own
            log.append(Stored(record, len(log), timestamp, self.now))
        if len(log) == base:
            raise ValueError("the broker refuses an empty batch")
        return base

    def compact(self, place: Place, end: int) -> int:
        """Of the records before `end` keep the last of each key. Returns how many are removed."""
        later: set[bytes | None] = set()
        removed = 0
        for record in reversed(self.logs[place][:end]):
            if record.key in later and not record.gone:
                record.gone = True
                removed += 1
            later.add(record.key)
        return removed


class Producer:
    """One worker's; writes to a partition land in the order in which they were sent."""

    def __init__(self, broker: Broker, random: Random) -> None:
        self._broker = broker
        self._random = random
        self._limit = random.choice((1, 2, 3, 100))
        self.sent: dict[Place, deque[tuple[Builder, Token]]] = {}

    def create_batch(self) -> Builder:
        return Builder(self._limit)

    def pack(self, packed: Packed, timestamp: int) -> Iterator[Builder]:
        """At the broker's time, as the batches that production code fills record by record."""
        records = [Outgoing(key, value) for key, value in packed.pairs()]
        for first in range(0, len(records), self._limit):
            batch = self.create_batch()
            batch.records = records[first : first + self._limit]
            yield batch

    async def send_batch(self, batch: Builder, topic: str, *, partition: int) -> Token:
        await PAUSE
        token = Token()
        self.sent.setdefault((topic, partition), deque()).append((batch, token))
        return token

    def land(self, place: Place, *, acknowledged: bool = True) -> None:
        """Make the next write of a partition durable."""
        waiting = self.sent[place]
        batch, token = waiting.popleft()
        if not waiting:
            del self.sent[place]
        token.offset = self._broker.append(place, batch.records)
        if not acknowledged:
            token.lost = f"of {place[0]}"
        token.done = True

    def land_all(self) -> None:
        while self.sent:
            self.land(next(iter(self.sent)))

    def die(self) -> tuple[int, int, int]:
        """Any prefix of each queue becomes durable, and any more of it lands later.

        Returns how many writes landed, are late, are lost.
        """
        landed = late = lost = 0
        chance = self._random.random
        for place, waiting in self.sent.items():
            batches = [batch for batch, _ in waiting]
            now = 0 if chance() < 0.5 else int(chance() * (len(batches) + 1))
            later = len(batches) if chance() < 0.5 else int(chance() * (len(batches) + 1))
            for batch in batches[:now]:
                self._broker.append(place, batch.records)
            if later > now:
                self._broker.orphans.append((place, deque(batches[now:later])))
            later = max(now, later)
            landed, late, lost = landed + now, late + later - now, lost + len(batches) - later
        self.sent.clear()
        return landed, late, lost


class Reader:
    """Reads one topic as `streams.recovery.LogReader` does."""

    def __init__(self, broker: Broker, topic: str) -> None:
        self._broker = broker
        self._topic = topic

    async def ends(self, partitions: Iterable[int]) -> dict[int, int]:
        await PAUSE
        return {p: len(self._broker.logs[self._topic, p]) for p in partitions}

    async def read(
        self,
        stretches: Mapping[int, tuple[int, int | None]],
        take: Callable[[int, Sequence[Stored]], None],
    ) -> dict[int, int]:
        reached = await self.ends(stretches)
        await PAUSE
        for partition, (begin, end) in stretches.items():
            reached[partition] = min(reached[partition], reached[partition] if end is None else end)
            log = self._broker.logs[self._topic, partition]
            found = [record for record in log[begin : reached[partition]] if not record.gone]
            if found:
                take(partition, found)
        return reached


class OperatorsRecords:
    """Of the broker, as `tutor_quality.operations.records` reads and writes them."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker

    def ends(self, topic: str) -> dict[int, int]:
        return {at: len(log) for (name, at), log in self._broker.logs.items() if name == topic}

    def last(self, topic: str) -> dict[int, Record]:
        return {
            at: Record(log[-1].key, log[-1].value, tuple(log[-1].headers), log[-1].timestamp)
            for (name, at), log in self._broker.logs.items()
            if name == topic and log
        }

    def send(self, records: Sequence[tuple[str, int, Record]]) -> None:
        for topic, partition, one in records:
            headers = tuple((name, value or b"") for name, value in one.headers)
            sent = Outgoing(one.key, one.value, headers, one.timestamp)
            self._broker.append((topic, partition), [sent])
