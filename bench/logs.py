"""Topics of the bench's broker: made, filled, read and forgotten again."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from time import monotonic, sleep
from typing import Any

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from bench.events import Events, encoded

PATIENCE_SECONDS = 60
AT_ONCE = 10_000
KEPT = {"retention.ms": "-1"}
STAMPED = {"message.timestamp.type": "LogAppendTime"}
"""The broker says when a record came, so that no system need be asked."""
COMPACTED = {"cleanup.policy": "compact", "min.compaction.lag.ms": "3600000"}
Message = Any
"""A confluent_kafka.Message."""


class Log:
    """One broker, asked as an outsider."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def create(self, topics: Mapping[str, Mapping[str, str]], partitions: int) -> None:
        """Topics and their settings; returns when the broker shows them."""
        new = [NewTopic(name, partitions, 1, config=dict(of)) for name, of in topics.items()]
        for answer in self._admin.create_topics(new).values():
            answer.result()
        self._until(lambda: set(topics) <= self._names(), f"{list(topics)} to be made")

    def forget(self, topics: Iterable[str]) -> None:
        """Deletes those that there are."""
        gone = self._names() & set(topics)
        if gone:
            for answer in self._admin.delete_topics(list(gone)).values():
                answer.result()
            self._until(lambda: not self._names() & gone, f"{gone} to be deleted")

    def stamp(self, topics: Iterable[str]) -> None:
        """From now on the broker says when a record of these topics came."""
        resources = []
        for name in topics:
            resource = ConfigResource(ResourceType.TOPIC, name)
            for setting, value in STAMPED.items():
                resource.add_incremental_config(
                    ConfigEntry(setting, value, incremental_operation=AlterConfigOpType.SET)
                )
            resources.append(resource)
        for answer in self._admin.incremental_alter_configs(resources).values():
            answer.result()

    def fill(self, topic: str, events: Events) -> None:
        producer = self.producer(linger_ms=20)
        produce: Callable[..., None] = partial(producer.produce, topic)
        for number, (key, value, timestamp) in enumerate(encoded(events)):
            produce(value, key, timestamp=timestamp)
            if number % AT_ONCE == 0:
                while len(producer) > 10 * AT_ONCE:
                    producer.poll(0.05)
        producer.flush()

    def producer(self, linger_ms: int) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._bootstrap,
                "partitioner": "murmur2_random",
                "linger.ms": linger_ms,
                "log_level": 0,
                # A retry would change the order.
                "enable.idempotence": True,
                "batch.size": 1 << 18,
                "queue.buffering.max.messages": 1_000_000,
            }
        )

    def consumer(self, group: str = "bench") -> Consumer:
        return Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": group,
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 10,
                "log_level": 0,
            }
        )

    def ends(self, topic: str) -> list[int]:
        """The offset after the last record, by partition."""
        latest = {
            TopicPartition(topic, partition): OffsetSpec.latest()
            for partition in range(self.partitions(topic))
        }
        ends: dict[int, int] = {}

        def come() -> bool:
            answers = self._admin.list_offsets(latest)
            for place, answer in answers.items():
                # A topic that was only just made may have no leader yet.
                if answer.exception() is None:
                    ends[place.partition] = answer.result().offset
            return len(ends) == len(latest)

        self._until(come, f"the ends of {topic}")
        return [ends[partition] for partition in sorted(ends)]

    def partitions(self, topic: str) -> int:
        return len(self._admin.list_topics(topic, timeout=10).topics[topic].partitions)

    def read(self, topic: str) -> Iterator[Message]:
        """All records up to the ends of now, each partition in its order."""
        left = {partition: end for partition, end in enumerate(self.ends(topic)) if end}
        consumer = self.consumer()
        consumer.assign([TopicPartition(topic, partition, 0) for partition in left])
        heard = monotonic()
        while left:
            messages = consumer.consume(AT_ONCE, timeout=0.1)
            if messages:
                heard = monotonic()
            elif monotonic() - heard > PATIENCE_SECONDS:
                raise RuntimeError(f"{topic} ends before {left}")
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                yield message
            for place in consumer.position([TopicPartition(topic, p) for p in left]):
                if place.offset >= left[place.partition]:
                    del left[place.partition]
        consumer.close()

    def size(self, topic: str) -> int:
        """Bytes of values."""
        return sum(len(message.value() or b"") for message in self.read(topic))

    def _names(self) -> set[str]:
        return set(self._admin.list_topics(timeout=10).topics)

    def _until(self, come: Callable[[], bool], what: str) -> None:
        deadline = monotonic() + PATIENCE_SECONDS
        while not come():
            if monotonic() > deadline:
                raise RuntimeError(f"waited {PATIENCE_SECONDS} s for {what}")
            sleep(0.05)


class Commits:
    """How far a consumer group has come; keeps its connection."""

    def __init__(self, log: Log, group: str, topic: str, ends: Sequence[int]) -> None:
        self._consumer = log.consumer(group)
        self._places = [TopicPartition(topic, partition) for partition in range(len(ends))]
        self._ends = ends

    def reached(self) -> bool:
        """Whether everything before the ends is committed. A group that is only just being made
        has come nowhere."""
        try:
            committed = self._consumer.committed(self._places, timeout=5)
        except KafkaException:
            return False
        return all(place.offset >= self._ends[place.partition] for place in committed)

    def close(self) -> None:
        self._consumer.close()
