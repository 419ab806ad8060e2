"""What the sink reads: a load, and what the score stage's own protocol makes of it, in memory."""

from collections import defaultdict
from collections.abc import Sequence
from random import Random
from uuid import UUID
from zlib import crc32

import orjson

from schemas import topics
from streams.outlet import Gap, Outgoing
from streams.outputs import Outputs
from streams.protocol import PoisonLimit, ScorePartition
from tutor_quality.campaign.nemesis.load import Load
from tutor_quality.campaign.nemesis.observed import GENERATION
from tutor_quality.campaign.nemesis.records import Place, Stored
from tutor_quality.domain.fold import Packed, TutorRows
from tutor_quality.domain.risk import RiskRule

THRESHOLD, WARNING = 0.15, 0.10
NO_LIMIT = PoisonLimit(ratio=1.0, run=1 << 30)
PROFILES = 20
REFUSED_SHARE = 0.2


class SimulatedLog(defaultdict[Place, list[Stored]]):
    """The records of each partition of each topic, at their offsets."""

    def __init__(self) -> None:
        super().__init__(list)

    def append(self, topic: str, partition: int, record: Outgoing) -> None:
        log = self[topic, partition]
        timestamp = record.timestamp or 0
        log.append(
            Stored(topic, partition, len(log), timestamp, record.key, record.value, record.headers)
        )

    def of(self, topic: str) -> list[Stored]:
        """All partitions, one after the other."""
        return [record for (name, _), log in self.items() if name == topic for record in log]


async def a_log(load: Load, random: Random, partitions: int) -> SimulatedLog:
    log = SimulatedLog()
    for sent in load.records:
        partition = crc32(sent.key) % partitions if sent.partition is None else sent.partition
        record = Outgoing(sent.key, sent.value, timestamp=sent.timestamp)
        log.append(topics.LIFECYCLE.name, partition, record)
    for partition in range(partitions):
        await _score(log, partition, random)
    return log


def add_profiles(log: SimulatedLog, tutors: Sequence[str], random: Random) -> frozenset[int]:
    """Profiles in partition 0, some with a name that Postgres has no room for in an index:
    their offsets."""
    refused = set()
    for offset in range(PROFILES):
        name, tutor = "Zoë", random.choice(tutors)
        if random.random() < REFUSED_SHARE:
            # Random text does not compress. Of a tutor of its own: a newer profile in the same
            # batch would save it from being tried.
            name, tutor = random.randbytes(8000).hex(), str(UUID(bytes=random.randbytes(16)))
            refused.add(offset)
        profile = {"tutor_id": tutor, "updated_at": 1_000 + offset, "name": name}
        record = Outgoing(tutor.encode(), orjson.dumps(profile), timestamp=1_000 + offset)
        log.append(topics.TUTOR_PROFILE.name, 0, record)
    return frozenset(refused)


async def _score(log: SimulatedLog, partition: int, random: Random) -> None:
    """The score stage's work on one partition: its ticks come back through the log."""
    rule = RiskRule.of_fractions(THRESHOLD, WARNING)
    outputs = Outputs(rule, GENERATION, partition, THRESHOLD)
    outlet = _LogOutlet(log, partition)
    core = ScorePartition(partition, TutorRows(rule), outlet, outputs, NO_LIMIT)
    source, position = log[topics.LIFECYCLE.name, partition], 0
    while position < len(source):
        batch = _Batch(source[position : position + random.randint(1, 80)])
        position += len(batch.records)
        await core.process(batch)
        await core.flush()
        if position == len(source):
            await core.tick(core.newest)
        await core.report(core.newest, live=False)


class _Batch:
    def __init__(self, records: Sequence[Stored]) -> None:
        self.records = records

    def acknowledge(self) -> None:
        """Nobody asks."""


class _LogOutlet:
    """Everything is durable at once, and nobody else writes."""

    def __init__(self, log: SimulatedLog, partition: int) -> None:
        self._log = log
        self._partition = partition

    async def send(self, topic: str, records: Sequence[Outgoing]) -> None:
        for record in records:
            self._log.append(topic, self._partition, record)

    async def send_packed(self, topic: str, packed: Packed) -> None:
        await self.send(topic, [Outgoing(key, value) for key, value in packed.pairs()])

    async def durable(self) -> None:
        """It is."""

    async def look(self) -> None:
        """Nothing to see."""

    def end_of(self, topic: str) -> int:
        return len(self._log[topic, self._partition])

    def gaps(self) -> list[Gap]:
        return []

    async def read(self, gap: Gap) -> list[tuple[bytes, bytes]]:
        raise AssertionError(f"there is no gap {gap}")
