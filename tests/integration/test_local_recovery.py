"""The supervisor with the real broker."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.broker import a_broker
from tutor_quality.local import kafka
from tutor_quality.local.home import Home, Run
from tutor_quality.local.supervisor import Backoff, Part, Supervisor

pytestmark = pytest.mark.integration

TOPIC = "local.recovery"


def write(bootstrap: str, value: bytes) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    admin.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    producer = Producer({"bootstrap.servers": bootstrap, "acks": "all"})
    producer.produce(TOPIC, value)
    assert producer.flush(30) == 0


def read(bootstrap: str) -> bytes | None:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "local", "log_level": 0})
    try:
        consumer.assign([TopicPartition(TOPIC, 0, 0)])
        record = consumer.poll(30)
        return None if record is None else record.value()
    finally:
        consumer.close()


async def test_a_killed_broker_comes_back_on_its_port_with_its_data(tmp_path: Path) -> None:
    broker = a_broker(tmp_path)
    await asyncio.to_thread(broker.prepare)
    home = Home(tmp_path / "home")
    home.path.mkdir()
    supervisor = Supervisor(home, Run(), Backoff(first=0.1))
    part = Part(broker.program(), broker.answers, kafka.READY_SECONDS, kafka.STOP_SECONDS)
    try:
        child = await supervisor.start(part)
        await asyncio.to_thread(write, broker.bootstrap, b"before the kill")
        os.kill(child.pid, signal.SIGKILL)
        async with asyncio.timeout(kafka.READY_SECONDS):
            # Neither our child nor its socket can wake us when it is there again.
            while not (child.restarts == 1 and await asyncio.to_thread(broker.answers)):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert await asyncio.to_thread(read, broker.bootstrap) == b"before the kill"
    finally:
        await supervisor.stop()
