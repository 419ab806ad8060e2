"""Writes to the input topics: durable before it says so, or it raises."""

import logging
from array import array
from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from time import monotonic

from confluent_kafka import KafkaError, KafkaException, Message, Producer
from confluent_kafka.admin import AdminClient

from schemas.codec import encode
from schemas.lifecycle import encode_event, encode_tick
from schemas.registry import latest
from schemas.topics import COMMANDS, LIFECYCLE, STUDENT_PROFILE, TUTOR_PROFILE, Topic
from tutor_quality.domain.sessions import SessionEvent
from tutor_quality.errors import ConfigurationError, TransientFailure

log = logging.getLogger(__name__)

POLL_SECONDS = 0.5
SILENT_SECONDS = 5.0
"""A broker that has confirmed nothing for so long, though it should, is worth a word."""
DURABLE_SECONDS = 120.0
REQUEST_SECONDS = 30.0
POLL_EVERY = 500
"""Records between looks at the delivery reports."""

DURABLE = {
    "acks": "all",
    "enable.idempotence": True,
    # Kafka forgets the sequence numbers of producers whose records are older than a day, which
    # those of a replayed history are. When it comes back from a crash it takes any number for the
    # first, so with several requests in flight the second can get in before the first, which is
    # then lost though it is reported as durable (KAFKA-15591).
    "max.in.flight.requests.per.connection": 1,
}
"""For records of the past as for those of now."""
# murmur2_random is what the other clients of this house, Faust's and Java's, partition by.
BULK = {"linger.ms": 50, "batch.size": 1_000_000, "compression.type": "lz4"}
PROMPT = {"linger.ms": 0}


@cache
def _defaults(schema: str) -> dict[str, object]:
    fields = latest(schema).schema()["fields"]
    return {field["name"]: field["default"] for field in fields if "default" in field}


class LogWriter:
    """Not for several threads. `bulk` gathers large batches; else each record leaves at once."""

    def __init__(self, bootstrap: str, *, bulk: bool) -> None:
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "partitioner": "murmur2_random",
                **DURABLE,
                "log_level": 0,
                **(BULK if bulk else PROMPT),
            }
        )
        self._bootstrap = bootstrap
        self._sent = 0
        self._heard = monotonic()
        """When a record was last confirmed or refused."""
        self._warned = False
        self._failure: KafkaError | None = None
        self.offsets: dict[int, array[int]] = defaultdict(lambda: array("q"))
        """Of the lifecycle records that are durable, by partition, rising."""

    def send_event(self, event: SessionEvent, recorded_at: int) -> None:
        """`recorded_at`: timestamp of the record, ms."""
        key = event.tutor_id.encode()
        self._send(LIFECYCLE, key, encode_event(event), recorded_at, on_delivery=self._reported)

    def send_tutor(self, profile: Mapping[str, object]) -> None:
        """`profile` has fields of `tutor_profile.avsc`."""
        self._send_profile(TUTOR_PROFILE, "tutor_profile", str(profile["tutor_id"]), profile)

    def send_student(self, profile: Mapping[str, object]) -> None:
        """`profile` has fields of `student_profile.avsc`."""
        self._send_profile(STUDENT_PROFILE, "student_profile", str(profile["student_id"]), profile)

    def send_command(self, key: str, command: Mapping[str, object]) -> None:
        """`command` has fields of `command.avsc`; `key` is the entity it is about."""
        value = encode("command", {**_defaults("command"), **command})
        self._send(COMMANDS, key.encode(), value, int(str(command["requested_at"])))

    def mark_time(self, instant: int) -> None:
        """Tell every partition of the input that time has come to `instant`, ms.

        Everything sent before is durable then.
        """
        self.flush()
        for partition in range(self._partitions()):
            self._send(
                LIFECYCLE,
                b"",
                encode_tick(None, instant),
                instant,
                partition=partition,
                on_delivery=self._reported,
            )

    def flush(self) -> None:
        """Returns when everything sent is durable; raises TransientFailure when it is not.

        While the broker confirms nothing it says so in the log, once.
        """
        since = monotonic()
        while self._producer.flush(POLL_SECONDS):
            self._be_patient(since)
        self._raise_failure()

    def _be_patient(self, since: float) -> None:
        """For a loop that waits for reports since then; raises TransientFailure in the end."""
        self._raise_failure()
        silent = monotonic() - max(since, self._heard)
        if silent < SILENT_SECONDS:
            self._warned = False
            return
        what = f"Kafka at {self._bootstrap} has confirmed nothing for {silent:.0f} s, and"
        what += f" {len(self._producer)} records wait. Is it running, or is its disk full?"
        if silent > DURABLE_SECONDS:
            raise TransientFailure(what)
        if not self._warned:
            self._warned = True
            log.warning("%s Trying for %.0f s", what, DURABLE_SECONDS)

    def _send_profile(
        self, topic: Topic, schema: str, key: str, profile: Mapping[str, object]
    ) -> None:
        timestamp = int(str(profile["updated_at"]))
        value = encode(schema, {**_defaults(schema), **profile})
        self._send(topic, key.encode(), value, timestamp)

    def _send(self, topic: Topic, key: bytes, value: bytes, timestamp: int, **more: object) -> None:
        arguments = {"on_delivery": self._note_failure, **more}
        since = monotonic()
        while True:
            try:
                self._producer.produce(
                    topic.name, key=key, value=value, timestamp=timestamp, **arguments
                )
                break
            except BufferError:
                self._producer.poll(POLL_SECONDS)
                self._be_patient(since)
        self._sent += 1
        if self._sent % POLL_EVERY == 0:
            self._producer.poll(0)
            self._raise_failure()

    def _reported(self, error: KafkaError | None, message: Message) -> None:
        self._note_failure(error, message)
        if error is None:
            self.offsets[message.partition()].append(message.offset())

    def _note_failure(self, error: KafkaError | None, _message: Message) -> None:
        self._heard = monotonic()
        if error is not None:
            self._failure = error

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise TransientFailure(f"Kafka at {self._bootstrap} refused: {self._failure.str()}")

    def _partitions(self) -> int:
        admin = AdminClient({"bootstrap.servers": self._bootstrap, "log_level": 0})
        try:
            topics = admin.list_topics(timeout=REQUEST_SECONDS).topics
        except KafkaException as error:
            raise TransientFailure(f"cannot reach Kafka at {self._bootstrap}: {error}") from error
        if LIFECYCLE.name not in topics:
            raise ConfigurationError(f"no topic {LIFECYCLE.name}: `tq up` creates it")
        return len(topics[LIFECYCLE.name].partitions)
