"""The composition root of the stages: settings in, one Faust app per stage out."""

import asyncio
import gc
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

import faust
from mode.supervisors import CrashingSupervisor
from yarl import URL

from schemas import topics
from streams.agents import deliver, keep_rows
from streams.crash_points import crash_at
from streams.groups import group_of
from streams.partitions import Assignment, Stage
from streams.protocol import PoisonLimit
from streams.recovery import LogTables
from streams.stages.score import ScoreConfig, ScoreStage
from streams.transport import BatchConsumer, BatchTransport, check_faust
from tutor_quality.clock import SystemClock
from tutor_quality.domain.risk import RiskRule
from tutor_quality.errors import ConfigurationError
from tutor_quality.settings import Settings
from tutor_quality.storage.engine import open_pool

log = logging.getLogger(__name__)

CRASHED = 70
"""Exit code: EX_SOFTWARE of sysexits."""
DRAIN_SECONDS = 12.0
"""Of a stop. A supervisor of ours kills after 15 seconds, others after 30."""
REQUEST_BYTES = 16 << 20
FETCH_BYTES = 4 << 20


class StageApp(faust.App):  # type: ignore[misc]  # faust ships no types
    """A Faust app that runs one stage."""

    stage: Stage
    before: Callable[[], Awaitable[None]] | None = None
    """Awaited before the app starts."""

    async def on_first_start(self) -> None:
        self.conf.datadir.parent.mkdir(parents=True, exist_ok=True)
        await super().on_first_start()
        if self.before is not None:
            await self.before()

    async def _stop_consumer(self) -> None:
        """Drain and commit what was taken, then end the work on it.

        Without a broker a commit is tried for ever; whoever told us to stop does not wait so long.
        """
        asyncio.get_running_loop().call_later(DRAIN_SECONDS, give_up)
        await self.stage.revoking()
        await super()._stop_consumer()
        await self.stage.close()

    async def restore(self, assigned: Assignment) -> None:
        await self.stage.restore({(topic, partition) for topic, partition in assigned})


def crash(error: BaseException) -> None:
    """End the process at once: restart and replay are safe, a half-stopped worker is not."""
    log.critical("crashed; a restart goes on from the last commit", exc_info=error)
    logging.shutdown()
    os._exit(CRASHED)


def give_up() -> None:
    """End a process that cannot drain: what it has not committed is replayed."""
    log.warning(
        "not drained within %.0f s of the stop; a restart goes on from there", DRAIN_SECONDS
    )
    logging.shutdown()
    os._exit(CRASHED)


def app_for(stage: str, settings: Settings) -> StageApp:
    """The app of a stage by name. Raises ConfigurationError for what is missing."""
    if stage not in STAGES:
        raise ConfigurationError(f"no stage {stage!r}; there are: {', '.join(STAGES)}")
    check_faust()
    return STAGES[stage](settings)


def _score(settings: Settings) -> StageApp:
    app = _app("score", settings, settings.score_batch_records)
    config = ScoreConfig(
        bootstrap=_bootstrap(settings),
        rule=RiskRule.of_fractions(settings.risk_threshold, settings.risk_warning),
        threshold=settings.risk_threshold,
        generation=settings.topic_generation,
        flush_seconds=settings.score_flush_ms / 1000,
        poison=PoisonLimit(settings.poison_ratio, settings.poison_run),
        reached=crash_at(settings.crash_at),
        time=settings.topic_time,
    )
    stage = app.stage = ScoreStage(app, config, SystemClock(), crash)
    keep_rows(app, topics.SCORE_CHANGELOG.name)
    deliver(app, stage, topics.LIFECYCLE.name)
    return app


def _predict(settings: Settings) -> StageApp:
    # The other stages start without xgboost, and all but the sink without SQLAlchemy: imports
    # were more than half of the way back after a crash.
    from models.registry import Registry
    from streams.predictor import Levels
    from streams.stages.predict import PredictConfig, PredictStage

    app = _app("predict", settings, settings.predict_batch_records)
    low, high = settings.reschedule_risk_threshold_low, settings.reschedule_risk_threshold_high
    config = PredictConfig(
        bootstrap=_bootstrap(settings),
        generation=settings.topic_generation,
        flush_seconds=settings.predict_flush_ms / 1000,
        levels=Levels(medium=low, high=high),
        reached=crash_at(settings.crash_at),
        time=settings.topic_time,
    )
    models = Registry(settings.model_path)
    stage = app.stage = PredictStage(app, config, models, SystemClock(), crash)
    keep_rows(app, topics.PREDICT_CHANGELOG.name)
    deliver(app, stage, topics.LIFECYCLE.name, topics.COMMANDS.name)
    return app


def _sink(settings: Settings) -> StageApp:
    from streams.stages.sink import SUNK, SinkStage

    if settings.database_url is None:
        raise ConfigurationError("TQ_DATABASE_URL is missing: where is Postgres?")
    url = settings.database_url.get_secret_value()
    app = _app("sink", settings, settings.sink_batch_records)
    stage = app.stage = SinkStage(
        app, crash, crash_at(settings.crash_at), settings.sink_batch_records
    )
    deliver(app, stage, *SUNK)

    async def connect() -> None:
        stage.use(await open_pool(url, application_name="tq-sink"))

    app.before = connect
    return app


STAGES: dict[str, Callable[[Settings], StageApp]] = {
    "score": _score,
    "predict": _predict,
    "sink": _sink,
}


def _bootstrap(settings: Settings) -> str:
    if settings.kafka_bootstrap is None:
        raise ConfigurationError("TQ_KAFKA_BOOTSTRAP is missing: where is Kafka?")
    return settings.kafka_bootstrap


def _app(stage: str, settings: Settings, batch_records: int) -> StageApp:
    broker = URL(f"kafka://{_bootstrap(settings)}")
    slot = settings.worker_slot
    app = StageApp(
        group_of(stage, settings.topic_generation),
        broker=str(broker),
        store="memory://",
        datadir=str(settings.data_dir / "faust" / f"{stage}-{slot or 'dynamic'}"),
        web_enabled=False,
        topic_partitions=settings.topic_partitions,
        topic_allow_declare=False,
        topic_disable_leader=True,
        table_standby_replicas=0,
        TableManager=LogTables,
        # An agent that raises must end the process: a restarted agent would commit past the
        # event that it failed on.
        agent_supervisor=CrashingSupervisor,
        stream_buffer_maxsize=16,
        stream_recovery_delay=0.0,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=f"{stage}-{slot}" if slot else None,
        consumer_max_fetch_size=FETCH_BYTES,
        broker_max_poll_records=4 * batch_records,
        broker_commit_interval=1.0,
        broker_session_timeout=settings.session_timeout_ms / 1000,
        broker_heartbeat_interval=settings.session_timeout_ms / 5000,
        broker_rebalance_timeout=2 * settings.session_timeout_ms / 1000,
        # Batches are built by hand; a linger would only hold up the next request to the node.
        producer_linger=0,
        producer_max_batch_size=1 << 20,
        producer_max_request_size=REQUEST_BYTES,
    )
    app.transport = _transport(broker, app, batch_records)
    app.producer_transport = app.transport
    return app


def _transport(broker: URL, app: StageApp, batch_records: int) -> BatchTransport:
    class Consumer(BatchConsumer):
        pass

    Consumer.batch_records = batch_records
    Consumer.crash = staticmethod(crash)
    transport = BatchTransport([broker], app)
    transport.Consumer = Consumer
    return transport


def run(stage: str, settings: Settings) -> Any:
    """Run a stage until it is told to stop; returns when it has drained and committed."""
    app = app_for(stage, settings)
    worker = faust.Worker(
        app, loglevel=settings.log_level, redirect_stdouts=False, quiet=True, console_port=0
    )
    # What stands at the start stays: a look for garbage among it would hold up every score.
    gc.collect()
    gc.freeze()
    return worker.execute_from_commandline()
