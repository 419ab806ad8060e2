"""What the topics and tables say, read past the proxies."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from time import monotonic

from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas import topics
from tutor_quality.campaign.nemesis.records import Place, Stored
from tutor_quality.errors import TransientFailure
from tutor_quality.ingest.catch_up import Applied, Log, applied
from tutor_quality.storage.engine import open_pool
from tutor_quality.verify.scores import Snapshot, read_snapshot

GENERATION = 1
AT_ONCE = 5_000
SILENCE_SECONDS = 60.0
READ = (
    topics.LIFECYCLE,
    topics.SCORE,
    topics.RISK_CHANGED,
    topics.HIGH_RISK,
    topics.dead_letters(topics.LIFECYCLE),
    topics.SCORE_CHANGELOG,
)


class Topics:
    """Reads each topic on from where it was left."""

    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap
        self._log = Log(bootstrap)
        self._read: dict[Place, int] = {}

    def news(self) -> dict[str, list[Stored]]:
        """What was written since the last call, by topic; each partition in its order.

        Raises TransientFailure.
        """
        names = {topic.name for topic in READ}
        ends = {place: end for place, end in self._log.ends().items() if place[0] in names}
        found: dict[str, list[Stored]] = {name: [] for name in names}
        consumer = Consumer(
            {
                "bootstrap.servers": self._bootstrap,
                "group.id": "tq-nemesis",
                "enable.auto.commit": False,
                "log_level": 0,
            }
        )
        try:
            for message in self._stretch(consumer, ends):
                found[message.topic()].append(_stored(message))
        finally:
            consumer.close()
        self._read = ends
        return found

    def _stretch(self, consumer: Consumer, ends: Mapping[Place, int]) -> Iterable[Message]:
        left = {place: end for place, end in ends.items() if self._read.get(place, 0) < end}
        consumer.assign([TopicPartition(*place, self._read.get(place, 0)) for place in left])
        heard = monotonic()
        while left:
            messages = consumer.consume(AT_ONCE, timeout=0.1)
            if messages:
                heard = monotonic()
            elif monotonic() - heard > SILENCE_SECONDS:
                raise TransientFailure(f"Kafka has sent nothing for {SILENCE_SECONDS:.0f} s")
            for message in messages:
                if message.error():
                    raise KafkaException(message.error())
                place = message.topic(), message.partition()
                if message.offset() < ends[place]:
                    yield message
                if message.offset() >= ends[place] - 1:
                    left.pop(place, None)


def _stored(message: Message) -> Stored:
    return Stored(
        message.topic(),
        message.partition(),
        message.offset(),
        message.timestamp()[1],
        message.key(),
        message.value(),
        tuple(message.headers() or ()),
    )


@dataclass(frozen=True, slots=True)
class Tables:
    """Of some tutors; ids as text."""

    snapshot: Snapshot
    event_ids: frozenset[str]
    outcomes: dict[tuple[str, int], str]
    """Slot (session, start in ms) -> the event that is its outcome."""
    risk_changes: frozenset[str]
    alerts: frozenset[str]
    dead_letters: frozenset[tuple[int, int]]
    """(partition, offset) of all refused records of the input."""


async def read_tables(database_url: str, tutors: frozenset[str]) -> Tables:
    pool = await open_pool(database_url, application_name="tq-nemesis", max_size=1)
    async with pool:
        snapshot = await read_snapshot(pool, GENERATION, None)
        ours = list(tutors)

        async def ids(table: str) -> frozenset[str]:
            rows = await pool.fetch(
                f"SELECT event_id::text FROM {table} WHERE tutor_id = ANY($1::uuid[])",  # noqa: S608
                ours,
            )
            return frozenset(row[0] for row in rows)

        slots = await pool.fetch(
            "SELECT session_id::text, (extract(epoch FROM scheduled_start) * 1000)::bigint,"
            " outcome_event_id::text FROM sessions"
            " WHERE tutor_id = ANY($1::uuid[]) AND outcome_event_id IS NOT NULL",
            ours,
        )
        letters = await pool.fetch(
            "SELECT partition, record_offset FROM dead_letters WHERE topic = $1",
            topics.LIFECYCLE.name,
        )
        return Tables(
            Snapshot(
                {t: score for t, score in snapshot.scores.items() if t in tutors},
                snapshot.progress,
                {t: changes for t, changes in snapshot.changes.items() if t in tutors},
            ),
            await ids("session_events"),
            {(session, start): event for session, start, event in slots},
            await ids("risk_changes"),
            await ids("alerts"),
            frozenset((partition, offset) for partition, offset in letters),
        )


async def read_applied(database_url: str) -> Applied:
    pool = await open_pool(database_url, application_name="tq-nemesis", max_size=1)
    async with pool:
        return await applied(pool, GENERATION)


async def sink_connections(database_url: str) -> tuple[int, int]:
    """(all, idle in a transaction)."""
    pool = await open_pool(database_url, application_name="tq-nemesis", max_size=1)
    async with pool:
        states = await pool.fetch(
            "SELECT state FROM pg_stat_activity WHERE application_name = 'tq-sink'"
        )
    return len(states), sum((row[0] or "").startswith("idle in") for row in states)
