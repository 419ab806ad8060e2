"""Many schedules, and the mistakes that they must see."""

import gc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from traceback import format_exc
from typing import Any

from schemas.lifecycle import LifecycleBatch, decoding, records
from tutor_quality.campaign.sim.checks import problems
from tutor_quality.campaign.sim.planted import MISTAKES, Mistake, planted, replaced
from tutor_quality.campaign.sim.schedule import HISTORY_SHARED_BY, Say, Schedule, Stuck

CAUGHT_WITHIN = 200
"""Schedules that a planted mistake may survive."""
STRIDE = HISTORY_SHARED_BY + 1
"""So that each of these schedules has a history of its own."""
BROKEN = "the program broke: "
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
    first_divergence: Divergence | None = None
    planted: int = 0
    caught: int = 0
    caught_by: dict[str, int | None] = field(default_factory=dict)
    """Planted mistake -> schedules until it was caught; None = it was not."""

    @property
    def holds(self) -> bool:
        return self.divergences == 0 and self.caught == self.planted

    def as_dict(self) -> dict[str, object]:
        return asdict(self)


def run_schedules(seeds: Iterable[int]) -> Result:
    result = Result()
    # Nothing here makes cycles in numbers; looking for them as often as by default costs 15 %.
    gc.set_threshold(50_000, 20, 20)
    with _decoding_remembered():
        for seed in seeds:
            faults, found = run_one(seed)
            result.schedules += 1
            result.faults += faults
            if found:
                result.divergences += 1
                result.first_divergence = result.first_divergence or Divergence(seed, found)
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
def _decoding_remembered() -> Iterator[None]:
    """Production code decodes a batch once, not once for every redelivery and schedule."""
    decode = lru_cache(maxsize=REMEMBERED)(decoding.decode_lifecycle)
    one = lru_cache(maxsize=REMEMBERED)(records.decode_record)

    def decode_lists(*columns: list[Any]) -> LifecycleBatch:
        return decode(*map(tuple, columns))

    with (
        replaced(decoding, "decode_lifecycle", decode_lists),
        replaced(decoding, "decode_record", one),
    ):
        yield
