"""Stage score: session events -> tutor rows -> scores, risk changes, alerts.

Reads `tutoring.sessions.lifecycle.v1` (key: tutor). Keeps one row per tutor in memory, and in the
changelog `tutoring.score.rows.v1`. Writes scores, risk changes, alerts, dead letters, progress,
and ticks back to its own input. Exact after any crash: see `streams/protocol.py`. A duplicate
changes nothing; a late event counts in every window that it still belongs to.
"""

import logging
from dataclasses import dataclass
from time import monotonic
from typing import Any

import faust
from faust.types import TP

from schemas import topics
from streams.outlet import KafkaOutlet
from streams.outputs import Outputs
from streams.partitions import Assignment, Crash, Delivery, PartitionTask
from streams.protocol import PoisonLimit, ScorePartition, partition_time
from streams.recovery import LogReader
from streams.transport import BatchSchema
from tutor_quality.clock import Clock
from tutor_quality.domain.fold import TutorRows
from tutor_quality.domain.risk import RiskRule
from tutor_quality.errors import LogRewound

log = logging.getLogger(__name__)

TOPIC = topics.LIFECYCLE.name
WATCHED = (topics.SCORE_CHANGELOG.name, topics.SCORE.name)
"""Compacted topics where a zombie's late write could outlive ours."""

IDLE_SECONDS = 0.25
QUIET_MS = 500
"""Nothing for this long: the wall clock may speak for a live partition."""
LIVE_MS = 86_400_000
"""A partition whose newest record is not older than this is live."""
REPORT_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    bootstrap: str
    rule: RiskRule
    threshold: float
    generation: int
    flush_seconds: float
    poison: PoisonLimit
    time: str
    """wall, log or auto: what makes expiries due, see settings."""


class ScoreStage:
    """All partitions of this worker."""

    def __init__(self, app: Any, config: ScoreConfig, clock: Clock, crash: Crash) -> None:
        self._app = app
        self._crash = crash
        self._config = config
        self._clock = clock
        self._source = LogReader(config.bootstrap, TOPIC)
        self._readers = {name: LogReader(config.bootstrap, name) for name in WATCHED}
        self._restored: dict[int, tuple[TutorRows, int]] = {}
        """Partition -> its rows, and how far its changelog was read."""
        self._ends: dict[int, dict[str, int]] = {}
        self._newest: dict[int, int] = {}
        self._tasks: dict[int, PartitionTask] = {}

    async def restore(self, assigned: Assignment) -> None:
        """Make the rows of exactly these partitions ready.

        Raises LogRewound when rows have applied what the input topic does not hold any more.
        """
        partitions = {partition for topic, partition in assigned if topic == TOPIC}
        await self.close()
        began = monotonic()
        # Rows of a partition that others have now are dropped; of one kept, the tail is read.
        for partition in set(self._restored) - partitions:
            del self._restored[partition]
        stretches: dict[int, tuple[int, int | None]] = {}
        for partition in partitions:
            rows, position = self._restored.get(partition, (TutorRows(self._config.rule), 0))
            self._restored[partition] = (rows, position)
            stretches[partition] = (position, None)
        if not partitions:
            return
        changelog = topics.SCORE_CHANGELOG.name
        reached = await self._readers[changelog].read(stretches, self._load)
        scored = await self._readers[topics.SCORE.name].ends(partitions)
        for partition, end in reached.items():
            rows, _ = self._restored[partition]
            self._restored[partition] = (rows, end)
            self._ends[partition] = {changelog: end, topics.SCORE.name: scored[partition]}
        await self._look_at_source(partitions)
        count = sum(len(rows) for rows, _ in self._restored.values())
        log.info("restored %d rows in %.2f s", count, monotonic() - began)
        for partition in partitions:
            self._start(TP(TOPIC, partition))

    def _load(self, partition: int, records: list[Any]) -> None:
        rows, _ = self._restored[partition]
        for record in records:
            if record.value is not None:
                rows.load(record.key, record.value)

    async def _look_at_source(self, partitions: set[int]) -> None:
        ends = await self._source.ends(partitions)
        for partition, end in ends.items():
            rows, _ = self._restored[partition]
            if rows.applied() >= end:
                raise LogRewound(
                    f"{TOPIC} partition {partition} ends at {end}, but rows have applied "
                    f"{rows.applied()}: the topic was re-created. Raise TQ_TOPIC_GENERATION by one "
                    "to begin anew."
                )
            self._newest[partition] = rows.clock()
        tails = {p: (end - 1, end) for p, end in ends.items() if end > 0}
        if tails:
            await self._source.read(tails, self._see_tail)

    def _see_tail(self, partition: int, records: list[Any]) -> None:
        newest = max((record.timestamp for record in records), default=-1)
        self._newest[partition] = max(self._newest[partition], newest)

    def _start(self, tp: TP) -> None:
        partition = tp.partition
        config = self._config
        rows, _ = self._restored[partition]
        outlet = KafkaOutlet(
            self._app.producer._producer, partition, self._readers, self._ends[partition]
        )
        outputs = Outputs(config.rule, config.generation, partition, config.threshold)
        core = ScorePartition(partition, rows, outlet, outputs, config.poison)
        core.newest = self._newest[partition]
        worker = ScoreWorker(tp, core, self._app.consumer, self._clock, config.time)
        self._tasks[partition] = PartitionTask(
            tp,
            worker,
            flush_seconds=config.flush_seconds,
            idle_seconds=IDLE_SECONDS,
            crash=self._crash,
            stopped=lambda tp: self._app.consumer.pause_partitions({tp}),
            forget=self._app.consumer.forget,
        )

    async def revoking(self) -> None:
        """The partitions are about to go: make everything durable now."""
        for task in self._tasks.values():
            task.kick()

    async def revoked(self, revoked: Assignment) -> None:
        for partition in list(self._tasks):
            if (TOPIC, partition) in revoked:
                await self._close(partition)

    async def close(self) -> None:
        for partition in list(self._tasks):
            await self._close(partition)

    async def _close(self, partition: int) -> None:
        clean = await self._tasks.pop(partition).close()
        if not clean:
            # A row whose outputs may not be durable must not survive in memory.
            self._restored.pop(partition, None)

    async def put(self, batch: Delivery) -> None:
        await self._tasks[batch.tp.partition].put(batch)


class ScoreWorker:
    """Drives the protocol of one partition, and time in it."""

    def __init__(
        self, tp: TP, core: ScorePartition, consumer: Any, clock: Clock, time: str
    ) -> None:
        self._tp = tp
        self._core = core
        self._consumer = consumer
        self._clock = clock
        self._live = time == "wall"
        self._may_turn_live = time == "auto"
        self._arrived = clock.now_ms()
        self._report_at: float | None = None

    @property
    def clean(self) -> bool:
        return self._core.clean

    async def process(self, batch: Delivery) -> None:
        self._arrived = self._clock.now_ms()
        if self._report_at is None:
            self._report_at = monotonic() + REPORT_SECONDS
        await self._core.process(batch)

    async def flush(self) -> None:
        await self._core.flush()
        if self._report_at is not None and monotonic() >= self._report_at:
            self._report_at = None
            await self._core.report(self._core.newest, live=self._live)

    async def idle(self) -> None:
        """Let time pass, when all that was recorded has been folded."""
        position = await self._consumer.position(self._tp)
        highwater = self._consumer.highwater(self._tp)
        if position is None or highwater is None or position < highwater:
            return
        if self._core.newest < 0:
            return
        self._core.position = max(self._core.position, position)
        wall = self._clock.now_ms()
        if self._may_turn_live and wall - self._core.newest <= LIVE_MS:
            self._live = True
        quiet = wall - self._arrived >= QUIET_MS
        now = partition_time(self._core.newest, wall, live=self._live, idle=quiet)
        await self._core.tick(now)
        if self._core.clean:
            await self._core.report(now, live=self._live)


def score_agent(app: Any, stage: ScoreStage) -> None:
    """Declare the table, for its place in Faust's assignment, and the agent on `app`."""
    app.Table(
        "rows",
        changelog_topic=app.topic(topics.SCORE_CHANGELOG.name, key_type=bytes, value_type=bytes),
        key_type=bytes,
        value_type=bytes,
    )
    source = app.topic(
        TOPIC,
        schema=BatchSchema(
            key_type=bytes, value_type=bytes, key_serializer="raw", value_serializer="raw"
        ),
    )

    @app.agent(source)  # type: ignore[untyped-decorator]  # faust ships no types
    async def fold_session_events(stream: faust.StreamT[bytes]) -> None:
        async for event in stream.noack().events():
            await stage.put(Delivery(event))
