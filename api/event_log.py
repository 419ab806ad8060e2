"""Appends session events and commands to Kafka; says so when the broker has acknowledged them."""

import asyncio
import logging
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.lifecycle import encode_event
from schemas.topics import COMMANDS, LIFECYCLE, Topic
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import TransientFailure

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 5.0
"""How long a request waits for the broker before it is told to come back."""
PROBE_SECONDS = 2.0


class EventLog:
    """One idempotent producer, started on first use: the API reads on while Kafka is away."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._producer: Any = None
        self._starting = asyncio.Lock()

    async def append(
        self, events: Sequence[SessionEvent], *, sender: str, now_ms: int
    ) -> list[TransientFailure | None]:
        """Per event None once it is durable, or why it may not be.

        An event that failed may still be appended later: sent again with the same id it is the
        same event. Raises TransientFailure when nothing could be sent at all.
        """
        records = [(event.tutor_id, encode_event(event)) for event in events]
        return await self._append(LIFECYCLE, records, sender, now_ms)

    async def tell(
        self, commands: Sequence[tuple[str, bytes]], *, sender: str, now_ms: int
    ) -> list[TransientFailure | None]:
        """Commands as (key, value); the answer is that of `append`."""
        return await self._append(COMMANDS, commands, sender, now_ms)

    async def _append(
        self, topic: Topic, records: Sequence[tuple[str, bytes]], sender: str, now_ms: int
    ) -> list[TransientFailure | None]:
        producer = await self._started()
        deadline = asyncio.get_running_loop().time() + PATIENCE_SECONDS
        headers = [("ce_source", f"tutor-quality/api/{sender}".encode())]
        sent = [
            await self._send(producer, topic, record, headers, now_ms, deadline)
            for record in records
        ]
        return [await self._outcome(producer, waiting, deadline) for waiting in sent]

    async def _send(
        self,
        producer: Any,
        topic: Topic,
        record: tuple[str, bytes],
        headers: list[tuple[str, bytes]],
        now_ms: int,
        deadline: float,
    ) -> "asyncio.Future[Any] | TransientFailure":
        """The acknowledgement to wait for; waits itself while the producer's buffer is full."""
        key, value = record
        try:
            async with asyncio.timeout_at(deadline):
                waiting: asyncio.Future[Any] = await producer.send(
                    topic.name,
                    value,
                    key=key.encode(),
                    timestamp_ms=now_ms,
                    headers=headers,
                )
        except (KafkaError, TimeoutError) as error:
            return await self._failed(producer, error)
        # A request that stops waiting must not leave an exception that nobody looks at.
        waiting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return waiting

    async def _outcome(
        self,
        producer: Any,
        waiting: "asyncio.Future[Any] | TransientFailure",
        deadline: float,
    ) -> TransientFailure | None:
        if isinstance(waiting, TransientFailure):
            return waiting
        try:
            async with asyncio.timeout_at(deadline):
                await asyncio.shield(waiting)
        except (KafkaError, TimeoutError) as error:
            return await self._failed(producer, error)
        return None

    async def _started(self) -> Any:
        async with self._starting:
            if self._producer is None:
                self._producer = await self._start()
            return self._producer

    async def _start(self) -> Any:
        producer = AIOKafkaProducer(
            bootstrap_servers=self._bootstrap,
            client_id="tq-api",
            enable_idempotence=True,
            acks="all",
            linger_ms=0,
            request_timeout_ms=int(PATIENCE_SECONDS * 1000),
        )
        try:
            async with asyncio.timeout(PATIENCE_SECONDS):
                await producer.start()
        except (KafkaError, OSError, TimeoutError) as error:
            await producer.stop()
            raise _away(error) from error
        return producer

    async def _failed(self, producer: Any, error: Exception) -> TransientFailure:
        log.warning("Kafka did not acknowledge: %r", error)
        if isinstance(error, KafkaError) and not error.retriable and producer is self._producer:
            # An idempotent producer whose sequence broke never works again: take a new one.
            await self.close()
        return _away(error)

    async def answers(self) -> bool:
        """Whether a broker of the cluster answers now."""
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                producer = await self._started()
                return bool(await producer.client.force_metadata_update())
        except (TransientFailure, KafkaError, OSError, TimeoutError):
            return False

    async def close(self) -> None:
        """Waits briefly for what was sent."""
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            async with asyncio.timeout(PROBE_SECONDS):
                await producer.stop()
        except (KafkaError, TimeoutError) as error:
            log.warning("The producer did not stop cleanly: %r", error)
            await producer.client.close()


def _away(error: Exception) -> TransientFailure:
    return TransientFailure(
        f"Kafka did not acknowledge in time ({type(error).__name__}); send it again, the same"
        " event is counted once"
    )
