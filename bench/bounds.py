"""What the Kafka clients of Python can do at most: they read the events, and keep nothing.

    python -m bench.bounds BOOTSTRAP TOPIC PARTITIONS confluent|aiokafka bare|decode

Prints one JSON object. No system on these clients can be faster.
"""

import asyncio
import json
import sys
from collections.abc import Callable
from time import monotonic, process_time
from typing import Any

import aiokafka
from confluent_kafka import Consumer, TopicPartition

from bench.peers.session_event import decode

FETCH_BYTES = 4 << 20
AT_ONCE = 10_000


class Stopwatch:
    """Starts when it is made."""

    def __init__(self) -> None:
        self._wall, self._cpu = monotonic(), process_time()

    def figures(self, events: int) -> dict[str, float]:
        wall, cpu = monotonic() - self._wall, process_time() - self._cpu
        return {
            "events": events,
            "wall_seconds": round(wall, 2),
            "cpu_seconds": round(cpu, 2),
            "events_per_second": round(events / wall),
            "events_per_cpu_second": round(events / cpu),
        }


def confluent(
    bootstrap: str, topic: str, partitions: int, decoded: Callable[[bytes], Any] | None
) -> dict[str, float]:
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "bounds",
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            "fetch.message.max.bytes": FETCH_BYTES,
            "queued.min.messages": 200_000,
        }
    )
    places = [TopicPartition(topic, partition, 0) for partition in range(partitions)]
    left = sum(consumer.get_watermark_offsets(place)[1] for place in places)
    events, watch = left, Stopwatch()
    consumer.assign(places)
    while left:
        messages = consumer.consume(AT_ONCE, 1.0)
        left -= len(messages)
        if decoded:
            for message in messages:
                decoded(message.value())
    figures = watch.figures(events)
    consumer.close()
    return figures


async def with_aiokafka(
    bootstrap: str, topic: str, partitions: int, decoded: Callable[[bytes], Any] | None
) -> dict[str, float]:
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
    )
    await consumer.start()
    places = [aiokafka.TopicPartition(topic, partition) for partition in range(partitions)]
    consumer.assign(places)
    left = sum((await consumer.end_offsets(places)).values())
    await consumer.seek_to_beginning(*places)
    events, watch = left, Stopwatch()
    while left:
        fetched = await consumer.getmany(timeout_ms=1000, max_records=AT_ONCE)
        for records in fetched.values():
            left -= len(records)
            if decoded:
                for record in records:
                    decoded(record.value)
    figures = watch.figures(events)
    await consumer.stop()
    return figures


def main() -> None:
    bootstrap, topic, partitions, client, what = sys.argv[1:]
    asked = bootstrap, topic, int(partitions), decode if what == "decode" else None
    figures = confluent(*asked) if client == "confluent" else asyncio.run(with_aiokafka(*asked))
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
