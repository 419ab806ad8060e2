"""Many schedules, and the mistakes that they must see."""

import gc
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from multiprocessing import get_context
from traceback import format_exc
from typing import Any

from schemas import codec
from schemas.lifecycle import LifecycleBatch, decoding, records
from tutor_quality.campaign.sim.checks import problems
from tutor_quality.campaign.sim.planted import MISTAKES, Mistake, planted, replaced
from tutor_quality.campaign.sim.process import Stuck
from tutor_quality.campaign.sim.schedule import HISTORY_SHARED_BY, Say, Schedule
from tutor_quality.operations import resume

CAUGHT_WITHIN = 200
"""Schedules that a planted mistake may survive."""
STRIDE = HISTORY_SHARED_BY + 1
"""So that each of these schedules has a history of its own."""
BROKEN = "the program broke: "
PIECE = 20_000
"""Schedules of one process."""
DIVERGED_KEPT = 100
COLLECTED_EVERY = 1_000
"""Schedules. They leave no cycles behind; this is for those that production code may make."""
REMEMBERED = 4_000
"""Records and batches whose decoding is kept: those of the neighbouring schedules."""


@dataclass(slots=True)
class Divergence:
    seed: int
    problems: list[str]


@dataclass(slots=True)
class Result:
    schedules: int = 0
    faults: int = 0
    divergences: int = 0
    diverged: list[int] = field(default_factory=list)
    """The first seeds that did."""
    first_divergence: Divergence | None = None
    planted: int = 0
    caught: int = 0
    caught_by: dict[str, int | None] = field(default_factory=dict)
    """Planted mistake -> schedules until it was caught; None = it was not."""

    @property
    def holds(self) -> bool:
        return self.divergences == 0 and self.caught == self.planted

    def see(self, seed: int, faults: int, problems: list[str]) -> None:
        """Of one schedule."""
        self.add(Result(schedules=1, faults=faults))
        if problems:
            self.add(Result(0, 0, 1, [seed], Divergence(seed, problems)))

    def add(self, later: "Result") -> None:
        """Schedules that ran after these."""
        self.schedules += later.schedules
        self.faults += later.faults
        self.divergences += later.divergences
        self.diverged = (self.diverged + later.diverged)[:DIVERGED_KEPT]
        self.first_divergence = self.first_divergence or later.first_divergence

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def run_in_pieces(seeds: range) -> Iterator[Result]:
    """What there is after each piece; each runs in a process of its own, with whose end goes
    whatever the program may have kept."""
    result = Result()
    yield result
    for first in range(0, len(seeds), PIECE):
        with ProcessPoolExecutor(1, mp_context=get_context("fork")) as process:
            result.add(process.submit(run_schedules, seeds[first : first + PIECE]).result())
        yield result


def run_schedules(seeds: Iterable[int]) -> Result:
    result = Result()
    with _decoding_remembered(), _garbage_collected_between() as collect:
        for seed in seeds:
            result.see(seed, *run_one(seed))
            if result.schedules % COLLECTED_EVERY == 0:
                collect()
    return result


def run_one(seed: int, say: Say | None = None) -> tuple[int, list[str]]:
    """How many faults there were, and what is wrong."""
    schedule = Schedule(seed, say)
    try:
        schedule.run()
        found = problems(schedule)
    except Stuck as error:
        found = [str(error)]
    except Exception:  # noqa: BLE001  # whatever production code raises is a finding
        found = [f"{BROKEN}{format_exc()}"]
    return schedule.faults.total(), found


def catch(mistake: Mistake) -> int | None:
    """Schedules until the mistake is seen, always the same ones; None = it survived all."""
    with planted(mistake), _decoding_remembered():
        for count in range(CAUGHT_WITHIN):
            found = run_one(count * STRIDE)[1]
            # A mistake that breaks the program proves nothing about the checks.
            if found and not found[0].startswith(BROKEN):
                return count + 1
    return None


def catch_all(result: Result) -> None:
    for mistake in MISTAKES:
        result.planted += 1
        result.caught_by[mistake.name] = catch(mistake)
        result.caught += result.caught_by[mistake.name] is not None


@contextmanager
def _garbage_collected_between() -> Iterator[Callable[[], object]]:
    """The collector would walk through the logs of a schedule again and again while it runs."""
    gc.disable()
    try:
        yield gc.collect
    finally:
        gc.enable()


@contextmanager
def _decoding_remembered() -> Iterator[None]:
    """Production code decodes a batch once, not for every redelivery, question and schedule."""
    decode = lru_cache(maxsize=REMEMBERED)(decoding.decode_lifecycle)
    one = lru_cache(maxsize=REMEMBERED)(records.decode_record)
    asked = lru_cache(maxsize=REMEMBERED)(codec.decode)

    def decode_lists(*columns: list[Any]) -> LifecycleBatch:
        return decode(*map(tuple, columns))

    with (
        replaced(decoding, "decode_lifecycle", decode_lists),
        replaced(decoding, "decode_record", one),
        replaced(resume, "decode", asked),
    ):
        yield
