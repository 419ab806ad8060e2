"""A campaign: schedule after schedule on clusters that live through many of them."""

import asyncio
import shutil
import statistics
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import monotonic

from confluent_kafka import Producer

from schemas.topics import LIFECYCLE
from tutor_quality.campaign.nemesis.cluster import PARTITIONS, Cluster
from tutor_quality.campaign.nemesis.load import SPAN, Load, a_load
from tutor_quality.campaign.nemesis.nemesis import Nemesis
from tutor_quality.campaign.nemesis.observed import GENERATION, Topics, read_tables
from tutor_quality.campaign.nemesis.oracles import Ledger, check
from tutor_quality.campaign.nemesis.plan import WORKERS, Plan, draw
from tutor_quality.campaign.nemesis.settle import leaks, settle
from tutor_quality.errors import TransientFailure
from tutor_quality.ingest.producer import DURABLE
from tutor_quality.settings import Settings
from tutor_quality.verify.run import Question, verify_now

Say = Callable[[str], None]
START = 631_152_000_000
"""1990-01-01: the broker refuses records of the future, and each schedule has its own time."""
OF_ONE_CLUSTER = 100
"""Schedules; then logs and tables begin anew."""
BEAT_SECONDS = 0.05
DELIVERY_SECONDS = 180.0


@dataclass(slots=True)
class Schedule:
    """What came of one."""

    seed: int
    plan: Plan
    faults: list[str] = field(default_factory=list)
    """Kinds of those that took place."""
    records: int = 0
    compared: int = 0
    seconds: float = 0.0
    heal_seconds: float = 0.0
    """From the last mending until nothing was behind."""
    restarts: int = 0
    problems: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Result:
    schedules: list[Schedule] = field(default_factory=list)
    fates: Counter[str] = field(default_factory=Counter)
    repeats: Counter[str] = field(default_factory=Counter)

    @property
    def divergences(self) -> int:
        return sum(bool(schedule.problems) for schedule in self.schedules)

    def as_dict(self) -> dict[str, object]:
        heals = [schedule.heal_seconds for schedule in self.schedules]
        by_fault = Counter(kind for schedule in self.schedules for kind in schedule.faults)
        return {
            "schedules": len(self.schedules),
            "faults": by_fault.total(),
            "divergences": self.divergences,
            "by_fault": dict(sorted(by_fault.items())),
            "recovery": {
                "until_nothing_is_behind_s": {
                    "p50": round(statistics.median(heals), 2) if heals else None,
                    "max": round(max(heals), 2) if heals else None,
                }
            },
            "records": sum(schedule.records for schedule in self.schedules),
            "fates": dict(sorted(self.fates.items())),
            "repeats": dict(sorted(self.repeats.items())),
            "compared": sum(schedule.compared for schedule in self.schedules),
            "restarts": sum(schedule.restarts for schedule in self.schedules),
            "diverged": [
                {"seed": s.seed, "faults": [str(f) for f in s.plan.faults], "problems": s.problems}
                for s in self.schedules
                if s.problems
            ],
        }


def run_schedules(seeds: range, settings: Settings, say: Say) -> Result:
    """Each seed is one schedule; its draw depends on nothing else.

    After a divergence the logs are kept, their place is told, and a new cluster goes on.
    """
    result = Result()
    left = list(seeds)
    while left:
        with _a_folder(result, say) as folder:
            cluster = Cluster(folder, settings)
            with cluster.running(WORKERS):
                _on_one_cluster(cluster, left, result, say)
    return result


def _on_one_cluster(cluster: Cluster, left: list[int], result: Result, say: Say) -> None:
    """Takes seeds off `left`."""
    series = Series(cluster, say)
    try:
        series.begin()
        for _ in range(min(OF_ONE_CLUSTER, len(left))):
            schedule = series.run(left.pop(0))
            result.schedules.append(schedule)
            if schedule.problems:
                return
        result.schedules[-1].problems += series.finish()
    finally:
        result.fates += series.ledger.fates
        result.repeats += series.ledger.repeats


@contextmanager
def _a_folder(result: Result, say: Say) -> Iterator[Path]:
    """Removed unless something diverged in it."""
    before = result.divergences
    folder = Path(tempfile.mkdtemp(prefix="tq-nemesis-"))
    try:
        yield folder
    finally:
        if result.divergences > before:
            say(f"logs are kept in {folder}")
        else:
            shutil.rmtree(folder)


class Series:
    """Schedules on one cluster."""

    def __init__(self, cluster: Cluster, say: Say) -> None:
        self._cluster = cluster
        self._say = say
        self._topics = Topics(cluster.addresses.bootstrap)
        self._place = 0
        self.ledger = Ledger()

    def begin(self) -> None:
        """Returns when everything works. Raises TransientFailure."""
        calm = self._carry_out(Schedule(0, Plan(())))
        if calm.problems:
            raise TransientFailure(f"it does not even work without faults: {calm.problems}")

    def run(self, seed: int) -> Schedule:
        plan = draw(Random(seed))
        self._say(f"schedule {seed}")
        return self._carry_out(Schedule(seed, plan))

    def finish(self) -> list[str]:
        """What does not hold after all schedules: for tutors of earlier ones time went on."""
        quiet = self._carry_out(Schedule(0, Plan(())))
        problems = [f"at the end: {problem}" for problem in quiet.problems]
        if unhealed := self.ledger.unhealed():
            problems.append(f"compaction would keep old records of {unhealed[:5]}")
        where = self._cluster.addresses
        question = Question(where.bootstrap, where.database_url, GENERATION, all_transitions=True)
        answer = asyncio.run(verify_now(question))
        problems += [f"at the end: {difference}" for difference in answer.proof.differences[:20]]
        return problems

    def _carry_out(self, schedule: Schedule) -> Schedule:
        began, starts = monotonic(), self._starts()
        nemesis = Nemesis(self._cluster, self._say)
        load = self._next_load(schedule)
        schedule.records = len(load.records)
        try:
            with _sending(load, schedule.plan.seconds, self._cluster.addresses.bootstrap):
                nemesis.carry_out(schedule.plan)
            nemesis.heal()
            healed = monotonic()
            settle(self._cluster, load.end)
            schedule.heal_seconds = monotonic() - healed
            schedule.compared, schedule.problems = self._check(load)
            schedule.problems += leaks(self._cluster)
        except TransientFailure as stuck:
            schedule.problems += [str(stuck), *self._cluster.tell_where_workers_are()]
        schedule.problems += nemesis.problems
        schedule.faults = nemesis.done
        schedule.seconds = monotonic() - began
        schedule.restarts = self._starts() - starts
        self._tell(schedule)
        return schedule

    def _next_load(self, schedule: Schedule) -> Load:
        start = START + self._place * SPAN
        self._place += 1
        random = Random(f"load {schedule.seed} {self._place if not schedule.plan.faults else ''}")
        return a_load(random, start, schedule.plan.storms, PARTITIONS)

    def _check(self, load: Load) -> tuple[int, list[str]]:
        self.ledger.take(self._topics.news())
        tables = asyncio.run(read_tables(self._cluster.addresses.database_url, load.tutors))
        return check(self.ledger, load, tables)

    def _starts(self) -> int:
        return sum(service.starts for service in self._cluster.services())

    def _tell(self, schedule: Schedule) -> None:
        self._say(
            f"  {schedule.records} records, {schedule.compared} values compared, "
            f"{schedule.restarts} starts, nothing behind after {schedule.heal_seconds:.1f} s, "
            f"{schedule.seconds:.1f} s in all"
        )
        for problem in schedule.problems:
            self._say(f"  DIVERGED: {problem}")


@contextmanager
def _sending(load: Load, seconds: float, bootstrap: str) -> Iterator[None]:
    """Send the load meanwhile, spread over the time. Raises TransientFailure if not all of it
    was taken in the end."""
    failures: list[str] = []
    thread = threading.Thread(target=_send, args=(load, seconds, bootstrap, failures))
    thread.start()
    try:
        yield
    finally:
        thread.join()
    if failures:
        raise TransientFailure(f"the load was not taken: {failures[0]}")


def _send(load: Load, seconds: float, bootstrap: str, failures: list[str]) -> None:
    """Past the proxy, in the order of the load."""
    producer = Producer(
        {
            "bootstrap.servers": bootstrap,
            "partitioner": "murmur2_random",
            **DURABLE,
            "linger.ms": 5,
            "log_level": 0,
        }
    )

    def delivered(error: object, _: object) -> None:
        if error is not None:
            failures.append(str(error))

    began, total = monotonic(), len(load.records)
    for number, record in enumerate(load.records):
        due = began + seconds * number / total
        while (wait := due - monotonic()) > 0:
            producer.poll(min(wait, BEAT_SECONDS))
        place = {} if record.partition is None else {"partition": record.partition}
        producer.produce(
            LIFECYCLE.name,
            record.value,
            record.key,
            timestamp=record.timestamp,
            on_delivery=delivered,
            **place,
        )
    if left := producer.flush(DELIVERY_SECONDS):
        failures.append(f"{left} records are still on their way")
