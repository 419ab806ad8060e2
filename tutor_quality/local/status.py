"""How the running stack is."""

import asyncio
from datetime import datetime

import asyncpg
from confluent_kafka import KafkaException
from pydantic import BaseModel, Field

from streams.groups import group_of
from tutor_quality.errors import TransientFailure
from tutor_quality.local import ports
from tutor_quality.local.connections import connections
from tutor_quality.local.groups import STAGES, Groups, inputs
from tutor_quality.local.home import Home, Run
from tutor_quality.settings import Settings

TIMEOUT_SECONDS = 5.0
APPLIED_UNTIL = """
    -- A partition that never had a record is complete up to the epoch.
    SELECT min(applied_until) FILTER (WHERE applied_until > 'epoch') FROM pipeline_progress
    WHERE generation = (SELECT max(generation) FROM pipeline_progress)
"""


STOPPED = """
    SELECT partition, stopped AS reason FROM pipeline_progress
    WHERE stopped IS NOT NULL AND generation = (SELECT max(generation) FROM pipeline_progress)
    ORDER BY partition
"""


MODEL = """
    SELECT max(champion) AS champion, bool_or(degraded) AS degraded, max(why) AS why
    FROM model_status WHERE model = 'reschedule' HAVING count(*) > 0
"""


class ModelStatus(BaseModel):
    champion: str | None = Field(description="version; null = the fallback ladder answers")
    degraded: bool = Field(description="something else answers than what should")
    why: str | None


class StoppedPartition(BaseModel):
    partition: int
    reason: str


class StageStatus(BaseModel):
    lag: int | None = Field(description="records not yet committed; null = Kafka does not answer")
    applied_until: datetime | None = Field(description="null = nothing applied yet")
    pids: list[int]
    stopped_partitions: list[StoppedPartition] = Field(
        default_factory=list, description="stand still until `tq resume`"
    )


class Status(BaseModel):
    """The addresses are null while no stack runs."""

    ready: bool
    api: dict[str, str | None]
    kafka: dict[str, str | None]
    database: dict[str, str | None]
    stages: dict[str, StageStatus]
    model: ModelStatus | None = Field(None, description="null = no worker has said anything yet")
    problems: list[str] = Field(description="why it is not ready")


def status(settings: Settings) -> Status:
    """Asks every part. Raises ConfigurationError if no stack runs."""
    known = connections(settings)
    run = Home(settings.data_dir).read_run()
    problems = [] if run.ready else ["the stack is still starting"]
    if not ports.answers_http(known.api_url):
        problems.append("the API does not answer")
    until, stopped, model = _progress(known.database_url, problems)
    lags = _lags(known.kafka_bootstrap, settings.topic_generation, problems)
    pids = {stage: _pids(run, stage) for stage in STAGES}
    problems += [f"stage {stage} does not run" for stage in STAGES if not pids[stage]]
    problems += [
        f"partition {one.partition} of stage score is stopped: {one.reason}" for one in stopped
    ]
    return Status(
        ready=not problems,
        api={"url": known.api_url},
        kafka={"bootstrap": known.kafka_bootstrap},
        database={"url": known.database_url},
        stages={
            stage: StageStatus(
                lag=lags.get(stage),
                applied_until=until,
                pids=pids[stage],
                stopped_partitions=stopped if stage == "score" else [],
            )
            for stage in STAGES
        },
        model=model,
        problems=problems,
    )


def no_stack(why: str) -> Status:
    """The form of the answer when there is nobody to ask."""
    return Status(
        ready=False,
        api={"url": None},
        kafka={"bootstrap": None},
        database={"url": None},
        stages={},
        problems=[why],
    )


def _lags(bootstrap: str, generation: int, problems: list[str]) -> dict[str, int]:
    groups = Groups(bootstrap)
    try:
        return {stage: groups.lag(group_of(stage, generation), inputs(stage)) for stage in STAGES}
    except (TransientFailure, KafkaException) as error:
        problems.append(str(error))
        return {}


Progress = tuple[datetime | None, list[StoppedPartition], ModelStatus | None]


def _progress(database_url: str, problems: list[str]) -> Progress:
    async def ask() -> Progress:
        connection = await asyncpg.connect(database_url, timeout=TIMEOUT_SECONDS)
        try:
            stopped = await connection.fetch(STOPPED)
            until: datetime | None = await connection.fetchval(APPLIED_UNTIL)
            model = await connection.fetchrow(MODEL)
            return (
                until,
                [StoppedPartition(**row) for row in stopped],
                ModelStatus(**model) if model else None,
            )
        finally:
            await connection.close()

    try:
        return asyncio.run(ask())
    except (OSError, asyncpg.PostgresError) as error:
        problems.append(f"Postgres does not answer: {error!r}")
        return None, [], None


def _pids(run: Run, stage: str) -> list[int]:
    identity = run.processes.get(stage)
    return [identity.pid] if identity is not None and identity.process() is not None else []
