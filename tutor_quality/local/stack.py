"""The main job: database, broker, stages, API, dashboard and demo, started in their order."""

import asyncio
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from schemas.admin import apply_topics
from streams.groups import group_of
from tutor_quality.errors import ConfigurationError, TransientFailure
from tutor_quality.local import dashboard, kafka, ports, postgres
from tutor_quality.local.connections import Connections, connections
from tutor_quality.local.groups import STAGES, Groups
from tutor_quality.local.home import Home, Identity, Run
from tutor_quality.local.programs import Program
from tutor_quality.local.progress import Display
from tutor_quality.local.supervisor import Part, Supervisor, stop_survivors
from tutor_quality.settings import Settings

log = logging.getLogger(__name__)

DEMO = "demo"
SERVICES, WORKERS = "services", "workers"
INTERRUPTED = 130
GROUPS_POLL_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class Content:
    """What the stack is filled with: the demo, a file, or nothing."""

    empty: bool = False
    file: Path | None = None
    mapping: Path | None = None

    def __post_init__(self) -> None:
        if (self.file is None) != (self.mapping is None):
            raise ConfigurationError("--input and --map (INPUT= and MAP=) go together")

    @property
    def name(self) -> str:
        """As it is remembered, so that it is loaded once."""
        return DEMO if self.file is None else str(self.file.resolve())


class Stopped(Exception):
    """Ends work in a thread when the stack is told to stop."""


PORTS = ("postgres", "kafka", "kafka-controller")


class Stack:
    """The parts of one stack. `start` may be cancelled at any point; then call `stop`."""

    def __init__(
        self, settings: Settings, home: Home, run: Run, content: Content, display: Display
    ) -> None:
        self._settings = settings
        self._home = home
        self._run = run
        self._content = content
        self._display = display
        self._supervisor = Supervisor(home, run)
        self._stopping = threading.Event()
        self._reservations = ports.Reservations(settings.cache_path / "ports")
        self._broker: kafka.Kafka | None = None

    async def start(self) -> None:
        """Raises ConfigurationError with the reason if a part cannot start."""
        self._choose_ports()
        build = asyncio.create_task(self._build_dashboard())
        try:
            await together(self._start_database(), self._start_kafka())
            await together(self._process_history(), self._serve(build))
        finally:
            build.cancel()
            await asyncio.gather(build, return_exceptions=True)
        await self._go_live()
        self._run.ready = True
        self._remember()

    async def stop(self) -> None:
        self._stopping.set()
        self._run.ready = False
        await self._supervisor.stop()
        if self._broker is not None:
            self._broker.keep_recording()
        self._run.forget_processes()
        self._remember()
        self._reservations.release()

    def kill(self) -> None:
        self._supervisor.kill()

    @property
    def connections(self) -> Connections:
        return connections(self._settings)

    async def _start_database(self) -> None:
        if self._settings.database_url is None:
            with self._display.step("Postgres"):
                server = self._a_database()
                await asyncio.to_thread(server.prepare)
                await self._supervisor.start(
                    Part(
                        server.program(),
                        server.answers,
                        postgres.READY_SECONDS,
                        postgres.STOP_SECONDS,
                        team=SERVICES,
                    )
                )
                await asyncio.to_thread(server.create_database)
        with self._display.step("Tables"):
            await asyncio.to_thread(_migrate, self.connections.database_url)

    async def _start_kafka(self) -> None:
        embedded = self._settings.kafka_bootstrap is None
        if embedded:
            await self._start_broker()
        with self._display.step("Topics"):
            await asyncio.to_thread(
                apply_topics,
                self.connections.kafka_bootstrap,
                partitions=self._settings.topic_partitions,
                embedded=embedded,
            )

    async def _start_broker(self) -> None:
        with self._display.step("Apache Kafka, downloads") as step:
            cache = self._settings.cache_path

            def progress(done: int, total: int) -> None:
                if self._stopping.is_set():
                    raise Stopped
                step.advance(done, total)

            mirror = self._settings.maven_repository
            jars = await asyncio.to_thread(kafka.fetch, cache, progress, repository=mirror)
        with self._display.step("Apache Kafka"):
            self._broker = self._a_broker(jars)
            await asyncio.to_thread(self._broker.prepare)
            await self._supervisor.start(
                Part(
                    self._broker.program(),
                    self._broker.answers,
                    kafka.READY_SECONDS,
                    kafka.STOP_SECONDS,
                    team=SERVICES,
                )
            )

    async def _build_dashboard(self) -> None:
        """The stack is useful without it: the API then shows how to build it."""
        if not dashboard.has_sources() or dashboard.is_current(dashboard.FOLDER):
            return
        with self._display.step("Dashboard"):
            try:
                await dashboard.build(
                    self._supervisor,
                    folder=dashboard.FOLDER,
                    cache=self._settings.cache_path,
                    log=self._home.log_file("dashboard"),
                )
            except ConfigurationError as error:
                where = self._home.log_file("dashboard")
                message = "The dashboard was not built, the rest works; the reason is in %s\n%s"
                log.error(message, where, error)

    async def _start_stage(self, stage: str) -> None:
        with self._display.step(f"Stage {stage}"):
            groups = Groups(self.connections.kafka_bootstrap)
            group = group_of(stage, self._settings.topic_generation)
            program = self._python(stage, "streams", stage)
            # A static member of the last run is listed for some seconds after its end.
            before = await _members(groups, group)
            joined = _joined(groups, group, before)
            await self._supervisor.start(Part(program, joined, team=WORKERS))

    async def _start_api(self) -> None:
        with self._display.step("API"):
            port = self._api_port()
            self._run.api_url = f"http://{self._settings.api_host}:{port}"
            self._remember()
            program = self._python("api", "api")
            await self._supervisor.start(Part(program, _answers(self._run.api_url), team=WORKERS))

    async def _process_history(self) -> None:
        await together(*(self._start_stage(stage) for stage in STAGES))
        if self._content.empty or self._content.name in self._run.loaded:
            return
        with self._display.step(f"History ({self._content.name})"):
            await self._supervisor.run_to_end(self._history())
        self._run.loaded.append(self._content.name)
        self._remember()

    async def _serve(self, build: asyncio.Task[None]) -> None:
        # The API looks for the dashboard when it starts.
        await build
        await self._start_api()

    async def _go_live(self) -> None:
        if self._content.name == DEMO and not self._content.empty:
            live = self._python("live", "tutor_quality.ingest.demo", "live")
            await self._supervisor.start(Part(live, lambda: True))

    def _history(self) -> Program:
        if self._content.file is None:
            return self._python("history", "tutor_quality.ingest.demo", "history")
        what = (str(self._content.file), "--map", str(self._content.mapping), "--wait")
        return self._python("replay", "tutor_quality.cli", "replay", *what)

    def _python(self, name: str, module: str, *arguments: str) -> Program:
        return Program(
            name,
            (sys.executable, "-m", module, *arguments),
            self._home.log_file(name),
            environment=self._environment(),
        )

    def _environment(self) -> dict[str, str]:
        """Tells children which parts are theirs; everything else they inherit."""
        known = self.connections
        environment = {
            "TQ_KAFKA_BOOTSTRAP": known.kafka_bootstrap,
            "TQ_DATABASE_URL": known.database_url,
            "TQ_API_PEPPER": known.api_pepper,
            "TQ_DATA_DIR": str(self._home.path),
            "TQ_API_PORT": str(self._run.ports.get("api", self._settings.api_port)),
        }
        if self._settings.kafka_bootstrap is None:
            # A static member that comes back at once gets its partitions at once. Elsewhere
            # other stacks may have taken this slot.
            environment["TQ_WORKER_SLOT"] = "0"
        return environment

    def _a_database(self) -> postgres.Postgres:
        return postgres.Postgres(
            data_dir=self._home.postgres,
            log=self._home.log_file("postgres"),
            port=self._run.ports["postgres"],
            password=self._home.secrets().postgres_password,
            bin_dir=postgres.bin_folder(self._settings.postgres_bin),
        )

    def _a_broker(self, jars: Path) -> kafka.Kafka:
        java = kafka.java_home(self._settings.java_home)
        return kafka.Kafka(
            data_dir=self._home.kafka,
            log=self._home.log_file("kafka"),
            port=self._run.ports["kafka"],
            controller_port=self._run.ports["kafka-controller"],
            jar_dir=jars,
            java_home=java,
            startup_cache=kafka.startup_cache(self._settings.cache_path, java),
        )

    def _choose_ports(self) -> None:
        """Those of the last run if they are free, so that clients find their parts again.

        All at once and first: Postgres is ready long before Kafka's jars are there, and who asks
        where the one is must not fail for want of the other.
        """
        for name in PORTS:
            wanted = chain(self._remembered_port(name), ports.candidates())
            self._run.ports[name] = self._reservations.take(wanted)
        self._remember()

    def _api_port(self) -> int:
        """A changed setting counts more than the port of the last run."""
        preferred = self._settings.api_port
        if self._run.api_preference != preferred:
            self._run.ports.pop("api", None)
            self._run.api_preference = preferred
        wanted = chain(self._remembered_port("api"), ports.upwards(preferred))
        self._run.ports["api"] = self._reservations.take(wanted)
        return self._run.ports["api"]

    def _remembered_port(self, name: str) -> list[int]:
        return [self._run.ports[name]] if name in self._run.ports else []

    def _remember(self) -> None:
        self._home.write_run(self._run)


async def run(
    settings: Settings,
    content: Content,
    display: Display,
    ready: Callable[[Connections], Awaitable[None]],
) -> None:
    """Runs the stack until a signal ends it; call it on the main thread.

    `ready` is awaited once everything answers. Raises ConfigurationError if another stack runs
    in the data folder or a part cannot start; nothing is left running then.
    """
    home = Home(settings.data_dir)
    with home.locked():
        state = _taken_over(home, display)
        stack = Stack(settings, home, state, content, display)
        stopping = _stop_signals(stack.kill)
        try:
            if await _unless(stopping, stack.start()):
                display.rest()
                await ready(stack.connections)
                await stopping.wait()
            display.say("Stopping…")
        finally:
            await stack.stop()


async def together(*steps: Awaitable[None]) -> None:
    """Runs all; the first failure ends the others and is raised."""
    tasks = [asyncio.ensure_future(step) for step in steps]
    try:
        for finished in asyncio.as_completed(tasks):
            await finished
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _members(groups: Groups, group: str) -> set[str]:
    """Waits until a broker that has just started has read its groups."""
    async with asyncio.timeout(kafka.READY_SECONDS):
        while True:
            try:
                return await asyncio.to_thread(groups.members, group)
            except TransientFailure:
                await asyncio.sleep(GROUPS_POLL_SECONDS)


def _joined(groups: Groups, group: str, before: set[str]) -> Callable[[], bool]:
    def joined() -> bool:
        try:
            return bool(groups.members(group) - before)
        except TransientFailure:
            return False

    return joined


def _migrate(database_url: str) -> None:
    # Importing Alembic takes half a second, which passes here while Kafka starts.
    from tutor_quality.storage.migrate import upgrade

    upgrade(database_url)


def _answers(url: str) -> Callable[[], bool]:
    return lambda: ports.answers_http(url)


def _taken_over(home: Home, display: Display) -> Run:
    """The memory of the last run, whose remains are stopped."""
    state = home.read_run()
    for name in stop_survivors(state):
        display.say(f"Stopped {name}, which an earlier run had left.")
    state.forget_processes()
    state.supervisor = Identity.of_self()
    home.write_run(state)
    return state


def _stop_signals(kill: Callable[[], None]) -> asyncio.Event:
    """Set by the first signal; the second one kills everything at once."""
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            kill()
            # Threads that wait for a download must not hold up somebody who asked twice.
            os._exit(INTERRUPTED)
        stopping.set()

    loop = asyncio.get_running_loop()
    for sign in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(sign, stop)
    return stopping


async def _unless(stopping: asyncio.Event, work: Awaitable[None]) -> bool:
    """False if `stopping` came first, which cancels the work; raises what the work raises."""
    task, stop = asyncio.ensure_future(work), asyncio.ensure_future(stopping.wait())
    await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if task.done():
        task.result()
        return True
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return False
