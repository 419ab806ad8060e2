"""A campaign against the sink's writer alone: real Postgres, simulated log, simulated workers."""

import asyncio
import contextlib
import os
import secrets
import shutil
import subprocess
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

import asyncpg

from schemas import topics
from schemas.codec import decode
from streams.sharing import SharedWriter
from streams.sink_writer import SinkWriter
from tutor_quality.campaign.nemesis.cluster import POSTGRES_OPTIONS, READY_SECONDS, Service
from tutor_quality.campaign.nemesis.load import Load, a_load
from tutor_quality.campaign.nemesis.nemesis import DATABASE_GONE
from tutor_quality.campaign.nemesis.observed import READ, read_tables
from tutor_quality.campaign.nemesis.oracles import Ledger, check
from tutor_quality.campaign.nemesis.proxy import Proxy
from tutor_quality.campaign.nemesis.records import Place, Stored
from tutor_quality.campaign.nemesis.sink_log import SimulatedLog, a_log, add_profiles
from tutor_quality.errors import TransientFailure
from tutor_quality.ingest.catch_up import SUNK
from tutor_quality.local import ports, postgres
from tutor_quality.local.programs import wait_until
from tutor_quality.settings import Settings
from tutor_quality.storage.engine import open_pool
from tutor_quality.storage.migrate import upgrade
from tutor_quality.storage.tables import metadata

Say = Callable[[str], None]
START = 1_500_000_000_000
PARTITIONS = 2
SESSIONS = 60
MOST_RECORDS = 12
"""Of one batch."""
COMMIT_SHARE = 0.5
"""How often what was written is committed at once: the rest is written again after a kill."""
HASTE = 0.1
"""The writer's pauses are cut to this, as the faults are short."""
LOOK_SECONDS = 0.05
PATIENCE_SECONDS = 60.0
TMPFS_BYTES = 256 << 20
FULL_SECONDS = 0.4
LOCKED_SECONDS = 0.02
TOPICS = {topic.name: topic for topic in topics.CATALOGUE}
APPLICATION = "tq-sink-campaign"
CONFLICTING_ROWS = {
    "tutor_scores": "SELECT 1 FROM tutor_scores WHERE tutor_id = $1 FOR UPDATE",
    "tutors": "SELECT 1 FROM tutors WHERE id = $1 FOR UPDATE",
}

WEIGHTS = {
    "kill": 4,
    "zombie": 4,
    "terminated-backends": 4,
    "lost-commits": 4,
    "connections-cut": 2,
    "rows-locked-in-another-order": 4,
    "server-kill": 1,
    "disk-full": 1,
}
"""How often each kind is drawn."""


@dataclass(frozen=True, slots=True)
class Fault:
    kind: str
    at: int
    """Before the so-many-th batch."""
    count: int

    def __str__(self) -> str:
        return f"batch {self.at}: {self.kind} x{self.count}"


def draw(random: Random) -> list[Fault]:
    """Two to eight, in the order of their batches."""
    kinds = random.choices(list(WEIGHTS), list(WEIGHTS.values()), k=random.randint(2, 8))
    faults = [Fault(kind, random.randint(1, 40), random.randint(1, 4)) for kind in kinds]
    return sorted(faults, key=lambda fault: fault.at)


@dataclass(slots=True)
class SinkResult:
    schedules: int = 0
    faults: Counter[str] = field(default_factory=Counter)
    """Those that took place."""
    happened: Counter[str] = field(default_factory=Counter)
    """What came of them."""
    compared: int = 0
    disk_full: str = "run on a tmpfs of our own"
    diverged: list[dict[str, object]] = field(default_factory=list)

    def as_dict(self) -> dict[str, object]:
        return {
            "schedules": self.schedules,
            "faults": self.faults.total(),
            "divergences": len(self.diverged),
            "by_fault": dict(sorted(self.faults.items())),
            "happened": dict(sorted(self.happened.items())),
            "compared": self.compared,
            "disk_full": self.disk_full,
            "diverged": self.diverged,
        }


class Server:
    """A Postgres whose disk can be filled, if the system lets us mount one."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._disk = folder / "disk"
        self._ballast = self._disk / "ballast"
        self._postgres = postgres.Postgres(
            data_dir=self._disk / "pg",
            log=folder / "postgres.log",
            port=ports.any_free(),
            password=secrets.token_urlsafe(16),
            bin_dir=postgres.bin_folder(settings.postgres_bin),
            options=(*POSTGRES_OPTIONS, "max_wal_size=64MB", "min_wal_size=32MB"),
        )
        self.service = Service(self._postgres.program())
        self.proxy = Proxy(self._postgres.port)
        self.url = self._postgres.url()
        self.url_through_proxy = postgres.url(self.proxy.port, self._postgres.password)
        self.has_own_disk = False

    @contextlib.contextmanager
    def running(self) -> Iterator["Server"]:
        with self._mounted(), self.proxy.running():
            self._postgres.prepare()
            self.service.start()
            try:
                wait_until(
                    self._postgres.answers,
                    self._postgres.program(),
                    self.service.process,
                    patience_seconds=READY_SECONDS,
                )
                self._postgres.create_database()
                upgrade(self.url)
                yield self
            finally:
                self.service.kill()

    @contextlib.contextmanager
    def _mounted(self) -> Iterator[None]:
        self._disk.mkdir()
        size = f"size={TMPFS_BYTES}"
        mount = ["mount", "-t", "tmpfs", "-o", size, "tmpfs", str(self._disk)]
        done = shutil.which("mount") and subprocess.run(mount, check=False, capture_output=True)
        self.has_own_disk = bool(done) and done.returncode == 0  # type: ignore[union-attr]
        try:
            yield
        finally:
            if self.has_own_disk:
                subprocess.run(["umount", str(self._disk)], check=True)

    async def until_up(self) -> None:
        """Raises TransientFailure if it does not come back."""
        deadline = monotonic() + READY_SECONDS
        while not await asyncio.to_thread(self._postgres.answers):
            if monotonic() > deadline:
                raise TransientFailure("Postgres does not come back")
            self.service.revive()
            await asyncio.sleep(LOOK_SECONDS)

    def fill(self) -> None:
        """Until not a page is left."""
        with self._ballast.open("wb") as ballast:
            for size in (1 << 20, 1 << 12):
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(ballast.fileno(), ballast.seek(0, os.SEEK_END), size)

    def empty(self) -> None:
        self._ballast.unlink(missing_ok=True)


class SinkSchedule:
    """One log written to one database, with faults on the way."""

    def __init__(self, server: Server, log: SimulatedLog, faults: list[Fault], seed: int) -> None:
        self._server = server
        self._log = {place: records for place, records in log.items() if place[0] in SUNK}
        self._ahead = faults
        self._random = Random(f"workers {seed}")
        self._committed: Counter[Place] = Counter()
        self._background: set[asyncio.Task[None]] = set()
        self._batches = 0
        self._killed = asyncio.Event()
        self.done: Counter[str] = Counter()
        self.happened: Counter[str] = Counter()
        self.refused: dict[Place, set[int]] = {place: set() for place in self._log}

    async def run(self) -> None:
        """Until everything is written and committed. Raises TransientFailure when stuck."""
        tasks = {asyncio.create_task(self._keep_server()), asyncio.create_task(self._live())}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in (*tasks, *self._background):
            task.cancel()
        await asyncio.gather(*tasks, *self._background, return_exceptions=True)
        self._server.empty()
        for task in done:
            task.result()

    async def _live(self) -> None:
        while any(self._committed[place] < len(log) for place, log in self._log.items()):
            await self._live_until_killed()
        await asyncio.gather(*self._background)

    async def _live_until_killed(self) -> None:
        """One worker: a task for each partition, as in `streams/partitions.py`."""
        self._killed.clear()
        async with self._a_pool() as pool:
            writer = SharedWriter(SinkWriter(pool, sleep=self._pause))
            everything = asyncio.create_task(self._write_everything(writer))
            killed = asyncio.create_task(self._killed.wait())
            try:
                await asyncio.wait([everything, killed], return_when=asyncio.FIRST_COMPLETED)
                if everything.done():
                    everything.result()
            finally:
                # A process that is killed says no goodbye to Postgres.
                pool.terminate()
                everything.cancel()
                killed.cancel()
                await asyncio.gather(everything, killed, return_exceptions=True)
                await writer.close()

    async def _write_everything(self, writer: SharedWriter) -> None:
        await asyncio.gather(*(self._work(writer, place) for place in self._log))

    async def _work(self, writer: SharedWriter, place: Place) -> None:
        log, position = self._log[place], self._committed[place]
        while position < len(log):
            self._batches += 1
            await self._strike()
            end = min(position + self._random.randint(1, MOST_RECORDS), len(log))
            await self._write(writer, place, position, end)
            position = end
            if position == len(log) or self._random.random() < COMMIT_SHARE:
                self._committed[place] = position

    async def _write(self, writer: SharedWriter, place: Place, begin: int, end: int) -> None:
        topic = TOPICS[place[0]]
        refused = await writer.write(topic, place[1], self._log[place][begin:end])
        self.refused[place] |= {row.offset for row in refused}

    async def _pause(self, seconds: float) -> None:
        self.happened["writings tried again"] += 1
        await asyncio.sleep(seconds * HASTE)

    async def _strike(self) -> None:
        while self._ahead and self._ahead[0].at <= self._batches:
            fault = self._ahead.pop(0)
            if await self._do(fault):
                self.done[fault.kind] += 1

    async def _do(self, fault: Fault) -> bool:
        """False = it cannot be done here."""
        match fault.kind:
            case "kill":
                self._killed.set()
            case "zombie":
                self._aside(self._zombie())
            case "terminated-backends":
                await self._terminate_backends()
            case "lost-commits":
                self._server.proxy.lose_commits(fault.count)
            case "connections-cut":
                self._server.proxy.cut()
            case "rows-locked-in-another-order":
                self._aside(self._lock_rows(fault.count))
            case "server-kill":
                self._server.service.kill()
            case "disk-full":
                if not self._server.has_own_disk:
                    return False
                self._aside(self._full_disk())
        return True

    def _aside(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)

    async def _zombie(self) -> None:
        """A worker that was believed dead writes again what others have written since."""
        begins = {place: self._random.randint(0, at) for place, at in self._committed.items()}
        ends = dict(self._committed)
        async with self._a_pool() as pool:
            writer = SharedWriter(SinkWriter(pool, sleep=self._pause))
            for place, begin in begins.items():
                while begin < ends[place]:
                    end = min(begin + self._random.randint(1, MOST_RECORDS), ends[place])
                    await self._write(writer, place, begin, end)
                    begin = end

    async def _terminate_backends(self) -> None:
        with contextlib.suppress(*DATABASE_GONE):
            async with self._a_connection() as connection:
                await connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE application_name = $1",
                    APPLICATION,
                )

    async def _lock_rows(self, rounds: int) -> None:
        """Somebody else locks the rows from the other end, which makes deadlocks."""
        tutors = sorted({(r.key or b"").decode() for r in self._scores()}, reverse=True)
        with contextlib.suppress(*DATABASE_GONE):
            async with self._a_connection() as connection:
                for _ in range(rounds):
                    async with connection.transaction():
                        for tutor in tutors:
                            for statement in CONFLICTING_ROWS.values():
                                await connection.execute(statement, tutor)
                            await asyncio.sleep(LOCKED_SECONDS / len(tutors))

    def _scores(self) -> Iterator[Stored]:
        for (topic, _), records in self._log.items():
            if topic == topics.SCORE.name:
                yield from records

    async def _full_disk(self) -> None:
        self._server.fill()
        await asyncio.sleep(FULL_SECONDS)
        self._server.empty()

    async def _keep_server(self) -> None:
        """Raises TransientFailure when nothing moves though the server is there."""
        seen, moved = 0, monotonic()
        while True:
            self._server.service.revive()
            if self._batches != seen:
                seen, moved = self._batches, monotonic()
            elif monotonic() - moved > PATIENCE_SECONDS:
                raise TransientFailure(f"nothing was written for {PATIENCE_SECONDS:.0f} s")
            await asyncio.sleep(LOOK_SECONDS)

    @contextlib.asynccontextmanager
    async def _a_pool(self) -> AsyncIterator[asyncpg.Pool]:
        """Like a worker that is started again until Postgres is there."""
        while True:
            try:
                url = self._server.url_through_proxy
                pool = await open_pool(url, application_name=APPLICATION)
                break
            except (TransientFailure, *DATABASE_GONE):
                await asyncio.sleep(LOOK_SECONDS)
        try:
            yield pool
        finally:
            pool.terminate()

    @contextlib.asynccontextmanager
    async def _a_connection(self) -> AsyncIterator[asyncpg.Connection]:
        connection = await asyncpg.connect(self._server.url, timeout=5)
        try:
            yield connection
        finally:
            connection.terminate()


def run_sink_schedules(seeds: range, settings: Settings, say: Say) -> SinkResult:
    """Each seed is one schedule; its draw depends on nothing else."""
    result = SinkResult()
    folder = Path(tempfile.mkdtemp(prefix="tq-sink-campaign-"))
    try:
        server = Server(folder, settings)
        with server.running():
            if not server.has_own_disk:
                result.disk_full = "not run: this system does not let us mount a small disk"
            for seed in seeds:
                asyncio.run(_run_one(server, seed, result, say))
    finally:
        shutil.rmtree(folder)
    return result


async def _run_one(server: Server, seed: int, result: SinkResult, say: Say) -> None:
    faults = draw(Random(seed))
    say(f"schedule {seed}: {'; '.join(map(str, faults))}")
    random = Random(f"log {seed}")
    load = a_load(random, START, [(random.random(), 5)], PARTITIONS, SESSIONS)
    log = await a_log(load, random, PARTITIONS)
    refused = add_profiles(log, sorted(load.tutors), random)
    schedule = SinkSchedule(server, log, list(faults), seed)
    deadlocks = await _deadlocks(server)
    try:
        await schedule.run()
        await server.until_up()
        compared, problems = await _check(server, schedule, log, load, refused)
        result.compared += compared
    except TransientFailure as stuck:
        problems = [str(stuck)]
    schedule.happened["deadlocks"] = max(await _deadlocks(server) - deadlocks, 0)
    result.schedules += 1
    result.faults += schedule.done
    result.happened += schedule.happened
    if problems:
        say("\n".join(f"  DIVERGED: {problem}" for problem in problems))
        result.diverged.append(
            {"seed": seed, "faults": list(map(str, faults)), "problems": problems}
        )
    await _empty(server)


async def _check(
    server: Server, schedule: SinkSchedule, log: SimulatedLog, load: Load, refused: frozenset[int]
) -> tuple[int, list[str]]:
    ledger = Ledger()
    ledger.take({topic.name: log.of(topic.name) for topic in READ})
    compared, problems = check(ledger, load, await read_tables(server.url, load.tutors))
    right = {(topics.TUTOR_PROFILE.name, 0, offset) for offset in refused}
    said = {(*place, offset) for place, found in schedule.refused.items() for offset in found}
    if said != right:
        problems.append(f"refused rows: {sorted(right)} expected, {sorted(said)} found")
    return compared + 2, problems + await _check_positions(server, log, refused)


async def _check_positions(server: Server, log: SimulatedLog, refused: frozenset[int]) -> list[str]:
    """The sink is at the end of everything, shows the last progress, and has the names."""
    accepted = [r.key for r in log.of(topics.TUTOR_PROFILE.name) if r.offset not in refused]
    ends = {(*place, len(records)) for place, records in log.items() if place[0] in SUNK}
    progress = {
        (place[1], decode("partition_progress", records[-1].value or b"")["applied_offset"])
        for place, records in log.items()
        if place[0] == topics.PROGRESS.name
    }
    async with await open_pool(server.url, application_name="tq-check", max_size=1) as pool:
        pairs = [
            (ends, "SELECT topic, partition, next_offset FROM sink_positions"),
            (progress, "SELECT partition, applied_offset FROM pipeline_progress"),
            ({(len(set(accepted)),)}, "SELECT count(*) FROM tutors WHERE name = 'Zoë'"),
            ({(0,)}, "SELECT count(*) FROM pending_progress"),
        ]
        found = [(right, {tuple(row) for row in await pool.fetch(sql)}) for right, sql in pairs]
    return [f"{right} expected, {got} found" for right, got in found if right != got]


async def _deadlocks(server: Server) -> int:
    """As Postgres counted them since its last crash."""
    async with await open_pool(server.url, application_name="tq-check", max_size=1) as pool:
        count: int = await pool.fetchval("SELECT sum(deadlocks)::int FROM pg_stat_database")
        return count


async def _empty(server: Server) -> None:
    server.proxy.heal()
    async with await open_pool(server.url, application_name="tq-check", max_size=1) as pool:
        await pool.execute(f"TRUNCATE {', '.join(metadata.tables)}")
