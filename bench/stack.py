"""A broker, a Postgres and stages of our own, for one measurement; the product's own classes."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep

import psutil
from confluent_kafka import Consumer, TopicPartition

from schemas import topics
from schemas.admin import apply_topics
from streams.groups import group_of
from tests.support import broker, postgres
from tutor_quality.errors import TransientFailure
from tutor_quality.local.groups import Groups, inputs
from tutor_quality.settings import inherited_environment
from tutor_quality.storage.migrate import upgrade

PARTITIONS = 4
NO_MOVEMENT_SECONDS = 60
START_SECONDS = 8
NO_DATABASE = "postgresql://nobody@127.0.0.1:1/none"


@dataclass(frozen=True)
class Used:
    """What a stage used from its start until it was asked."""

    cpu_seconds: float
    peak_megabytes: float


@dataclass(frozen=True)
class Stack:
    kafka: str
    database: str
    postgres_pid: int
    folder: Path

    def environment(self, **settings: str) -> dict[str, str]:
        return {
            **inherited_environment(),
            "TQ_KAFKA_BOOTSTRAP": self.kafka,
            "TQ_DATABASE_URL": self.database,
            "TQ_DATA_DIR": str(self.folder),
            **settings,
        }

    def tq(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "tutor_quality.cli", *arguments],
            env=self.environment(),
            stdout=subprocess.PIPE,
            check=True,
            text=True,
        )
        return done.stdout

    def start(self, stage: str, pin: Sequence[int] = ()) -> psutil.Process:
        """The stage, on the given processors only if any are given."""
        with (self.folder / f"{stage}.log").open("ab") as log:
            child = subprocess.Popen(
                [sys.executable, "-m", "streams", stage],
                env=self.environment(TQ_LOG_LEVEL="INFO", TQ_WORKER_SLOT="0"),
                stdout=log,
                stderr=log,
            )
        process = psutil.Process(child.pid)
        if pin:
            process.cpu_affinity(list(pin))
        return process

    def start_cost(self, stage: str) -> float:
        """CPU seconds of a start with nothing to do."""
        process = self.start(stage)
        sleep(START_SECONDS)
        times = process.cpu_times()
        stop(process)
        return times.user + times.system

    def until_caught_up(self, stage: str, process: psutil.Process) -> Used:
        """Returns when the stage has committed everything; fails when nothing moves."""
        peak, last, moved = 0, -1, monotonic()
        while True:
            sleep(0.25)
            if not process.is_running() or process.status() == psutil.STATUS_ZOMBIE:
                raise RuntimeError(f"{stage} has died:\n{self.log(stage)[-3000:]}")
            peak = max(peak, process.memory_info().rss)
            behind = self.lag(stage)
            if behind == 0:
                break
            if behind != last:
                last, moved = behind, monotonic()
            if monotonic() - moved > NO_MOVEMENT_SECONDS:
                raise RuntimeError(
                    f"{stage} stands still, {behind} behind:\n{self.log(stage)[-3000:]}"
                )
        times = process.cpu_times()
        return Used(times.user + times.system, peak / 1e6)

    def lag(self, stage: str) -> int:
        """Records between the stage's commits and the ends; a young group is wholly behind."""
        try:
            lag: int = self._groups.lag(group_of(stage, 1), inputs(stage))
        except TransientFailure:
            return sys.maxsize
        return lag

    @cached_property
    def _groups(self) -> Groups:
        """One connection: librdkafka crashes when one is dropped while it still has a question."""
        return Groups(self.kafka)

    def count(self, topic: str) -> int:
        consumer = Consumer({"bootstrap.servers": self.kafka, "group.id": "bench"})
        ends = [
            consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1]
            for partition in range(PARTITIONS)
        ]
        consumer.close()
        return sum(ends)

    def bytes_of(self, topic: str) -> int:
        segments = (self.folder / "broker").rglob(f"{topic}-*/*.log")
        return sum(segment.stat().st_size for segment in segments)

    def postgres_cpu(self) -> float:
        """CPU seconds of the server and its living backends."""
        server = psutil.Process(self.postgres_pid)
        every = [server, *server.children(recursive=True)]
        return sum(t.user + t.system for t in (process.cpu_times() for process in every))

    def log(self, stage: str) -> str:
        return (self.folder / f"{stage}.log").read_text()


@contextmanager
def running() -> Iterator[Stack]:
    with (
        kafka_alone() as alone,
        postgres.running(postgres.a_server(alone.folder / "postgres")) as server,
    ):
        apply_topics(alone.kafka, partitions=PARTITIONS, embedded=True)
        server.create_database("bench")
        url = server.url("bench")
        upgrade(url)
        pid = int((server.data_dir / "postmaster.pid").read_text().split()[0])
        yield replace(alone, database=url, postgres_pid=pid)


@contextmanager
def kafka_alone() -> Iterator[Stack]:
    """A broker without topics, and no Postgres."""
    with TemporaryDirectory(prefix="tq-bench-") as name:
        folder = Path(name)
        (folder / "broker").mkdir()
        with broker.running(broker.a_broker(folder / "broker")) as kafka:
            yield Stack(kafka.bootstrap, NO_DATABASE, 0, folder)


def stop(process: psutil.Process) -> None:
    process.terminate()
    process.wait(30)


LIFECYCLE = topics.LIFECYCLE.name
