"""Latency: from before an event is sent until the score that has it in can be read.

One process sends and reads, on the broker's cores, with one clock. The first seconds of each rate
are not counted.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from random import Random
from threading import Event, Thread
from time import monotonic, sleep, time_ns
from typing import Any

from confluent_kafka import TopicPartition

from bench import logs, spread
from bench.catch_up import start
from bench.events import DAY, HOUR, tutor_key
from bench.logs import Log
from bench.processes import Measured, now
from bench.stack import PARTITIONS, Stack
from bench.systems import Place, System
from schemas.lifecycle import encode_event
from tutor_quality.domain.sessions import EventType, InitiatorName, SessionEvent

TUTORS = 3_000
WARM_UP_SECONDS = 5
SETTLE_SECONDS = 2.0
READY_SECONDS = 60
EXPIRIES = 2_000
EXPIRY_FROM_SECONDS = 6
EXPIRY_SPREAD_SECONDS = 15
WEEK = 7 * DAY


class Sender:
    """Sends events of now, and keeps when it sent which."""

    def __init__(self, log: Log, topic: str) -> None:
        self._producer = log.producer(linger_ms=0)
        self._topic = topic
        self._number = 0
        self._random = Random(1)
        self.sent: list[tuple[bytes, int, float]] = []
        """(tutor, offset, when in seconds)"""

    def send(self, tutor: int, occurred: int) -> None:
        """`occurred` in ms."""
        self._number += 1
        key, event = tutor_key(tutor), _event(self._number, tutor, occurred, self._random)
        value, at = encode_event(event), now()
        self._producer.produce(
            self._topic,
            value,
            key,
            timestamp=time_ns() // 1_000_000,
            on_delivery=lambda error, message: self._delivered(error, message, at),
        )
        self._producer.poll(0)

    def _delivered(self, error: Any, message: Any, at: float) -> None:
        if error:
            raise RuntimeError(str(error))
        self.sent.append((message.key(), message.offset(), at))

    def paced(self, rate: int, seconds: float) -> None:
        """`rate` events a second, of tutors drawn by chance."""
        began = monotonic()
        for number in range(round(rate * seconds)):
            ahead = began + number / rate - monotonic()
            if ahead > 0:
                sleep(ahead)
            self.send(self._random.randrange(TUTORS), time_ns() // 1_000_000)
        self._producer.flush()

    def flush(self) -> None:
        self._producer.flush()


class Reader:
    """Reads a topic in a thread of its own, each record as soon as it is there."""

    def __init__(self, log: Log, topic: str, *, at_end: bool = False) -> None:
        """`at_end`: only what comes from now on."""
        self.seen: list[tuple[float, bytes, bytes]] = []
        """(when in seconds, key, value)"""
        self._consumer = log.consumer()
        ends = log.ends(topic)
        self._consumer.assign(
            [TopicPartition(topic, p, end if at_end else 0) for p, end in enumerate(ends)]
        )
        self._stopped = Event()
        self._thread = Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while not self._stopped.is_set():
            message = self._consumer.poll(0.2)
            if message is not None and not message.error():
                self.seen.append((now(), message.key(), message.value()))

    def take(self) -> list[tuple[float, bytes, bytes]]:
        """What was read since the last call."""
        taken, self.seen = self.seen, []
        return taken

    def close(self) -> None:
        self._stopped.set()
        self._thread.join()
        self._consumer.close()


@contextmanager
def live(broker: Stack, system: System, run: int) -> Iterator[tuple[Sender, Reader]]:
    """The system at work on an empty input, and someone who sends to it and reads its scores."""
    log = Log(broker.kafka)
    place = system.place(run, f"bench.live.{run}")
    system.lay_out(broker, place, PARTITIONS)
    if place.input == f"bench.live.{run}":
        log.create({place.input: logs.KEPT}, PARTITIONS)
    process = start(broker, system, place)
    reader = Reader(log, place.scores)
    try:
        sender = Sender(log, place.input)
        _wait_until_ready(process, sender, reader)
        yield sender, reader
    finally:
        reader.close()
        process.stop()
        log.forget([*topics_of(place)])


def topics_of(place: Place) -> tuple[str, ...]:
    return place.input, place.scores, place.flips, place.changelog


def _wait_until_ready(process: Measured, sender: Sender, reader: Reader) -> None:
    """Until every partition has answered: a few dozen tutors are in all of them."""
    for tutor in range(100):
        sender.send(tutor, time_ns() // 1_000_000)
    sender.flush()
    deadline = monotonic() + READY_SECONDS
    while len({key for _, key, _ in reader.seen}) < 100:
        process.sample()
        if monotonic() > deadline:
            raise RuntimeError(f"no scores in {READY_SECONDS} s:\n{process.last_lines()}")
        sleep(0.05)


def latencies(
    broker: Stack, system: System, rates: Sequence[int], seconds: float, run: int
) -> dict[str, dict[str, float]]:
    """Milliseconds by rate in events a second."""
    figures = {}
    with live(broker, system, run) as (sender, reader):
        for rate in rates:
            sender.paced(rate, WARM_UP_SECONDS)
            counted = len(sender.sent)
            sender.paced(rate, seconds)
            sleep(SETTLE_SECONDS)
            taken = _taken(system, sender.sent[counted:], reader)
            figures[str(rate)] = {"events": len(taken), **spread.of_times(taken)}
    return figures


def _taken(system: System, sent: Sequence[tuple[bytes, int, float]], reader: Reader) -> list[float]:
    """Milliseconds of each event until the first score of its tutor that has it in."""
    scores: defaultdict[bytes, list[tuple[int, float]]] = defaultdict(list)
    for at, key, value in list(reader.seen):
        scores[key].append((system.version(value), at))
    taken = []
    for key, offset, at in sent:
        said = scores[key]
        first = bisect_left(said, (offset, 0.0))
        if first == len(said):
            raise RuntimeError(f"no score has offset {offset} of {key.decode()} in")
        taken.append((said[first][1] - at) * 1000)
    return taken


def expiry_lags(broker: Stack, system: System, run: int) -> dict[str, float]:
    """Milliseconds from the instant at which an outcome leaves the 7 days until a score without
    it can be read, when nothing happens but that time passes."""
    with live(broker, system, run) as (sender, reader):
        random, due = Random(2), {}
        begin = time_ns() // 1_000_000 + EXPIRY_FROM_SECONDS * 1000
        for tutor in range(TUTORS, TUTORS + EXPIRIES):
            due[tutor_key(tutor)] = begin + random.randrange(EXPIRY_SPREAD_SECONDS * 1000)
            sender.send(tutor, due[tutor_key(tutor)] - WEEK)
        sender.flush()
        sleep(EXPIRY_FROM_SECONDS + EXPIRY_SPREAD_SECONDS + 2 * SETTLE_SECONDS)
        seen = list(reader.seen)
    lags: dict[bytes, float] = {}
    for at, key, value in seen:
        if key in due and key not in lags and system.score(value).as_of >= due[key]:
            lags[key] = at * 1000 - due[key]
    if len(lags) < len(due):
        raise RuntimeError(f"{len(due) - len(lags)} of {len(due)} expiries were never said")
    return {"events": len(lags), **spread.of_times(list(lags.values()))}


def _event(number: int, tutor: int, occurred: int, random: Random) -> SessionEvent:
    moved = random.random() < 0.2
    return SessionEvent(
        event_id=f"e0000000-0000-4000-8000-{number:012x}",
        event_type=EventType.CANCELLED if moved else EventType.COMPLETED,
        session_id=f"50000000-0000-4000-8000-{number:012x}",
        tutor_id=tutor_key(tutor).decode(),
        student_id="student",
        scheduled_start=occurred - HOUR,
        occurred_at=occurred,
        duration_minutes=60,
        initiator=InitiatorName.TUTOR if moved else None,
    )
