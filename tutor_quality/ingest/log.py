"""What a topic holds now, outside any consumer group."""

from collections.abc import Iterator
from dataclasses import dataclass

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.lifecycle.records import decode_record
from schemas.topics import LIFECYCLE, Topic
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import InvalidRecord, TransientFailure

REQUEST_SECONDS = 30.0
LISTEN_SECONDS = 0.2
AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Logged:
    key: bytes
    value: bytes
    timestamp: int
    """Of the record, ms."""


def read_topic(bootstrap: str, topic: Topic) -> Iterator[Logged]:
    """Each partition in its order, up to the end it has when it is reached.

    Raises TransientFailure.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tq-reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "earliest",
            "log_level": 0,
        }
    )
    try:
        known = consumer.list_topics(topic.name, timeout=REQUEST_SECONDS).topics[topic.name]
        consumer.assign([TopicPartition(topic.name, p, 0) for p in known.partitions])
        left = len(known.partitions)
        while left:
            for message in consumer.consume(AT_ONCE, timeout=LISTEN_SECONDS):
                if message.error() is None:
                    _, timestamp = message.timestamp()
                    yield Logged(message.key() or b"", message.value() or b"", timestamp)
                elif message.error().code() == KafkaError._PARTITION_EOF:
                    left -= 1
                else:
                    raise KafkaException(message.error())
    except KafkaException as error:
        raise TransientFailure(f"cannot read {topic.name} at {bootstrap}: {error}") from error
    finally:
        consumer.close()


def logged_events(bootstrap: str) -> Iterator[SessionEvent]:
    """The legal facts of the input topic, each once. What the pipeline refuses is no history."""
    seen: set[str] = set()
    for record in read_topic(bootstrap, LIFECYCLE):
        try:
            fact = decode_record(record.key, record.value, record.timestamp)
        except InvalidRecord:
            # The score stage has made a dead letter of it.
            continue
        if isinstance(fact, SessionEvent) and fact.event_id not in seen:
            seen.add(fact.event_id)
            yield fact
