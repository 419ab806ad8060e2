"""Single records of the log: read by their place, and sent to a chosen partition."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, OffsetSpec

from tutor_quality.errors import TransientFailure

REQUEST_SECONDS = 30.0
AT_ONCE = 500

Header = tuple[str, bytes | None]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"


@dataclass(frozen=True, slots=True)
class Record:
    """`timestamp` in ms."""

    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]
    timestamp: int


class Records:
    """Of one broker. Everything raises TransientFailure while it is away."""

    def __init__(self, bootstrap: str) -> None:
        self._settings = {"bootstrap.servers": bootstrap, "log_level": 0}
        self._bootstrap = bootstrap

    def ends(self, topic: str) -> dict[int, int]:
        """Partition -> offset of its next record."""
        return {at: found.offset for at, found in self._asked(topic, OffsetSpec.latest()).items()}

    def newest_timestamps(self, topic: str) -> dict[int, int]:
        """Partition -> greatest timestamp of its records, ms; -1 while it has none."""
        found = self._asked(topic, OffsetSpec.max_timestamp())
        return {at: info.timestamp for at, info in found.items()}

    def _asked(self, topic: str, spec: OffsetSpec) -> dict[int, Any]:
        with self._answering():
            admin = AdminClient(self._settings)
            partitions = admin.list_topics(topic, timeout=REQUEST_SECONDS).topics[topic].partitions
            wanted = {TopicPartition(topic, partition): spec for partition in partitions}
            asked = admin.list_offsets(wanted, request_timeout=REQUEST_SECONDS)
            return {at.partition: future.result() for at, future in asked.items()}

    def last(self, topic: str) -> dict[int, Record]:
        """The last record of each partition that has any."""
        ends = self.ends(topic)
        places = [Place(topic, at, end - 1) for at, end in ends.items() if end]
        return {place.partition: record for place, record in self.read(places).items()}

    def read(self, places: Iterable[Place]) -> dict[Place, Record]:
        """What the log still holds of `places`."""
        by_partition: dict[tuple[str, int], set[int]] = {}
        for place in places:
            by_partition.setdefault((place.topic, place.partition), set()).add(place.offset)
        with self._answering():
            consumer = Consumer(
                {**self._settings, "group.id": "tq-operator", "enable.auto.commit": False}
            )
            try:
                return {
                    Place(topic, partition, message.offset()): _record(message)
                    for (topic, partition), offsets in by_partition.items()
                    for message in _messages(consumer, topic, partition, offsets)
                }
            finally:
                consumer.close()

    def send(self, records: Sequence[tuple[str, int, Record]]) -> None:
        """To (topic, partition); returns when all are durable."""
        failures: list[KafkaError] = []

        def report(error: KafkaError | None, _: Message) -> None:
            if error is not None:
                failures.append(error)

        with self._answering():
            producer = Producer({**self._settings, "enable.idempotence": True, "acks": "all"})
            for topic, partition, record in records:
                producer.produce(
                    topic,
                    record.value,
                    record.key,
                    partition,
                    on_delivery=report,
                    timestamp=record.timestamp,
                    headers=list(record.headers),
                )
                producer.poll(0)
            left = producer.flush(REQUEST_SECONDS)
        if left or failures:
            why = failures[0].str() if failures else "no confirmation"
            raise TransientFailure(f"{left or len(failures)} records were not sent: {why}")

    @contextmanager
    def _answering(self) -> Iterator[None]:
        try:
            yield
        except KafkaException as error:
            raise TransientFailure(
                f"Kafka at {self._bootstrap} does not answer: {error}"
            ) from error


def _messages(
    consumer: Consumer, topic: str, partition: int, offsets: set[int]
) -> Iterator[Message]:
    begin, end = consumer.get_watermark_offsets(
        TopicPartition(topic, partition), timeout=REQUEST_SECONDS
    )
    left = {offset for offset in offsets if begin <= offset < end}
    while left:
        # A gap of offsets, as compaction leaves it, ends at the next record there is.
        first = min(left)
        consumer.assign([TopicPartition(topic, partition, first)])
        position = first
        while left and position <= first + AT_ONCE:
            message = consumer.poll(REQUEST_SECONDS)
            if message is None:
                raise TransientFailure(f"Kafka has sent nothing for {REQUEST_SECONDS:.0f} s")
            if message.error():
                raise KafkaException(message.error())
            position = message.offset()
            if position in left:
                yield message
            left = {offset for offset in left if offset > position}


def _record(message: Message) -> Record:
    return Record(
        message.key(), message.value(), tuple(message.headers() or ()), message.timestamp()[1]
    )
