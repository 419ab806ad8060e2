"""Stretches of many partitions, read side by side and outside any consumer group."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import aiokafka
from aiokafka.errors import KafkaConnectionError, KafkaTimeoutError

from schemas import topics
from tutor_quality.errors import ConfigurationError, TransientFailure

FETCH_BYTES = 1 << 20

Place = tuple[str, int]
"""Topic and partition."""


async def check_beginnings(bootstrap: str, places: list[Place]) -> None:
    """Raises ConfigurationError where retention has deleted the beginning of the log."""
    kept = {topic.name for topic in topics.CATALOGUE if topic.cleanup == "compact"}
    async with _consumer(bootstrap) as consumer:
        begins = await consumer.beginning_offsets([aiokafka.TopicPartition(*at) for at in places])
    cut = {tp: begin for tp, begin in begins.items() if begin > 0 and tp.topic not in kept}
    for tp, begin in cut.items():
        raise ConfigurationError(
            f"{tp.topic} partition {tp.partition} begins at offset {begin}: retention has deleted "
            "what was before, so nothing can be rebuilt from it"
        )


async def read_stretches(
    bootstrap: str, stretches: Mapping[Place, tuple[int, int]]
) -> AsyncIterator[Mapping[Place, list[Any]]]:
    """The records at offsets [from, to) of each partition, in their order, until all are there."""
    async with _consumer(bootstrap) as consumer:
        pending = {aiokafka.TopicPartition(*at): end for at, (begin, end) in stretches.items()}
        consumer.assign(list(pending))
        for at, (begin, _) in stretches.items():
            consumer.seek(aiokafka.TopicPartition(*at), begin)
        while pending:
            for tp in [tp for tp, end in pending.items() if await consumer.position(tp) >= end]:
                del pending[tp]
                consumer.pause(tp)
            if not pending:
                return
            fetched = await consumer.getmany(*pending, timeout_ms=100)
            found = {
                (tp.topic, tp.partition): [r for r in records if r.offset < pending[tp]]
                for tp, records in fetched.items()
            }
            yield {at: records for at, records in found.items() if records}


@asynccontextmanager
async def _consumer(bootstrap: str) -> AsyncIterator[Any]:
    consumer = aiokafka.AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_wait_ms=20,
    )
    try:
        await consumer.start()
        yield consumer
    except (KafkaConnectionError, KafkaTimeoutError) as error:
        raise TransientFailure(f"Kafka at {bootstrap} does not answer: {error}") from error
    finally:
        await consumer.stop()
