"""The programs that the documentation shows, run as a reader would."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import uuid4

import pytest
from confluent_kafka import Consumer, Producer, TopicPartition

from schemas.admin import apply_topics
from schemas.codec import encode
from schemas.lifecycle import decode_lifecycle
from schemas.topics import HIGH_RISK, LIFECYCLE
from tests.support.api import running_api
from tests.support.api_server import running_server
from tutor_quality.local import dashboard
from tutor_quality.storage import migrate

pytestmark = pytest.mark.integration
SNIPPETS = Path(__file__).parents[2] / "docs" / "snippets"
SECONDS = 60
needs_kcat = pytest.mark.skipif(shutil.which("kcat") is None, reason="kcat is not installed")
needs_node = pytest.mark.skipif(dashboard.node_on_path() is None, reason="no Node on the PATH")


@pytest.fixture(scope="module")
def bootstrap(kafka_bootstrap: str) -> str:
    apply_topics(kafka_bootstrap, partitions=4, embedded=True)
    return kafka_bootstrap


@pytest.fixture(scope="module")
def node_packages() -> None:
    """What the Node snippets need, installed as their README says."""
    lock = SNIPPETS / "package-lock.json"
    installed = SNIPPETS / "node_modules" / ".installed"
    if not installed.exists() or installed.read_bytes() != lock.read_bytes():
        subprocess.run(["npm", "ci", "--silent"], cwd=SNIPPETS, check=True)
        installed.write_bytes(lock.read_bytes())


def command(snippet: str) -> list[str]:
    program = {".py": sys.executable, ".mjs": "node", ".sh": "sh"}[Path(snippet).suffix]
    return [program, str(SNIPPETS / snippet)]


def run(snippet: str, *arguments: str) -> str:
    done = subprocess.run(
        [*command(snippet), *arguments],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def records_of(bootstrap: str, tutor: str) -> Iterator[tuple[bytes, bytes, int]]:
    """Key, value and timestamp of every event of a tutor that is in the log."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "unused"})
    partitions = consumer.list_topics(LIFECYCLE.name).topics[LIFECYCLE.name].partitions
    for partition in partitions:
        place = TopicPartition(LIFECYCLE.name, partition, 0)
        _, end = consumer.get_watermark_offsets(place)
        consumer.assign([place])
        offset = 0
        while offset < end:
            message = consumer.poll(SECONDS)
            assert message is not None
            assert message.error() is None
            offset = message.offset() + 1
            if message.key() == tutor.encode():
                yield message.key(), message.value(), message.timestamp()[1]
    consumer.close()


def assert_counted_once(bootstrap: str, tutor: str, session: str) -> None:
    ((key, value, timestamp),) = records_of(bootstrap, tutor)
    batch = decode_lifecycle([key], [value], [0], [timestamp])
    assert not batch.refused
    assert session.encode() in value


@pytest.mark.parametrize(
    "snippet",
    [
        "produce_confluent.py",
        "produce_aiokafka.py",
        pytest.param("produce.mjs", marks=needs_node),
        pytest.param("produce_kcat.sh", marks=needs_kcat),
    ],
)
def test_a_producer_sends_an_event_that_the_pipeline_accepts(
    bootstrap: str, snippet: str, request: pytest.FixtureRequest
) -> None:
    if snippet.endswith(".mjs"):
        request.getfixturevalue("node_packages")
    tutor, session = str(uuid4()), str(uuid4())
    run(snippet, bootstrap, tutor, session)
    assert_counted_once(bootstrap, tutor, session)


async def test_curl_sends_an_event_through_the_api(
    bootstrap: str, postgres_url: str, tmp_path: Path
) -> None:
    await asyncio.to_thread(migrate.upgrade, postgres_url)
    async with running_api(postgres_url) as api:
        key = (await api.key("ingest"))["x-api-key"]
    tutor, session = str(uuid4()), str(uuid4())
    with running_server(postgres_url, bootstrap, tmp_path) as server:
        said = await asyncio.to_thread(run, "produce_curl.sh", server.url, key, tutor, session)
    assert session in said
    assert_counted_once(bootstrap, tutor, session)


def send_alerts(bootstrap: str, tutor: str, ids: Sequence[str]) -> None:
    producer = Producer({"bootstrap.servers": bootstrap})
    for ident in ids:
        alert = {
            "event_id": ident,
            "kind": "tutor_entered",
            "tutor_id": tutor,
            "occurred_at": 1_772_000_000_000,
            "reasons": ["30d"],
            "risk_threshold": 0.15,
        }
        producer.produce(HIGH_RISK.name, key=tutor, value=encode("high_risk_alert", alert))
    producer.flush()


def handled(snippet: str, arguments: Sequence[str], tutor: str, until: str) -> list[str]:
    """Ids of the tutor's alerts that the consumer handles, up to `until`; then it is killed."""
    consumer = subprocess.Popen(
        [*command(snippet), *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    found: list[str] = []
    assert consumer.stdout is not None
    assert consumer.stderr is not None
    try:
        for line in consumer.stdout:
            ident, _, of = line.split()
            if of == tutor:
                found.append(ident)
            if ident == until:
                return found
        pytest.fail(f"it ended: {consumer.stderr.read()}")
    finally:
        consumer.kill()
        consumer.communicate()


@pytest.mark.timeout(180)
@pytest.mark.parametrize(
    "snippet",
    [
        "alerts_confluent.py",
        "alerts_aiokafka.py",
        pytest.param("alerts.mjs", marks=needs_node),
    ],
)
def test_an_alert_consumer_drops_repeats_also_when_it_is_killed_and_reads_all_again(
    bootstrap: str, snippet: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if snippet.endswith(".mjs"):
        request.getfixturevalue("node_packages")
    tutor = str(uuid4())
    first, second, last, new = (str(uuid4()) for _ in range(4))
    notes = str(tmp_path / "handled")
    send_alerts(bootstrap, tutor, [first, first, second, first, last])
    run_once = (bootstrap, f"snippet-{uuid4()}", notes)
    assert handled(snippet, run_once, tutor, last) == [first, second, last]
    send_alerts(bootstrap, tutor, [second, new])
    # Another group: the broker would hold the first one until the killed member's session ends.
    run_again = (bootstrap, f"snippet-{uuid4()}", notes)
    again = handled(snippet, run_again, tutor, new)
    # It was killed while it handled the last one, perhaps before that was noted.
    assert [ident for ident in again if ident != last] == [new]
