"""Broker, Postgres and both stages, driven by the command line as operators drive it."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import asyncpg

from schemas.admin import apply_topics
from tests.support import broker, stages
from tutor_quality.local.postgres import Postgres
from tutor_quality.settings import inherited_environment
from tutor_quality.storage.migrate import upgrade

ROOT = Path(__file__).parents[2]
HOTEL = ("tests/data/hotel_excerpt.csv", "--map", "mappings/hotel.yaml")
PATIENCE_SECONDS = 60
PEPPER = "pepper of the tests, long enough"


@dataclass(frozen=True)
class Pipeline:
    kafka: str
    database: str
    folder: Path

    def tq(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "tutor_quality.cli", *arguments],
            cwd=ROOT,
            env={
                **inherited_environment(),
                "TQ_KAFKA_BOOTSTRAP": self.kafka,
                "TQ_DATABASE_URL": self.database,
                "TQ_DATA_DIR": str(self.folder),
                "TQ_API_PEPPER": PEPPER,
            },
            capture_output=True,
            text=True,
            timeout=200,
            check=False,
        )

    def answer(self, *arguments: str, code: int = 0) -> Any:
        """What a command says with --json; it must end with `code`."""
        done = self.tq(*arguments, "--json")
        assert done.returncode == code, done.stdout + done.stderr
        return json.loads(done.stdout)

    def sql(self, statement: str, *values: object) -> list[asyncpg.Record]:
        async def run() -> list[asyncpg.Record]:
            connection = await asyncpg.connect(self.database)
            try:
                return list(await connection.fetch(statement, *values))
            finally:
                await connection.close()

        return asyncio.run(run())

    def wait_for(self, statement: str, wanted: Callable[[list[asyncpg.Record]], bool]) -> None:
        """Until Postgres says so."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not wanted(rows := self.sql(statement)):
            assert monotonic() < deadline, (statement, rows)
            sleep(0.1)

    @contextmanager
    def stage(self, name: str, **settings: str) -> Iterator["subprocess.Popen[bytes]"]:
        known = {"session_timeout_ms": "6000", "database_url": self.database, **settings}
        with stages.running(name, self.kafka, self.folder, **known) as process:
            yield process


@contextmanager
def a_pipeline(folder: Path, postgres_server: Postgres) -> Iterator[Pipeline]:
    """Empty, and no stage runs."""
    name = folder.name.replace("-", "_")
    postgres_server.create_database(name)
    database = postgres_server.url(name)
    upgrade(database)
    with broker.running(broker.a_broker(folder)) as kafka:
        apply_topics(kafka.bootstrap, partitions=4, embedded=True)
        yield Pipeline(kafka.bootstrap, database, folder)
    postgres_server.drop_database(name)
