"""Sends one session event: python produce_confluent.py HOST:PORT TUTOR_ID SESSION_ID"""

import json
import sys
import uuid

from confluent_kafka import KafkaError, Message, Producer

bootstrap, tutor_id, session_id = sys.argv[1:]
event = {
    # The identity of the fact: send it again with the same id, and it is counted once.
    "event_id": str(uuid.uuid5(uuid.UUID(session_id), "completed")),
    "event_type": "completed",
    "session_id": session_id,
    "tutor_id": tutor_id,
    "student_id": "student-17",
    "scheduled_start": "2026-03-02T15:00:00Z",
    "occurred_at": "2026-03-02T16:00:00Z",
}


def delivered(error: KafkaError | None, message: Message) -> None:
    if error is not None:
        sys.exit(f"not delivered: {error}")
    print(f"partition {message.partition()}, offset {message.offset()}")


producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all"})
producer.produce(
    "tutoring.sessions.lifecycle.v1",
    key=tutor_id,
    value=json.dumps(event),
    on_delivery=delivered,
)
producer.flush()
