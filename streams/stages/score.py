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

from faust.types import TP

from schemas import topics
from streams.crash_points import Reached
from streams.halts import ScoreHalt
from streams.holdings import WATCHED, Holdings
from streams.liveness import Crash
from streams.outlet import KafkaPackedOutlet
from streams.outputs import Outputs
from streams.partitions import Assignment, Delivery, PartitionTask
from streams.protocol import PoisonLimit, ScorePartition
from streams.recovery import LogReader
from streams.score_worker import ScoreWorker
from tutor_quality.clock import Clock
from tutor_quality.domain.fold import TutorRows
from tutor_quality.domain.risk import RiskRule

log = logging.getLogger(__name__)

TOPIC = topics.LIFECYCLE.name
PROGRESS = topics.PROGRESS.name
IDLE_SECONDS = 0.25


@dataclass(frozen=True, slots=True)
class ScoreConfig:
    bootstrap: str
    rule: RiskRule
    threshold: float
    generation: int
    flush_seconds: float
    poison: PoisonLimit
    reached: Reached
    time: str
    """wall, log or auto: what makes expiries due, see settings."""


class ScoreStage:
    """All partitions of this worker."""

    def __init__(self, app: Any, config: ScoreConfig, clock: Clock, crash: Crash) -> None:
        self._app = app
        self._crash = crash
        self._config = config
        self._clock = clock
        self._readers = {name: LogReader(config.bootstrap, name) for name in WATCHED}
        source = LogReader(config.bootstrap, TOPIC)
        self._holdings = Holdings(
            lambda _: TutorRows(config.rule), config.generation, source, self._readers
        )
        self._tasks: dict[int, PartitionTask] = {}

    async def restore(self, assigned: Assignment) -> None:
        """Make the rows of exactly these partitions ready; raises what `Holdings.restore` does."""
        partitions = {partition for topic, partition in assigned if topic == TOPIC}
        await self.close()
        began = monotonic()
        await self._holdings.restore(partitions)
        log.info("restored %d rows in %.2f s", self._holdings.rows_held(), monotonic() - began)
        for partition in partitions:
            self._start(TP(TOPIC, partition))

    def _start(self, tp: TP) -> None:
        partition = tp.partition
        config = self._config
        held = self._holdings[partition]
        producer = self._app.producer._producer
        outlet = KafkaPackedOutlet(producer, partition, self._readers, held.ends, self._clock)
        outputs = Outputs(config.rule, config.generation, partition, config.threshold)
        core = ScorePartition(
            partition,
            held.rows,
            outlet,
            outputs,
            config.poison,
            outlived=held.outlived,
            unsaid=held.unsaid,
            tail=held.tail,
            told=held.told,
            drain_until=held.drain_until,
            reached=config.reached,
        )
        worker = ScoreWorker(tp, core, self._app.consumer, self._clock, config.time)
        self._tasks[partition] = PartitionTask(
            tp,
            worker,
            flush_seconds=config.flush_seconds,
            idle_seconds=IDLE_SECONDS,
            crash=self._crash,
            halt=ScoreHalt(tp, worker, outlet, self._app.consumer, self._readers[PROGRESS]),
            stopped=held.stopped,
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
            self._holdings.drop(partition)

    async def put(self, batch: Delivery) -> None:
        await self._tasks[batch.tp.partition].put(batch)
