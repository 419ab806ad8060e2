"""How long it takes to be current again, measured under load with a large state."""

import asyncio
import shutil
import tempfile
import threading
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from random import Random
from time import monotonic
from uuid import UUID

import asyncpg
from confluent_kafka import Consumer, KafkaError, Message, Producer, TopicPartition

from schemas.codec import decode
from schemas.lifecycle import encode_event
from schemas.topics import LIFECYCLE, SCORE
from tutor_quality.campaign.nemesis.cluster import PARTITIONS, Cluster, Service
from tutor_quality.campaign.nemesis.load import DAY, HOUR
from tutor_quality.campaign.nemesis.nemesis import DATABASE_GONE
from tutor_quality.campaign.nemesis.observed import GENERATION
from tutor_quality.campaign.nemesis.settle import settle
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent
from tutor_quality.errors import TransientFailure
from tutor_quality.ingest.producer import BULK, DURABLE
from tutor_quality.settings import Settings
from tutor_quality.verify.run import Question, verify_now

Say = Callable[[str], None]
START = 1_400_000_000_000
STATE_DAYS = 80
SESSIONS_OF_A_TUTOR = 100
EVENTS_A_SECOND = 200
CURRENT_SECONDS = 1.0
"""Output is current when nothing that was sent so long ago is missing in it."""
CALM_SECONDS = 3.0
PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.02
Figures = dict[str, list[float]]


def measure(sessions: int, rounds: int, settings: Settings, say: Say) -> dict[str, object]:
    """Seconds of each round, and how many numbers are wrong after the last one.

    Raises TransientFailure when something does not come back.
    """
    folder = Path(tempfile.mkdtemp(prefix="tq-recovery-"))
    try:
        cluster = Cluster(folder, settings)
        with cluster.running({"score": 1, "sink": 1}):
            end = _load_state(cluster, sessions, say)
            with _Probes(cluster, _tutors(sessions), end) as probes:
                figures = Measurement(cluster, probes, say).all(rounds)
            answer = asyncio.run(verify_now(_question(cluster)))
        return {
            "sessions_of_state": sessions,
            "tutors": answer.tutors,
            "events_per_second": EVENTS_A_SECOND,
            **figures,
            "compared": answer.proof.compared,
            "differences": len(answer.proof.differences),
        }
    finally:
        shutil.rmtree(folder)


def _question(cluster: Cluster) -> Question:
    return Question(cluster.addresses.bootstrap, cluster.addresses.database_url, GENERATION)


def _tutors(sessions: int) -> list[str]:
    random = Random("tutors")
    count = max(sessions // SESSIONS_OF_A_TUTOR, PARTITIONS)
    return [str(UUID(int=random.getrandbits(128), version=4)) for _ in range(count)]


def _load_state(cluster: Cluster, sessions: int, say: Say) -> int:
    """Returns the timestamp of the last record."""
    began, random, tutors = monotonic(), Random("sessions"), _tutors(sessions)
    producer = _a_producer(cluster, BULK)
    step = STATE_DAYS * DAY // sessions
    for number in range(sessions):
        at = START + number * step
        _produce(producer, _a_session(random, random.choice(tutors), at), at)
    if producer.flush(PATIENCE_SECONDS):
        raise TransientFailure("the broker did not take the state")
    say(f"{sessions} sessions sent in {monotonic() - began:.0f} s")
    settle(cluster, START)
    say(f"and applied after {monotonic() - began:.0f} s")
    return START + sessions * step


def _a_producer(cluster: Cluster, more: dict[str, object]) -> Producer:
    where = {"bootstrap.servers": cluster.addresses.bootstrap, "partitioner": "murmur2_random"}
    return Producer({**where, **DURABLE, **more, "log_level": 0})


def _produce(producer: Producer, event: SessionEvent, at: int, **more: object) -> None:
    value, key = encode_event(event), event.tutor_id.encode()
    while True:
        try:
            producer.produce(LIFECYCLE.name, value, key, timestamp=at, **more)
            break
        except BufferError:
            producer.poll(LOOK_SECONDS)
    producer.poll(0)


def _a_session(random: Random, tutor: str, at: int) -> SessionEvent:
    moved = random.random() < 0.1
    return SessionEvent(
        event_id=str(UUID(int=random.getrandbits(128), version=4)),
        event_type=EventType.CANCELLED if moved else EventType.COMPLETED,
        session_id=str(UUID(int=random.getrandbits(128), version=4)),
        tutor_id=tutor,
        student_id="student",
        scheduled_start=at - HOUR,
        occurred_at=at,
        duration_minutes=60,
        initiator=InitiatorName.TUTOR if moved else None,
    )


class _Probes:
    """A steady load, and how much of it is in the output."""

    def __init__(self, cluster: Cluster, tutors: list[str], start: int) -> None:
        self._cluster = cluster
        self._tutors = tutors
        self._start = start
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._send)
        self._consumer = Consumer(
            {
                "bootstrap.servers": cluster.addresses.bootstrap,
                "group.id": "tq-recovery",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        self._offsets: dict[int, list[int]] = defaultdict(list)
        """Of the probes by partition, rising."""
        self._sent: dict[int, list[float]] = defaultdict(list)
        """When each was sent."""
        self._scored: dict[int, int] = {}
        """Partition -> the greatest version seen in the score topic."""

    def __enter__(self) -> "_Probes":
        places = [TopicPartition(SCORE.name, partition) for partition in range(PARTITIONS)]
        for place in places:
            _, place.offset = self._consumer.get_watermark_offsets(place, timeout=30)
        self._consumer.assign(places)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._consumer.close()

    def _send(self) -> None:
        random, producer = Random("probes"), _a_producer(self._cluster, {"linger.ms": 0})
        began, number = monotonic(), 0
        while not self._stopping.wait(max(began + number / EVENTS_A_SECOND - monotonic(), 0)):
            at, now = self._start + number, monotonic()
            event = _a_session(random, random.choice(self._tutors), at)
            _produce(producer, event, at, on_delivery=self._noting(now))
            number += 1
        producer.flush(PATIENCE_SECONDS)

    def _noting(self, sent: float) -> Callable[[KafkaError | None, Message], None]:
        def note(error: KafkaError | None, message: Message) -> None:
            if error is None:
                # The time first: a reader that sees the offset finds its time.
                self._sent[message.partition()].append(sent)
                self._offsets[message.partition()].append(message.offset())

        return note

    def look(self) -> None:
        """Take notice of new scores."""
        for message in self._consumer.consume(1_000, timeout=LOOK_SECONDS):
            if message.error() is None:
                version = decode("tutor_score", message.value())["version"]
                partition = message.partition()
                self._scored[partition] = max(self._scored.get(partition, -1), version)

    @property
    def scored(self) -> dict[int, int]:
        return dict(self._scored)

    def age(self, shown: dict[int, int]) -> float:
        """Seconds since the oldest probe was sent that is not among what is shown.

        `shown`: partition -> greatest offset. Probes that the broker has not taken do not count.
        """
        return max(
            self._age(partition, shown.get(partition, -1)) for partition in range(PARTITIONS)
        )

    def _age(self, partition: int, shown: int) -> float:
        offsets = self._offsets[partition]
        place = bisect_right(offsets, shown)
        return monotonic() - self._sent[partition][place] if place < len(offsets) else 0.0

    def sent_since(self, instant: float) -> dict[int, int]:
        """The first probe of each partition that was sent after an instant."""
        found = {}
        for partition in range(PARTITIONS):
            place = bisect_right(self._sent[partition], instant)
            if place < len(self._offsets[partition]):
                found[partition] = self._offsets[partition][place]
        return found


class Measurement:
    def __init__(self, cluster: Cluster, probes: _Probes, say: Say) -> None:
        self._cluster = cluster
        self._probes = probes
        self._say = say

    def all(self, rounds: int) -> Figures:
        self._until(lambda: self._is_current(monotonic() - CURRENT_SECONDS))
        figures: Figures = defaultdict(list)
        for _ in range(rounds):
            self._note(
                figures, "only_worker_killed_s", self._kill(self._cluster.workers["score-0"])
            )
            self._note(figures, "broker_back_s", self._broker_back())
            self._note(figures, "postgres_back_s", self._postgres_back())
            self._note(figures, "second_worker_joins_pause_s", self._join())
            self._note(figures, "second_worker_leaves_pause_s", self._leave())
        return dict(figures)

    def _note(self, figures: Figures, name: str, seconds: float) -> None:
        figures[name].append(round(seconds, 2))
        self._say(f"{name}: {seconds:.2f}")
        self._until_calm()

    def _kill(self, service: Service) -> float:
        """Killed, started again at once; until all that was sent until a second ago is out."""
        began = monotonic()
        service.kill()
        service.start()
        return self._until(lambda: self._is_current(began)) - began

    def _broker_back(self) -> float:
        """From the moment on at which it answers again."""
        self._cluster.broker.kill()
        self._cluster.broker.start()
        self._cluster.wait_for_servers()
        began = monotonic()
        return self._until(lambda: self._is_current(began)) - began

    def _postgres_back(self) -> float:
        """From the moment on at which it answers again, until rows are current."""
        self._cluster.database.kill()
        self._cluster.database.start()
        self._cluster.wait_for_servers()
        began = monotonic()
        while True:
            self._probes.look()
            shown = asyncio.run(_versions(self._cluster.addresses.database_url))
            if self._shows(shown, began):
                return monotonic() - began
            self._give_up(began)

    def _join(self) -> float:
        worker = self._cluster.worker("score", 1)
        worker.held_down = False
        worker.start()
        return self._longest_age()

    def _leave(self) -> float:
        worker = self._cluster.workers["score-1"]
        worker.held_down = True
        worker.stop()
        return self._longest_age()

    def _longest_age(self) -> float:
        """The longest that anything waited for its score, until all is calm for a while."""
        longest, calm_since, began = 0.0, monotonic(), monotonic()
        while monotonic() - calm_since < 5 * CALM_SECONDS:
            self._probes.look()
            age = self._probes.age(self._probes.scored)
            longest = max(longest, age)
            if age > CURRENT_SECONDS:
                calm_since = monotonic()
            self._give_up(began)
        return longest

    def _until_calm(self) -> None:
        calm = monotonic() + CALM_SECONDS
        while monotonic() < calm:
            self._probes.look()
            if self._probes.age(self._probes.scored) > CURRENT_SECONDS:
                calm = monotonic() + CALM_SECONDS

    def _is_current(self, since: float) -> bool:
        return self._shows(self._probes.scored, since)

    def _shows(self, shown: dict[int, int], since: float) -> bool:
        """Something sent since then in every partition, and all that is older than a second."""
        first = self._probes.sent_since(since)
        return (
            len(first) == PARTITIONS
            and all(shown.get(partition, -1) >= offset for partition, offset in first.items())
            and self._probes.age(shown) < CURRENT_SECONDS
        )

    def _until(self, holds: Callable[[], bool]) -> float:
        """When it held first."""
        began = monotonic()
        while not holds():
            self._probes.look()
            self._cluster.revive()
            self._give_up(began)
        return monotonic()

    def _give_up(self, began: float) -> None:
        if monotonic() - began > PATIENCE_SECONDS:
            raise TransientFailure(f"output is not current after {PATIENCE_SECONDS:.0f} s")


async def _versions(database_url: str) -> dict[int, int]:
    """Partition -> greatest offset that a score in Postgres has applied."""
    try:
        connection = await asyncpg.connect(database_url, timeout=5)
        try:
            rows = await connection.fetch(
                "SELECT partition, max(version) FROM tutor_scores GROUP BY 1"
            )
        finally:
            connection.terminate()
    except DATABASE_GONE:
        return {}
    return dict(rows)
