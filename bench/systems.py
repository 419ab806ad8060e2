"""The systems that do job W, each behind the same few questions."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from struct import Struct
from typing import ClassVar

from bench import logs
from bench.logs import Log
from bench.oracle import Score
from bench.peers import environments
from bench.stack import Stack
from schemas import topics
from schemas.admin import apply_topics
from schemas.codec import decode
from schemas.scores import version_of_score
from streams.groups import group_of
from tutor_quality.domain.risk import WINDOW_DAYS

ROOT = Path(__file__).parents[1]


@dataclass(frozen=True)
class Place:
    """The topics and the consumer group of one run, and its number in this bench."""

    run: int
    input: str
    scores: str
    flips: str
    changelog: str
    group: str


@dataclass(frozen=True)
class NumberedFlip:
    number: int
    instant: int
    is_high: bool


class System(ABC):
    name: ClassVar[str]
    title: ClassVar[str]
    emission: ClassVar[str]
    """When it says a score."""
    slow: ClassVar[bool] = False
    """Gets the smaller job."""
    cores: int = 1
    """That it may use."""

    @abstractmethod
    def place(self, run: int, source: str) -> Place:
        """`source` holds the input of those that only read it."""

    @abstractmethod
    def lay_out(self, broker: Stack, place: Place, partitions: int) -> None:
        """Make the topics, empty. Those of an earlier run are gone afterwards."""

    @abstractmethod
    def command(self, broker: Stack, place: Place) -> Sequence[str]: ...

    def environment(self, broker: Stack, place: Place) -> Mapping[str, str]:
        return {}

    @abstractmethod
    def version(self, value: bytes) -> int:
        """Of a score: the offset of the last record that is in it."""

    @abstractmethod
    def score(self, value: bytes) -> Score: ...

    @abstractmethod
    def flips(self, values: Iterator[bytes]) -> Iterator[NumberedFlip]: ...


class Ours(System):
    """The product's own score stage, started as its supervisor does."""

    name = "ours"
    title = "Tutor Quality"
    emission = "once per tutor and record batch"

    def __init__(self, workers: int = 1) -> None:
        self.cores = workers

    def place(self, run: int, source: str) -> Place:
        """Each run is a generation: a new group, which need not wait for the last one's end."""
        return Place(
            run,
            topics.LIFECYCLE.name,
            topics.SCORE.name,
            topics.RISK_CHANGED.name,
            topics.SCORE_CHANGELOG.name,
            group_of("score", run),
        )

    def lay_out(self, broker: Stack, place: Place, partitions: int) -> None:
        """Its input too is made anew: it appends ticks to it."""
        every = Log(broker.kafka)
        every.forget(topic.name for topic in topics.CATALOGUE)
        apply_topics(broker.kafka, partitions=partitions, embedded=True)
        every.stamp([place.scores, place.flips, place.changelog])

    def command(self, broker: Stack, place: Place) -> Sequence[str]:
        if self.cores == 1:
            return [sys.executable, "-m", "streams", "score"]
        return [sys.executable, "-m", "bench.workers", str(self.cores)]

    def environment(self, broker: Stack, place: Place) -> Mapping[str, str]:
        return broker.environment(
            TQ_TOPIC_GENERATION=str(place.run), TQ_WORKER_SLOT="0", TQ_LOG_LEVEL="INFO"
        )

    def version(self, value: bytes) -> int:
        return version_of_score(value)[1]

    def score(self, value: bytes) -> Score:
        said = decode("tutor_score", value)
        counts = [
            said[f"{name}_{days}d"]
            for name in ("total_sessions", "tutor_reschedules")
            for days in WINDOW_DAYS
        ]
        return Score(said["version"], said["as_of"], said["is_high_risk"], tuple(counts))

    def flips(self, values: Iterator[bytes]) -> Iterator[NumberedFlip]:
        """It also says when only the evidence changes: that is no flip."""
        for value in values:
            said = decode("risk_changed", value)
            if said["is_high_risk"] != said["was_high_risk"]:
                yield NumberedFlip(said["transition"], said["occurred_at"], said["is_high_risk"])


SCORE = Struct("<qq?6i")
FLIP = Struct("<iq?")


class Peer(System):
    """Writes packed structs, a fifth of our records' bytes: the cheapest there is."""

    def place(self, run: int, source: str) -> Place:
        name = f"{self.name}-{run}"
        changelog = self.changelog(name, source)
        return Place(run, source, f"{name}-scores", f"{name}-flips", changelog, name)

    @abstractmethod
    def changelog(self, group: str, source: str) -> str:
        """As the system names it."""

    def lay_out(self, broker: Stack, place: Place, partitions: int) -> None:
        kept = {**logs.KEPT, **logs.STAMPED}
        Log(broker.kafka).create(
            {
                place.scores: {**logs.COMPACTED, **logs.STAMPED},
                place.flips: kept,
                place.changelog: {**logs.COMPACTED, **logs.STAMPED},
            },
            partitions,
        )

    def version(self, value: bytes) -> int:
        version: int = SCORE.unpack(value)[0]
        return version

    def score(self, value: bytes) -> Score:
        version, as_of, is_high, *counts = SCORE.unpack(value)
        return Score(version, as_of, is_high, tuple(counts))

    def flips(self, values: Iterator[bytes]) -> Iterator[NumberedFlip]:
        for value in values:
            yield NumberedFlip(*FLIP.unpack(value))

    def _arguments(self, broker: Stack, place: Place) -> list[str]:
        """What every peer is told, in this order."""
        state = broker.folder / place.group
        return [
            broker.kafka,
            place.group,
            place.input,
            place.scores,
            place.flips,
            str(state),
        ]


class PythonPeer(Peer):
    """Runs in an environment of its own."""

    def command(self, broker: Stack, place: Place) -> Sequence[str]:
        return [
            str(environments.python(self.name)),
            "-m",
            f"bench.peers.{self.name}.app",
            *self._arguments(broker, place),
        ]


class Faust(PythonPeer):
    name = "faust"
    title = "stock Faust"
    emission = "per event"
    slow = True

    def changelog(self, group: str, source: str) -> str:
        return f"{group}-rows-changelog"


class Quix(PythonPeer):
    name = "quix"
    title = "Quix Streams"
    emission = "per event"
    slow = True

    def changelog(self, group: str, source: str) -> str:
        return f"changelog__{group}--{source}--default"


class KafkaStreams(Peer):
    name = "kafka-streams"
    title = "Kafka Streams"
    emission = "per event"
    mode = "each"

    def __init__(self, linger_ms: int = 5) -> None:
        self._linger_ms = linger_ms

    def changelog(self, group: str, source: str) -> str:
        return f"{group}-rows-changelog"

    def command(self, broker: Stack, place: Place) -> Sequence[str]:
        return [
            *environments.java(),
            *self._arguments(broker, place),
            self.mode,
            str(self._linger_ms),
        ]


class KafkaStreamsAtCommit(KafkaStreams):
    name = "kafka-streams-at-commit"
    title = "Kafka Streams, at commit"
    emission = "once per tutor and second"
    mode = "at-commit"


SYSTEMS: tuple[System, ...] = (
    Ours(),
    KafkaStreams(),
    KafkaStreamsAtCommit(),
    Quix(),
    Faust(),
)
