"""A broker, a Postgres and workers of our own, as processes that faults are done to."""

import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from time import monotonic, sleep

import psutil

from schemas.admin import apply_topics
from tutor_quality.campaign.nemesis.proxy import Proxy
from tutor_quality.errors import TransientFailure
from tutor_quality.local import kafka, ports, postgres
from tutor_quality.local.programs import Program, spawn
from tutor_quality.settings import Settings
from tutor_quality.storage.migrate import upgrade

PARTITIONS = 4
READY_SECONDS = 180.0
LOOK_SECONDS = 0.05
RESTART_SECONDS = 1.0
"""A worker that dies at its start, because a server is away, is not tried again earlier."""
STOP_SECONDS = 30.0
WORKER_SETTINGS = {
    "TQ_SESSION_TIMEOUT_MS": "6000",
    # Time passes with the log only, so that a schedule can live through a hundred days.
    "TQ_TOPIC_TIME": "log",
    "TQ_POISON_RATIO": "0.2",
    "TQ_LOG_LEVEL": "INFO",
    "PYTHONFAULTHANDLER": "1",
}
POSTGRES_OPTIONS = ("fsync=off", "full_page_writes=off", "deadlock_timeout=100ms")
"""A killed server loses nothing that it had handed to the system; a commit waits for that."""

LISTENERS = """
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller},PROXIED://127.0.0.1:{inner}
advertised.listeners=PLAINTEXT://127.0.0.1:{port},PROXIED://127.0.0.1:{outer}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
"""


class Service:
    """A program that is started again and again."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._started_at = -RESTART_SECONDS
        self.starts = 0
        self.held_down = False
        """A fault keeps it from coming back."""

    @property
    def name(self) -> str:
        return self._program.name

    @property
    def log(self) -> Path:
        return self._program.log

    @property
    def process(self) -> subprocess.Popen[bytes]:
        assert self._process is not None
        return self._process

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        program = self._program
        if environment:
            program = replace(program, environment={**program.environment, **environment})
        self._process = spawn(program)
        self._started_at = monotonic()
        self.starts += 1

    def revive(self) -> None:
        """Start it if it is down and nothing keeps it there."""
        if not (self.alive or self.held_down) and monotonic() - self._started_at > RESTART_SECONDS:
            self.start()

    def kill(self) -> None:
        """SIGKILL, to its children too."""
        if self.alive:
            kill(self.process)

    def stop(self) -> bool:
        """Ask it to end; False = it did not and was killed."""
        if not self.alive:
            return True
        self.process.send_signal(self._program.stop_signal)
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            kill(self.process)
            return False
        return True


def kill(process: subprocess.Popen[bytes]) -> None:
    """SIGKILL to a process and what it has started."""
    if process.poll() is not None:
        return
    victims = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    for victim in victims:
        try:
            victim.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()
    psutil.wait_procs(victims[1:])


class ProxiedKafka(kafka.Kafka):
    """A broker with a second door, whose clients are told to come through a proxy."""

    def open_second_door(self, inner: int, outer: int) -> None:
        """`inner` is the broker's port, `outer` the proxy's. Call it after `prepare`."""
        with self._properties.open("a") as properties:
            properties.write(
                LISTENERS.format(
                    port=self.port, controller=self.controller_port, inner=inner, outer=outer
                )
            )


@dataclass(frozen=True, slots=True)
class Addresses:
    """`bootstrap` and `database_url` go straight to the servers, past the proxies."""

    bootstrap: str
    database_url: str


class Cluster:
    """Everything of one campaign. Call it from one thread, which lives as long as the cluster."""

    def __init__(self, folder: Path, settings: Settings) -> None:
        self._folder = folder
        java = kafka.java_home(settings.java_home)
        self._kafka = ProxiedKafka(
            data_dir=folder / "kafka",
            log=folder / "kafka.log",
            port=ports.any_free(),
            controller_port=ports.any_free(),
            jar_dir=kafka.fetch(settings.cache_path, lambda done, total: None),
            java_home=java,
            startup_cache=kafka.startup_cache(settings.cache_path, java),
        )
        self._postgres = postgres.Postgres(
            data_dir=folder / "pg",
            log=folder / "postgres.log",
            port=ports.any_free(),
            password=secrets.token_urlsafe(16),
            bin_dir=postgres.bin_folder(settings.postgres_bin),
            options=POSTGRES_OPTIONS,
        )
        self._second_door = ports.any_free()
        self.kafka_proxy = Proxy(self._second_door)
        self.postgres_proxy = Proxy(self._postgres.port)
        self.broker = Service(self._kafka.program())
        self.database = Service(self._postgres.program())
        self.workers: dict[str, Service] = {}
        self.ghosts: list[subprocess.Popen[bytes]] = []
        """Frozen processes whose slot somebody else has taken."""
        self._before = _children()
        self.addresses = Addresses(self._kafka.bootstrap, self._postgres.url())

    @contextmanager
    def running(self, workers: Mapping[str, int]) -> Iterator["Cluster"]:
        """With so many workers of each stage."""
        with ExitStack() as stack:
            stack.enter_context(self.kafka_proxy.running())
            stack.enter_context(self.postgres_proxy.running())
            stack.callback(self._end)
            self._start_servers()
            for stage, count in workers.items():
                for slot in range(count):
                    self.worker(stage, slot).start()
            yield self

    def worker(self, stage: str, slot: int) -> Service:
        """Made when it is asked for the first time; not started."""
        name = f"{stage}-{slot}"
        if name not in self.workers:
            self.workers[name] = Service(self._worker_program(stage, slot, name))
        return self.workers[name]

    def revive(self) -> None:
        """Start what has died."""
        for service in self.services():
            service.revive()

    def tell_where_workers_are(self) -> list[str]:
        """Ends them; each writes the stacks of its threads into its log first."""
        found = []
        for worker in self.workers.values():
            if worker.alive:
                seen = psutil.Process(worker.process.pid)
                found.append(f"{worker.name}: {seen.status()}, {seen.cpu_times().user:.1f} s")
                worker.process.send_signal(signal.SIGABRT)
        return found

    def servers_answer(self) -> bool:
        return self._kafka.answers() and self._postgres.answers()

    def wait_for_servers(self) -> None:
        """Raises TransientFailure."""
        deadline = monotonic() + READY_SECONDS
        while not self.servers_answer():
            if monotonic() > deadline:
                raise TransientFailure(f"broker or database do not come up: see {self._folder}")
            self.broker.revive()
            self.database.revive()
            sleep(LOOK_SECONDS)

    def strangers(self) -> set[int]:
        """Our children that are none of the services."""
        known = {s.process.pid for s in self.services() if s.alive}
        known |= {ghost.pid for ghost in self.ghosts}
        return _children() - known - self._before

    def services(self) -> list[Service]:
        return [self.broker, self.database, *self.workers.values()]

    def _start_servers(self) -> None:
        self._kafka.prepare()
        self._kafka.open_second_door(self._second_door, self.kafka_proxy.port)
        self._postgres.prepare()
        self.broker.start()
        self.database.start()
        self.wait_for_servers()
        self._postgres.create_database()
        upgrade(self.addresses.database_url)
        apply_topics(self.addresses.bootstrap, partitions=PARTITIONS, embedded=True)

    def _worker_program(self, stage: str, slot: int, name: str) -> Program:
        outside = replace(self._postgres, port=self.postgres_proxy.port)
        environment = {
            **WORKER_SETTINGS,
            "TQ_KAFKA_BOOTSTRAP": f"{ports.LOOPBACK}:{self.kafka_proxy.port}",
            "TQ_DATABASE_URL": outside.url(),
            "TQ_DATA_DIR": str(self._folder),
            "TQ_WORKER_SLOT": str(slot),
        }
        return Program(
            name,
            (sys.executable, "-m", "streams", stage),
            self._folder / f"{name}.log",
            environment=environment,
        )

    def _end(self) -> None:
        for process in self.ghosts:
            kill(process)
        for service in reversed(self.services()):
            service.kill()


def _children() -> set[int]:
    return {child.pid for child in psutil.Process().children()}
