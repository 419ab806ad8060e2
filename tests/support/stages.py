"""Stages as processes of their own, as production runs them."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer, TopicPartition

from schemas import topics
from schemas.codec import decode
from schemas.lifecycle import encode_event, encode_tick
from tests.support.oracles import Record
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.settings import inherited_environment

PATIENCE_SECONDS = 90


def start(stage: str, bootstrap: str, folder: Path, **settings: str) -> subprocess.Popen[bytes]:
    environment = {f"TQ_{name.upper()}": value for name, value in settings.items()}
    with (folder / f"{stage}.log").open("ab") as log:
        return subprocess.Popen(
            [sys.executable, "-m", "streams", stage],
            env={
                **inherited_environment(),
                "TQ_KAFKA_BOOTSTRAP": bootstrap,
                "TQ_DATA_DIR": str(folder),
                "TQ_LOG_LEVEL": "INFO",
                **environment,
            },
            stdout=log,
            stderr=subprocess.STDOUT,
        )


@contextmanager
def running(
    stage: str, bootstrap: str, folder: Path, **settings: str
) -> Iterator[subprocess.Popen[bytes]]:
    """The stage until the block ends; then it must stop by itself when asked to."""
    process = start(stage, bootstrap, folder, **settings)
    try:
        yield process
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in (0, -signal.SIGTERM), (folder / f"{stage}.log").read_text()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def publish(bootstrap: str, records: Sequence[tuple[int, SessionEvent | bytes | None]]) -> None:
    """(timestamp, event) in this order; bytes go as they are, to partition 0."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            "enable.idempotence": True,
            "linger.ms": 5,
        }
    )
    topic = topics.LIFECYCLE.name
    for timestamp, event in records:
        if isinstance(event, SessionEvent):
            key = event.tutor_id.encode()
            producer.produce(topic, encode_event(event), key, timestamp=timestamp)
        elif event is None:
            for partition in range(4):
                marker = encode_tick(None, timestamp)
                producer.produce(topic, marker, b"", partition=partition, timestamp=timestamp)
        else:
            producer.produce(topic, event, b"raw", partition=0, timestamp=timestamp)
        producer.poll(0)
    assert producer.flush(30) == 0


def read_all(bootstrap: str, topic: str) -> list[Message]:
    """Every record of the topic, by partition and offset."""
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False}
    )
    found: list[Message] = []
    for partition in consumer.list_topics(topic, timeout=10).topics[topic].partitions:
        begin, end = consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)
        consumer.assign([TopicPartition(topic, partition, begin)])
        position = begin
        while position < end:
            for message in consumer.consume(10_000, 1.0):
                assert message.error() is None
                found.append(message)
                position = message.offset() + 1
    consumer.close()
    return found


def lag(bootstrap: str, group: str, topic: str, partitions: int = 4) -> int:
    consumer = Consumer(
        {"bootstrap.servers": bootstrap, "group.id": group, "enable.auto.commit": False}
    )
    behind = 0
    tps = [TopicPartition(topic, partition) for partition in range(partitions)]
    for tp in consumer.committed(tps, timeout=10):
        _, end = consumer.get_watermark_offsets(tp, timeout=10)
        behind += end - max(tp.offset, 0)
    consumer.close()
    return behind


def wait_until_applied(
    bootstrap: str, process: subprocess.Popen[bytes], stage: str = "score"
) -> None:
    """Until the stage has committed everything, twice in a row: ticks follow from records."""
    deadline = monotonic() + PATIENCE_SECONDS
    quiet = 0
    while quiet < 2:
        assert process.poll() is None, f"{stage} has died"
        assert monotonic() < deadline, f"{stage} is still behind"
        try:
            behind = lag(bootstrap, f"{stage}-g1", topics.LIFECYCLE.name)
        except KafkaException as error:
            # A young broker may still be looking for the group's coordinator.
            assert error.args[0].retriable() or error.args[0].code() == KafkaError.NOT_COORDINATOR
            behind = 1
        quiet = quiet + 1 if behind == 0 else 0
        sleep(0.7)


def records_by_tutor(messages: list[Message]) -> dict[bytes, list[Record]]:
    """The log as the oracle reads it; ticks are None."""
    by_tutor: dict[bytes, list[Record]] = {}
    for message in messages:
        value = message.value()
        key = message.key()
        if len(key) != 36:
            continue
        is_tick = value[4] == 2
        event = None if is_tick else SessionEvent(**decode("session_event", value))
        record = (message.offset(), message.timestamp()[1], event)
        by_tutor.setdefault(key, []).append(record)
    return by_tutor
