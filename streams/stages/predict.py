"""Stage predict: session events -> feature vectors and predictions of upcoming slots.

Reads `tutoring.sessions.lifecycle.v1` (key: tutor) and `tutoring.commands.v1` (the same key).
Keeps one row per tutor in memory, and in the changelog `tutoring.predict.rows.v1`. Writes vectors,
predictions, what model answers, and ticks to its input. A crash repeats looks with the same ids; a
duplicate changes nothing; a late event counts in every look after it. It never holds up scoring:
its process and its group are its own. See `streams/predict_protocol.py` and
`docs/decisions/0006-when-a-prediction-is-asked-for.md`.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from time import monotonic
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from faust.types import TP

from schemas import topics
from streams.crash_points import Reached
from streams.liveness import Crash
from streams.outlet import KafkaOutlet
from streams.partitions import Assignment, Delivery, PartitionTask
from streams.predict_holdings import PredictHolding, PredictHoldings
from streams.predict_protocol import PredictPartition
from streams.predict_worker import PredictWorker
from streams.predictor import (
    DEFAULT_SPEC,
    Cast,
    Levels,
    Models,
    Prediction,
    Predictor,
    Vectors,
    cast,
)
from streams.recovery import LogReader
from tutor_quality.clock import Clock
from tutor_quality.errors import TutorQualityError
from tutor_quality.features import FeatureSpec

log = logging.getLogger(__name__)

TOPIC = topics.LIFECYCLE.name
CHANGELOG = topics.PREDICT_CHANGELOG.name
IDLE_SECONDS = 0.1
LOOK_SECONDS = 1.0
"""Between two looks at the registry: a command that says so reaches one worker only."""
RETRY_LOOKS = 60
"""Between two attempts to load what could not be loaded, in looks."""


class FeaturesChanged(TutorQualityError):
    """The new champion was trained on other features: the rows are made anew after a restart."""


@dataclass(frozen=True, slots=True)
class PredictConfig:
    bootstrap: str
    generation: int
    flush_seconds: float
    levels: Levels
    reached: Reached
    time: str
    """wall, log or auto: what makes looks due, see settings."""


class PredictStage:
    """All partitions of this worker."""

    def __init__(
        self, app: Any, config: PredictConfig, models: Models, clock: Clock, crash: Crash
    ) -> None:
        self._app = app
        self._config = config
        self._models = models
        self._clock = clock
        self._crash = crash
        self._changelog = LogReader(config.bootstrap, CHANGELOG)
        self._source = LogReader(config.bootstrap, TOPIC)
        self._holdings = PredictHoldings(config.generation, self._source, self._changelog)
        self._executor = ThreadPoolExecutor(1, "predict")
        self._predictor: Predictor | None = None
        self._tasks: dict[int, PartitionTask] = {}
        self._workers: dict[int, PredictWorker] = {}
        self._watch: asyncio.Task[None] | None = None

    async def restore(self, assigned: Assignment) -> None:
        """Make the rows of exactly these partitions ready."""
        partitions = {partition for topic, partition in assigned if topic == TOPIC}
        await self.close()
        began = monotonic()
        predictor = self._predictor or await self._first_predictor(partitions)
        self._predictor = predictor
        committed = await self._committed(partitions)
        held = await self._holdings.restore(committed, predictor.spec)
        rows = sum(len(one.rows) for one in held.values())
        log.info("restored %d rows in %.2f s", rows, monotonic() - began)
        for partition, one in held.items():
            await self._start(TP(TOPIC, partition), one, predictor)
        self._watch = asyncio.create_task(self._watch_models(), name="watch-models")
        self._watch.add_done_callback(self._watched)

    async def _first_predictor(self, partitions: set[int]) -> Predictor:
        found = await asyncio.to_thread(cast, self._models, None)
        return Predictor(found, await self._spec(found, partitions))

    async def _spec(self, found: Cast, partitions: set[int]) -> FeatureSpec:
        """Without a model the rows at hand are the best that there is."""
        if found.champion is not None:
            return found.champion.model.spec
        return await self._holdings.spec(partitions) or DEFAULT_SPEC

    async def _committed(self, partitions: set[int]) -> dict[int, int]:
        """By partition, where the consumer group goes on; 0 = at the beginning."""
        admin = AIOKafkaAdminClient(bootstrap_servers=self._config.bootstrap)
        await admin.start()
        try:
            found = await admin.list_consumer_group_offsets(self._app.conf.id)
        finally:
            await admin.close()
        offsets = {tp.partition: place.offset for tp, place in found.items() if tp.topic == TOPIC}
        return {partition: max(offsets.get(partition, 0), 0) for partition in partitions}

    async def _start(self, tp: TP, held: PredictHolding, predictor: Predictor) -> None:
        config = self._config
        ends = {CHANGELOG: held.changelog_end}
        readers = {CHANGELOG: self._changelog}
        outlet = KafkaOutlet(self._app.producer._producer, tp.partition, readers, ends)
        core = PredictPartition(
            tp.partition,
            held.rows,
            outlet,
            predictor,
            config.levels,
            self._answer,
            config.reached,
        )
        await core.say_model(self._clock.now_ms())
        worker = PredictWorker(tp, core, self._app.consumer, self._clock, config.time)
        self._workers[tp.partition] = worker
        self._tasks[tp.partition] = PartitionTask(
            tp,
            worker,
            flush_seconds=config.flush_seconds,
            idle_seconds=IDLE_SECONDS,
            crash=self._crash,
        )

    async def _answer(
        self, ask: Callable[[Vectors], list[Prediction]], x: Vectors
    ) -> list[Prediction]:
        """The trees let go of the interpreter's lock, so that the event loop goes on."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, ask, x)

    async def _watch_models(self) -> None:
        looks = 0
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            assert self._predictor is not None
            last, looks = self._predictor.cast, looks + 1
            if last.degraded and looks % RETRY_LOOKS:
                continue
            found = await asyncio.to_thread(cast, self._models, last)
            if found.names != last.names:
                self._take(found, self._predictor.spec)

    def _take(self, found: Cast, spec: FeatureSpec) -> None:
        champion = found.champion
        if champion is not None and champion.model.spec.fingerprint != spec.fingerprint:
            raise FeaturesChanged(
                f"model {champion.version} was trained on other features: a restart makes the rows "
                "anew from the log"
            )
        log.warning("model %s answers", champion.version if champion else "none, the ladder")
        self._predictor = Predictor(found, spec)
        for worker in self._workers.values():
            worker.use(self._predictor)

    def _watched(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._crash(error)

    async def revoking(self) -> None:
        """The partitions are about to go: make everything durable now."""
        for partition, task in self._tasks.items():
            self._workers[partition].leave()
            task.kick()

    async def revoked(self, revoked: Assignment) -> None:
        for partition in list(self._tasks):
            if (TOPIC, partition) in revoked:
                await self._close(partition)

    async def close(self) -> None:
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.gather(self._watch, return_exceptions=True)
            self._watch = None
        for partition in list(self._tasks):
            await self._close(partition)

    async def _close(self, partition: int) -> None:
        """Rows are read again by whoever takes the partition: they may not be durable."""
        self._workers.pop(partition)
        await self._tasks.pop(partition).close()

    async def put(self, batch: Delivery) -> None:
        await self._tasks[batch.tp.partition].put(batch)
