"""Waiting until every stage has applied what stands in the log."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic

import asyncpg
from confluent_kafka import (
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec

from schemas.topics import CATALOGUE, LIFECYCLE
from tutor_quality.errors import TransientFailure

Place = tuple[str, int]
"""Topic and partition."""

LOOK_SECONDS = 0.2
REQUEST_SECONDS = 30.0
ROUNDS = 2
"""A stage may answer to what another one wrote: the ends are looked at twice."""

SUNK = frozenset(topic.name for topic in CATALOGUE if "sink" in topic.readers)


class Log:
    """Where the topics of the catalogue end, and how far the consumer groups are.

    Raises TransientFailure when the broker is away.
    """

    def __init__(self, bootstrap: str) -> None:
        self._admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})

    def ends(self) -> dict[Place, int]:
        """Next offset of every partition of every topic of the catalogue."""
        try:
            found = self._admin.list_topics(timeout=REQUEST_SECONDS).topics
            names = [topic.name for topic in CATALOGUE if topic.name in found]
            places = [TopicPartition(name, p) for name in names for p in found[name].partitions]
            asked = self._admin.list_offsets({place: OffsetSpec.latest() for place in places})
            return {(p.topic, p.partition): f.result().offset for p, f in asked.items()}
        except KafkaException as error:
            raise TransientFailure(f"Kafka does not answer: {error}") from error

    def committed(self, generation: int) -> dict[str, dict[Place, int]]:
        """By stage that runs now: the name of its consumer group ends with the generation."""
        try:
            listed = self._admin.list_consumer_groups(states={ConsumerGroupState.STABLE}).result()
            ids = (group.group_id for group in listed.valid)
            groups = [group for group in ids if group.endswith(f"-g{generation}")]
            return {group: self._committed(group) for group in groups}
        except KafkaException as error:
            raise TransientFailure(f"Kafka does not answer: {error}") from error

    def _committed(self, group: str) -> dict[Place, int]:
        asked = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
        found = asked[group].result().topic_partitions
        return {(p.topic, p.partition): p.offset for p in found if p.offset >= 0}


@dataclass(frozen=True, slots=True)
class Applied:
    """What Postgres says of the stages; instants in ms."""

    scored: dict[int, tuple[int, int]]
    """Partition of the input -> (next offset, instant) up to which the scores are complete."""
    sunk: dict[Place, int]
    """Next offset that the sink will write."""


async def applied(pool: asyncpg.Pool, generation: int) -> Applied:
    scored = await pool.fetch(
        "SELECT partition, applied_offset + 1,"
        " (extract(epoch FROM applied_until) * 1000)::bigint"
        " FROM pipeline_progress WHERE generation = $1",
        generation,
    )
    sunk = await pool.fetch("SELECT topic, partition, next_offset FROM sink_positions")
    return Applied(
        {partition: (offset, until) for partition, offset, until in scored},
        {(topic, partition): offset for topic, partition, offset in sunk},
    )


async def count_dead_letters(pool: asyncpg.Pool, offsets: Mapping[int, Sequence[int]]) -> int:
    """How many of these records of the input, by partition, became dead letters."""
    ours = {partition: frozenset(some) for partition, some in offsets.items()}
    rows = await pool.fetch(
        "SELECT partition, record_offset FROM dead_letters WHERE topic = $1", LIFECYCLE.name
    )
    return sum(offset in ours.get(partition, ()) for partition, offset in rows)


async def wait_until_applied(
    pool: asyncpg.Pool,
    log: Log,
    *,
    generation: int,
    until: int,
    patience_seconds: float,
    progress: Callable[[int], None] = lambda behind: None,
) -> None:
    """Until every stage has applied what stands in the log now, and every expiry up to `until`.

    For the arguments and errors see the two parts below.
    """
    await wait_until_scored(
        pool,
        lifecycle_ends(await asyncio.to_thread(log.ends)),
        generation=generation,
        until=until,
        patience_seconds=patience_seconds,
        progress=progress,
    )
    await wait_until_written(pool, log, generation=generation, patience_seconds=patience_seconds)


async def wait_until_scored(
    pool: asyncpg.Pool,
    ends: Mapping[int, int],
    *,
    generation: int,
    until: int,
    patience_seconds: float,
    progress: Callable[[int], None] = lambda behind: None,
) -> None:
    """Until the scores in Postgres hold every record below `ends` (by partition of the input)
    and every expiry up to the instant `until`, ms.

    `progress` gets the number of records still missing. Raises TransientFailure when nothing
    has moved for `patience_seconds`.
    """

    async def behind() -> tuple[int, list[str]]:
        scored = (await applied(pool, generation)).scored
        missing = {p: max(end - scored.get(p, (0, 0))[0], 0) for p, end in ends.items() if end}
        late = [p for p, end in ends.items() if end and scored.get(p, (0, 0))[1] < until]
        progress(sum(missing.values()))
        return _fingerprint(scored), [
            *(f"the scores miss {n} records of partition {p}" for p, n in missing.items() if n),
            *(f"the scores of partition {p} miss expiries" for p in late),
        ]

    await _until_nothing_is_behind(behind, patience_seconds)


async def wait_until_written(
    pool: asyncpg.Pool, log: Log, *, generation: int, patience_seconds: float
) -> None:
    """Until the sink, and every other group that runs, has come to the ends of its topics.

    Raises TransientFailure when nothing has moved for `patience_seconds`.
    """
    for _ in range(ROUNDS):
        ends = await asyncio.to_thread(log.ends)

        async def behind(ends: Mapping[Place, int] = ends) -> tuple[int, list[str]]:
            groups = await asyncio.to_thread(log.committed, generation)
            sunk = (await applied(pool, generation)).sunk
            late = [
                f"{group} is {ends[at] - offset} records behind in {at[0]}"
                for group, offsets in groups.items()
                for at, offset in offsets.items()
                if at in ends and offset < ends[at]
            ]
            unwritten = [
                f"the sink misses {end - sunk.get(at, 0)} records of {at[0]}"
                for at, end in ends.items()
                if at[0] in SUNK and sunk.get(at, 0) < end
            ]
            return _fingerprint((groups, sunk)), late + unwritten

        await _until_nothing_is_behind(behind, patience_seconds)


def lifecycle_ends(ends: Mapping[Place, int]) -> dict[int, int]:
    """Of the input topic, by partition."""
    return {partition: end for (topic, partition), end in ends.items() if topic == LIFECYCLE.name}


def _fingerprint(state: object) -> int:
    return hash(repr(state))


async def _until_nothing_is_behind(
    look: Callable[[], Awaitable[tuple[int, list[str]]]], patience_seconds: float
) -> None:
    """`look` tells a fingerprint of the state, which changes when anything moves, and what is
    behind."""
    seen, moved = None, monotonic()
    while True:
        state, behind = await look()
        if not behind:
            return
        if state != seen:
            seen, moved = state, monotonic()
        elif monotonic() - moved > patience_seconds:
            raise TransientFailure(
                f"nothing has moved for {patience_seconds:.0f} s: {'; '.join(behind[:3])}."
                " `tq status` shows the stages"
            )
        await asyncio.sleep(LOOK_SECONDS)
