"""Sends one session event: python produce_aiokafka.py HOST:PORT TUTOR_ID SESSION_ID"""

import asyncio
import json
import sys
import uuid

from aiokafka import AIOKafkaProducer


async def main(bootstrap: str, tutor_id: str, session_id: str) -> None:
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
    async with AIOKafkaProducer(
        bootstrap_servers=bootstrap, enable_idempotence=True, acks="all"
    ) as producer:
        sent = await producer.send_and_wait(
            "tutoring.sessions.lifecycle.v1",
            key=tutor_id.encode(),
            value=json.dumps(event).encode(),
        )
        print(f"partition {sent.partition}, offset {sent.offset}")


asyncio.run(main(*sys.argv[1:]))
