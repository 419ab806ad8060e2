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
STOPPED_SECONDS = 5.0
"""Only stopped partitions are behind: an operator's word may still be on its way to Postgres."""
ROUNDS = 2
"""A stage may answer to what another one wrote: the ends are looked at twice."""

SUNK = frozenset(topic.name for topic in CATALOGUE if "sink" in topic.readers)


class PartitionStopped(TransientFailure):
    """Too many refused records have stopped a partition, which waits for an operator."""


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
    stopped: dict[int, str]
    """Partition of the input -> why it stands still, and what to do."""


async def applied(pool: asyncpg.Pool, generation: int) -> Applied:
    scored = await pool.fetch(
        "SELECT partition, applied_offset + 1,"
        " (extract(epoch FROM applied_until) * 1000)::bigint, stopped"
        " FROM pipeline_progress WHERE generation = $1",
        generation,
    )
    sunk = await pool.fetch("SELECT topic, partition, next_offset FROM sink_positions")
    return Applied(
        {partition: (offset, until) for partition, offset, until, _ in scored},
        {(topic, partition): offset for topic, partition, offset in sunk},
        {partition: stopped for partition, _, _, stopped in scored if stopped is not None},
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

    `progress` gets the number of records still missing. Raises PartitionStopped when only stopped
    partitions are behind, TransientFailure when nothing has moved for `patience_seconds`.
    """

    async def behind() -> Behind:
        state = await applied(pool, generation)
        reached = {p: state.scored.get(p, (0, 0)) for p, end in ends.items() if end}
        missing = {p: max(ends[p] - offset, 0) for p, (offset, _) in reached.items()}
        late = {p: instant for p, (_, instant) in reached.items() if instant < until}
        progress(sum(missing.values()))
        what = [f"the scores miss {n} records of partition {p}" for p, n in missing.items() if n]
        what += [f"the scores of partition {p} miss expiries" for p in late]
        waiting = {p for p, n in missing.items() if n} | set(late)
        stopped = [
            f"partition {p} of the score stage is stopped: {reason}"
            for p, reason in state.stopped.items()
            if p in waiting
        ]
        return Behind(repr((missing, late)), what, stopped)

    await _until_nothing_is_behind(behind, patience_seconds)


async def wait_until_written(
    pool: asyncpg.Pool, log: Log, *, generation: int, patience_seconds: float
) -> None:
    """Until the sink, and every other group that runs, has come to the ends of its topics.

    Raises TransientFailure when nothing has moved for `patience_seconds`.
    """
    for _ in range(ROUNDS):
        ends = await asyncio.to_thread(log.ends)

        async def behind(ends: Mapping[Place, int] = ends) -> Behind:
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
            return Behind(repr((groups, sunk)), late + unwritten, [])

        await _until_nothing_is_behind(behind, patience_seconds)


def lifecycle_ends(ends: Mapping[Place, int]) -> dict[int, int]:
    """Of the input topic, by partition."""
    return {partition: end for (topic, partition), end in ends.items() if topic == LIFECYCLE.name}


@dataclass(frozen=True, slots=True)
class Behind:
    state: str
    """Changes when anything moves that is waited for."""
    what: list[str]
    stopped: list[str]
    """What of it will not move without an operator."""


async def _until_nothing_is_behind(
    look: Callable[[], Awaitable[Behind]], patience_seconds: float
) -> None:
    seen, moved = "", monotonic()
    while True:
        behind = await look()
        if not behind.what:
            return
        if behind.state != seen:
            seen, moved = behind.state, monotonic()
        _give_up(behind, monotonic() - moved, patience_seconds)
        await asyncio.sleep(LOOK_SECONDS)


def _give_up(behind: Behind, still_seconds: float, patience_seconds: float) -> None:
    """Raises when waiting is of no use any more."""
    if behind.stopped and still_seconds > STOPPED_SECONDS:
        raise PartitionStopped("; ".join(behind.stopped))
    if still_seconds > patience_seconds:
        raise TransientFailure(
            f"nothing has moved for {patience_seconds:.0f} s: {'; '.join(behind.what[:3])}."
            " `tq status` shows the stages"
        )
